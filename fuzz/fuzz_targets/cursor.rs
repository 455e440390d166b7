//! Cursors of lists: what is read is written the same.
#![no_main]

use flowmastery_core::{model::listing::ListingPosition, page::Cursor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
    if let Ok(cursor) = text.parse::<Cursor<ListingPosition>>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
});

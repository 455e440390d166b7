//! Texts that are kept beside a test, so that every change of them shows.

use std::{fs, path::Path};

/// Whether snapshots are written instead of compared: after a change that is meant.
pub fn is_writing() -> bool {
    std::env::var_os("FLOWMASTERY_WRITE_SNAPSHOTS").is_some()
}

/// Insists that a text is the one in the file, or writes it there.
#[track_caller]
pub fn assert_kept(file: &Path, found: &str) {
    if is_writing() {
        fs::write(file, found).unwrap();
    }
    assert_same(&fs::read_to_string(file).unwrap(), found);
}

/// Insists that two texts are the same, and shows where they are not.
#[track_caller]
pub fn assert_same(expected: &str, found: &str) {
    if expected == found {
        return;
    }
    let alike = expected.lines().zip(found.lines()).take_while(|(expected, found)| expected == found).count();
    let around =
        |text: &str| text.lines().skip(alike.saturating_sub(6)).take(12).collect::<Vec<_>>().join("\n");
    panic!("line {}, expected:\n{}\n--- found:\n{}", alike + 1, around(expected), around(found));
}

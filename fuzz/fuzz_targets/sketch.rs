//! Stored sketches: what is read is written the same, and can be merged and asked.
#![no_main]

use flowmastery_core::model::sketch::Sketch;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(sketch) = Sketch::from_bytes(bytes) else { return };
    assert_eq!(Sketch::from_bytes(&sketch.to_bytes().unwrap()).unwrap(), sketch);
    let median = sketch.quantile(0.5);
    assert_eq!(median.is_none(), sketch.is_empty());
    let mut twice = sketch.clone();
    twice.merge(&sketch);
    twice.record(1000, 1);
    assert!(twice.quantile(1.0) >= median);
});

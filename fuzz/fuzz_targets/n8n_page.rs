//! What n8n answers, or whatever stands in its place.
#![no_main]

use flowmastery_core::n8n::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = wire::decode_executions(bytes);
    let _ = wire::decode_workflows(bytes);
    let _ = wire::decode_execution(bytes);
    let _ = wire::decode_insights(bytes);
});

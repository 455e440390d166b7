//! Benchmarks of FlowMastery: every figure stands beside a limit that was measured in the same run, by the plainest code that does
//! the same, so that the ratio holds on any machine.
//!
//! `scripts/bench` runs all of them and `src/bin/bench.rs` lists them. A section is a module with a `run` that checks its results against known answers
//! outside of the timed part, says sizes, warm-up and concurrency, and hands in rows.

pub mod aggregate;
pub mod ingest;
pub mod measure;
pub mod report;
pub mod sample;

/// What a benchmark ends with. Nothing is reported of one that fails.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

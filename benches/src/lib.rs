//! Benchmarks of FlowMastery: every figure stands beside a limit that was measured in the same run, by the plainest code that does
//! the same, so that the ratio holds on any machine.
//!
//! `scripts/bench` runs all of them and `src/bin/bench.rs` lists them. A section is a module with a `run` that checks its results against known answers
//! outside of the timed part, says sizes, warm-up and concurrency, and hands in rows.

pub mod aggregate;
pub mod counted;
pub mod counts;
pub mod flood;
pub mod http;
pub mod ingest;
pub mod login;
pub mod measure;
pub mod n8n_process;
pub mod program;
pub mod publish;
pub mod query;
pub mod report;
pub mod sample;
pub mod scale;
pub mod start;
pub mod tenants;

/// What a benchmark ends with. Nothing is reported of one that fails.
pub type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

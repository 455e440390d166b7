//! What the integration tests start for themselves: throw-away servers that end with the test process, and worlds over them.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "without its servers and its world a test has nothing to say"
)]

pub mod access_log;
pub mod backend;
pub mod chromium;
pub mod cookies;
pub mod executions;
pub mod kill;
pub mod own_postgres;
pub mod postgres;
pub mod program;
pub mod redis;
pub mod smtp;
pub mod snapshot;
pub mod supervised;
pub mod visitor;
pub mod world;

/// The programs of the page on embedding compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/EMBEDDING.md")]
mod embedding {}

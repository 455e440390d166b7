//! What the integration tests start for themselves: throw-away servers that end with the test process.
#![expect(clippy::expect_used, reason = "without its servers a test has nothing to say")]

pub mod postgres;
pub mod redis;
mod supervised;

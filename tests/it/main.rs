//! The integration tests: one binary, one module a subject.
#![cfg(test)] // tells clippy that helpers of tests are tests, too

mod schema;
mod store;

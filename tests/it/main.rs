//! The integration tests: one binary, one module a subject.

mod schema;
mod store;

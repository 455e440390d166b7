//! The integration tests: one binary, one module a subject.
#![cfg(test)] // tells clippy that helpers of tests are tests, too

mod accounts;
mod architecture;
mod audit;
mod bad_input;
mod browser;
mod cache;
mod cluster;
mod coarse;
mod collect;
mod contracts;
mod dashboard;
mod debug_output;
mod document;
mod faults;
mod feed;
mod hosts;
mod http;
mod import;
mod keys;
mod mail;
mod oracle;
mod postgres;
mod python_faults;
mod schema;
mod secrets;
mod security;
mod seed;
mod several_hosts;
mod standalone;
mod store;
mod sums;
mod throttles;
mod views;

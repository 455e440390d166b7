//! FlowMastery's services: tenants, roles, encrypted n8n keys, collection and metrics.

pub mod access;
pub mod app;
pub mod cache;
pub mod clock;
mod digest;
pub mod entropy;
pub mod error;
pub mod id;
pub mod mail;
pub mod model;
pub mod n8n;
pub mod page;
pub mod secret;
pub mod service;
pub mod store;
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;

pub use app::{Builder, Config, Flowmastery};

//! The port through which a service that needs a collection asks for it, without knowing who collects.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::id::ClientId;

/// Collects a client's executions on request.
#[async_trait]
pub trait CollectionRequests: Send + Sync + fmt::Debug {
    /// Collects now, or joins the collection that is under way, and waits at most `patience` for its end. The collection goes on
    /// when patience ends; how it went is read from the store.
    async fn collect_now(&self, client: ClientId, patience: Duration);

    /// Collects now with the configuration of now: ends the collection that is under way, and begins another.
    fn restart(&self, client: ClientId);

    /// Whether clients are collected as they become due.
    fn is_running(&self) -> bool;
}

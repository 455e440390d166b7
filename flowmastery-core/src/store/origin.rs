//! Slots of origins: which host asks an n8n, where several share one database.

use async_trait::async_trait;

use super::{StoreResult, Term};
use crate::clock::Timestamp;

/// One slot for each origin (scheme, host and port), over all hosts. Not data of a tenant: the n8n of several may lie behind one.
///
/// On SQLite there is one host, so that every slot is granted, and nothing is written.
#[async_trait]
pub trait OriginStore: Send + Sync {
    /// Takes the slot of an origin when it is free, has run out, or is the holder's own; whether it is the holder's now. Who does not get it
    /// and asks again soon is next, so that a host which has much to ask does not keep the others away.
    async fn take_origin(&self, origin: &str, holder: &str, term: Term) -> StoreResult<bool>;

    /// Holds a slot longer; `false` when another one has it.
    async fn keep_origin(&self, origin: &str, holder: &str, until: Timestamp) -> StoreResult<bool>;

    /// Frees the slot of an origin, if this one holds it, or waits no longer for it.
    async fn free_origin(&self, origin: &str, holder: &str) -> StoreResult<()>;
}

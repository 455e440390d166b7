//! Reads for a verification of a client's numbers; nothing is changed.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        execution::{Execution, Status},
        rollup::Range,
        verification::{Fate, Reach},
    },
};

/// What is kept of a client's executions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Ended ones of the database that n8n has now.
    pub ended: i64,
    /// Unfinished ones of it.
    pub unfinished: i64,
    /// Those of databases that it had before.
    pub earlier: i64,
    /// Those that end before they start.
    pub negative: i64,
}

/// Rollups counted again from the rows that are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recount {
    /// Quarter hours of workflows that have all of their rows.
    pub compared: i64,
    /// Those of which rows have aged out.
    pub aged: i64,
    /// Those that differ, as text for people.
    pub differing: Vec<String>,
}

/// Reads for a verification.
#[async_trait]
pub trait VerificationStore: Send + Sync {
    /// How far the collection of a client is; `None` before the first success and for a client outside of the scope.
    async fn reach(&self, scope: TenantScope, client: ClientId) -> StoreResult<Option<Reach>>;

    /// What is known of executions that n8n lists, in their order.
    async fn fates(
        &self,
        scope: TenantScope,
        client: ClientId,
        listed: &[Execution],
    ) -> StoreResult<Vec<Fate>>;

    /// How many executions are kept that started at an instant or later.
    async fn count_kept(&self, scope: TenantScope, client: ClientId, since: Timestamp) -> StoreResult<Kept>;

    /// Counts every rollup again: quarter hours from the rows that are kept, hours and days from quarter hours.
    async fn recount(&self, scope: TenantScope, client: ClientId) -> StoreResult<Recount>;

    /// How many executions of each mode and status are kept of a span.
    async fn count_modes(
        &self,
        scope: TenantScope,
        client: ClientId,
        range: Range,
    ) -> StoreResult<Vec<(String, Status, i64)>>;
}

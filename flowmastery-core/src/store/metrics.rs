//! Reads for metrics: everything that an answer needs, in one consistent snapshot.

use async_trait::async_trait;

use super::{CollectionRecord, StoreResult};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        client::ClientName,
        execution::Class,
        rollup::{FastMap, Range, Tally},
        workflow::{WorkflowId, WorkflowRecord},
    },
};

/// Which rollups a snapshot sums.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsQuery {
    /// Each is summed on its own; the ends are quarter hours.
    pub ranges: Vec<Range>,
    /// The classes that count.
    pub classes: Vec<Class>,
}

/// What is known of one client.
#[derive(Clone, Debug)]
pub struct ClientSnapshot {
    /// Whose.
    pub client_id: ClientId,
    /// The client's name.
    pub name: ClientName,
    /// Whether an n8n is configured.
    pub configured: bool,
    /// How its collection stands.
    pub collection: CollectionRecord,
    /// Start of the oldest bucket; `None` when there is none.
    pub oldest_bucket: Option<Timestamp>,
    /// Its workflows, by id.
    pub workflows: Vec<WorkflowRecord>,
    /// For each range of the query, the sums per workflow; workflows without executions are absent.
    pub tallies: Vec<FastMap<WorkflowId, Tally>>,
}

/// Reads for metrics.
#[async_trait]
pub trait MetricsStore: Send + Sync {
    /// One client, or with `None` every client of the scope, ascending by id. Deleted clients are gone.
    async fn snapshots(
        &self,
        scope: TenantScope,
        client: Option<ClientId>,
        query: &MetricsQuery,
    ) -> StoreResult<Vec<ClientSnapshot>>;
}

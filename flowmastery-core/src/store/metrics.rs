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
        series::{SeriesPlan, TooManyPoints},
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

/// The points of a series over one client or several.
#[derive(Clone, Debug)]
pub struct SeriesSnapshot {
    /// Whether a collection of any of them ever succeeded; else no tally means anything.
    pub known: bool,
    /// The start of each point with the sums of the clients that are known.
    pub points: Result<Vec<(Timestamp, Tally)>, TooManyPoints>,
}

/// What ran of a client on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// Whose.
    pub client_id: ClientId,
    /// The start of the day, UTC.
    pub day: Timestamp,
    /// All executions that are counted on it.
    pub total: i64,
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

    /// The series of one client, or with `None` that over every client of the scope. `None` where there is no such client.
    async fn series(
        &self,
        scope: TenantScope,
        client: Option<ClientId>,
        plan: &SeriesPlan,
    ) -> StoreResult<Option<SeriesSnapshot>>;

    /// What ran of each of these clients on each day (UTC) that begins in the range, ascending by client and day. Days without executions are
    /// absent, and so are clients that are deleted, or outside of the scope.
    async fn day_counts(
        &self,
        scope: TenantScope,
        clients: &[ClientId],
        range: Range,
        classes: &[Class],
    ) -> StoreResult<Vec<DayCount>>;
}

//! Executions as collected: the ledger, its rollups, and how far collection is.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{client::Progress, collection::Failure, execution::Execution, workflow::Workflow},
};

/// Where the next collection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionState {
    /// Which life of which instance the ids belong to.
    pub epoch: i64,
    /// The newest id at the start of the last collection that was completed; everything up to it was read then, but for what n8n hid.
    /// `None` until the first back-fill is complete.
    pub complete_to: Option<ExecutionId>,
    /// The newest id that is stored.
    pub newest: Option<ExecutionId>,
}

/// An execution that was unfinished when last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenExecution {
    /// Its id.
    pub id: ExecutionId,
    /// Answers of 404 in a row.
    pub misses: i16,
}

/// Executions that were read together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The epoch they were read for.
    pub epoch: i64,
    /// In any order; of one that stands twice the later counts.
    pub executions: Vec<Execution>,
    /// When they were read.
    pub read_at: Timestamp,
    /// How far the first back-fill is with them; `None` when none is under way.
    pub progress: Option<Progress>,
}

/// What applying a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is stored; so many executions were new or had changed.
    Stored {
        /// How many.
        changed: usize,
    },
    /// The client is gone, has no n8n any more, or is in another epoch: nothing was stored.
    Superseded,
}

/// How a collection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectionOutcome {
    /// Everything was read from the newest id at its start (`None` when n8n has no executions).
    Complete {
        /// The epoch that was read.
        epoch: i64,
        /// The newest id at its start.
        newest: Option<ExecutionId>,
    },
    /// Something was in the way.
    Failed(Failure),
}

/// Executions, rollups and the state of collection.
#[async_trait]
pub trait ExecutionStore: Send + Sync {
    /// Notes that a collection is tried, so that the client is not due again at once whatever becomes of it, and says where it goes
    /// on; `None` when the client is gone or has no n8n.
    async fn begin_collection(
        &self,
        scope: TenantScope,
        client: ClientId,
        now: Timestamp,
    ) -> StoreResult<Option<CollectionState>>;

    /// Stores executions and applies what they change to the rollups, in one transaction; doing it again changes nothing.
    async fn apply_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        batch: Batch,
    ) -> StoreResult<Applied>;

    /// Stores what n8n lists as workflows: names and states; those not in the list become deleted, and keep their numbers.
    async fn save_workflows(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflows: &[Workflow],
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Unfinished executions of the current epoch, oldest id first.
    async fn open_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        limit: u16,
    ) -> StoreResult<Vec<OpenExecution>>;

    /// Notes that n8n no longer has an unfinished execution; after the third time in a row it is counted as `unknown`.
    async fn miss_execution(
        &self,
        scope: TenantScope,
        client: ClientId,
        id: ExecutionId,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Notes how a collection ended.
    async fn finish_collection(
        &self,
        scope: TenantScope,
        client: ClientId,
        outcome: &CollectionOutcome,
        now: Timestamp,
    ) -> StoreResult<()>;
}

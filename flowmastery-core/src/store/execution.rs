//! Executions as collected: the ledger, its rollups, and how far collection is.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{client::Progress, collection::Failure, execution::Execution, workflow::Workflow},
};

/// The right to change the numbers of a client: whoever begins a collection gets it, and loses it when another one begins, when the n8n
/// is configured anew and when the client is deleted. What is written without it is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose numbers.
    pub client: ClientId,
    /// Counts up with every turn of the client.
    pub number: i64,
}

/// Where a collection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionState {
    /// The right to store what it reads.
    pub turn: Turn,
    /// Whether the instance at the configured address is known to be the one that the stored executions are of.
    pub identified: bool,
    /// The newest id at the start of the last collection that was completed, 0 when there was none; everything up to it was read then, but
    /// for what n8n hid. `None` until the first back-fill is complete.
    pub complete_to: Option<ExecutionId>,
    /// The newest id that is stored.
    pub newest: Option<ExecutionId>,
}

/// Executions that were read together.
#[derive(Clone, Debug)]
pub struct Batch {
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
    /// The turn is over: nothing was stored.
    Superseded,
}

/// How a collection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectionOutcome {
    /// Everything was read from this newest id at its start; `None` when n8n has no executions.
    Complete(Option<ExecutionId>),
    /// Something was in the way.
    Failed(Failure),
}

/// Executions, rollups and the state of collection.
#[async_trait]
pub trait ExecutionStore: Send + Sync {
    /// Begins a collection: ends the turn before, notes the attempt, so that the client is not due again at once whatever becomes of it,
    /// and says where it goes on. `None` when the client is gone or has no n8n.
    async fn begin_collection(
        &self,
        scope: TenantScope,
        client: ClientId,
        now: Timestamp,
    ) -> StoreResult<Option<CollectionState>>;

    /// Finds out from executions that were just read whether their instance is the one that we know, one that we knew before, or a new
    /// one, and from now on stores under the epoch of that one: ids start at 1 in every database. An instance that is not identified and shares
    /// no execution with what is stored counts as a new one. `None` when the turn is over.
    async fn identify(
        &self,
        scope: TenantScope,
        turn: Turn,
        seen: &[Execution],
    ) -> StoreResult<Option<CollectionState>>;

    /// Stores executions and applies what they change to the rollups, in one transaction; doing it again changes nothing.
    async fn apply_executions(&self, scope: TenantScope, turn: Turn, batch: Batch) -> StoreResult<Applied>;

    /// Stores what n8n lists as workflows: names and states; those not in the list become deleted, and keep their numbers. Nothing
    /// when the turn is over.
    async fn save_workflows(
        &self,
        scope: TenantScope,
        turn: Turn,
        workflows: &[Workflow],
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Ids of unfinished executions of the current epoch, ascending.
    async fn open_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        limit: u16,
    ) -> StoreResult<Vec<ExecutionId>>;

    /// Notes that n8n no longer has an unfinished execution; after the third time in a row it is counted as `unknown`. Nothing when the
    /// turn is over.
    async fn miss_execution(
        &self,
        scope: TenantScope,
        turn: Turn,
        id: ExecutionId,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Notes how a collection ended. Nothing when its turn is over.
    async fn finish_collection(
        &self,
        scope: TenantScope,
        turn: Turn,
        outcome: &CollectionOutcome,
        now: Timestamp,
    ) -> StoreResult<()>;
}

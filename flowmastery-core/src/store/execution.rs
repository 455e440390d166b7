//! Executions as collected: the ledger, its rollups, and how far collection is.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        client::Progress,
        collection::Failure,
        epoch::{Hearing, Verdict},
        execution::Execution,
        workflow::Workflow,
    },
};

/// The right to change the numbers of a client: whoever leases it gets it ([`super::LeaseStore`]), and loses it when another one does, when
/// the n8n is configured anew and when the client is deleted. What is written without it is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Whose numbers.
    pub client: ClientId,
    /// Counts up with every turn of the client.
    pub number: i64,
}

/// Where a collection goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectionState {
    /// The right to store what it reads.
    pub turn: Turn,
    /// Whether the instance at the configured address is known to be the one that the stored executions are of.
    pub identified: bool,
    /// The newest id at the start of the last collection that read the list to its floor, 0 when n8n had none. With `walk` or
    /// `back_filled`, everything from the end of that walk up to it was read, but for what n8n hid. `None` when nothing was read.
    pub complete_to: Option<ExecutionId>,
    /// Whether everything that n8n had was read once.
    pub back_filled: bool,
    /// The walk over everything that is under way.
    pub walk: Option<Walk>,
    /// When a walk last came to the end.
    pub walked_at: Option<Timestamp>,
    /// How many executions n8n kept then.
    pub listed: Option<i64>,
    /// Every id up to this one that was in no list has been asked for.
    pub probed_to: Option<ExecutionId>,
    /// Executions up to this id have aged out and need not be read again.
    pub aged_to: ExecutionId,
    /// When a collection last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// How many collections failed since.
    pub failures: i64,
    /// How far the back-fill is.
    pub progress: Option<Progress>,
    /// Executions that this collection proved to be the runs that we know, though their start moved. Not stored.
    pub proven: Vec<ExecutionId>,
}

/// A walk over everything that n8n has, from new to old, which goes on where it stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// n8n's cursor of the next page; `None` at the end.
    pub cursor: Option<String>,
    /// The lowest id that was read.
    pub below: ExecutionId,
    /// How many executions were read.
    pub rows: i64,
}

/// Executions that were read together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In any order; of one that stands twice the later counts.
    pub executions: Vec<Execution>,
    /// When they were read.
    pub read_at: Timestamp,
    /// How far a walk over everything is with them; `None` when they are not of one.
    pub walk: Option<Walk>,
    /// The newest id, where this is the beginning of the first walk.
    pub complete_to: Option<ExecutionId>,
    /// How far the back-fill is with them; `None` leaves it as it is.
    pub progress: Option<Progress>,
    /// Those that are known to be the runs that stand under their numbers, though they started at another time: they take their place,
    /// whatever they were.
    pub proven: Vec<ExecutionId>,
}

impl Batch {
    /// Executions of no walk.
    pub fn of(executions: Vec<Execution>, read_at: Timestamp) -> Self {
        Self { executions, read_at, walk: None, complete_to: None, progress: None, proven: Vec::new() }
    }
}

/// A span of ids that n8n listed no longer when they were to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruned {
    /// The newest that had been read.
    pub above: ExecutionId,
    /// The oldest that n8n still lists.
    pub below: ExecutionId,
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
    /// The newest of them are other runs than those that are stored under their numbers: they are of another life of the instance, and
    /// nothing was stored. The next collection has to find out which.
    Parted,
}

/// How a collection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CollectionOutcome {
    /// The list was read from this newest id at its start down to what is known; `None` when n8n has no executions.
    Complete(Option<ExecutionId>),
    /// Something was in the way.
    Failed(Failure),
}

/// Executions, rollups and the state of collection.
#[async_trait]
pub trait ExecutionStore: Send + Sync {
    /// Begins the collection of a turn: notes the attempt and when the next one is due whatever becomes of this, and says where to go on.
    /// `None` when the turn is over.
    async fn begin_collection(
        &self,
        scope: TenantScope,
        turn: Turn,
        now: Timestamp,
        next_attempt: Timestamp,
    ) -> StoreResult<Option<CollectionState>>;

    /// What executions that were just read say of the lives that are known; stores nothing. `None` when the turn is over.
    async fn hear(&self, scope: TenantScope, turn: Turn, seen: &[Execution]) -> StoreResult<Option<Hearing>>;

    /// From now on stores under the epoch of the verdict. One that is not the current one is a change that readers are told of; what is
    /// unfinished outside of its line can no longer be learnt and counts as `unknown`. `None` when the turn is over.
    async fn settle(
        &self,
        scope: TenantScope,
        turn: Turn,
        verdict: Verdict,
        now: Timestamp,
    ) -> StoreResult<Option<CollectionState>>;

    /// Stores executions and applies what they change to the rollups, in one transaction; doing it again changes nothing. Executions
    /// that have aged out are left alone.
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

    /// Unfinished executions of the current line with their starts, ascending by id.
    async fn open_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        limit: u16,
    ) -> StoreResult<Vec<(ExecutionId, Option<Timestamp>)>>;

    /// Notes that n8n no longer has an unfinished execution; after the third time in a row it is counted as `unknown`. Nothing when the
    /// turn is over.
    async fn miss_execution(
        &self,
        scope: TenantScope,
        turn: Turn,
        id: ExecutionId,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Ids between two, both exclusive of the lower and inclusive of the upper, under which nothing is stored in the current epoch,
    /// ascending; at most 1,000 ids below the upper are looked at.
    async fn missing_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        above: ExecutionId,
        to: ExecutionId,
    ) -> StoreResult<Vec<ExecutionId>>;

    /// Notes that every missing id up to this one was asked for. Nothing when the turn is over.
    async fn note_probed(&self, scope: TenantScope, turn: Turn, to: ExecutionId) -> StoreResult<()>;

    /// Notes a gap for readers where ids of the span are not stored, from the start of the last execution before it to that of the first
    /// one behind it. Nothing when the turn is over.
    async fn note_pruned(
        &self,
        scope: TenantScope,
        turn: Turn,
        span: Pruned,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Notes how a collection ended, counts executions as `unknown` that n8n has not confirmed for 7 days, and says when the next one is
    /// due. The turn goes on until its lease is given back. Nothing when it is over.
    async fn finish_collection(
        &self,
        scope: TenantScope,
        turn: Turn,
        outcome: &CollectionOutcome,
        when: Finished,
    ) -> StoreResult<()>;

    /// Removes at most `rows` ended executions of a client that started in a quarter hour before `before`, oldest first; how many went.
    /// They stay counted. The newest hundred of each epoch stay, by which an instance is known again.
    async fn age_out(
        &self,
        scope: TenantScope,
        client: ClientId,
        before: Timestamp,
        rows: u32,
    ) -> StoreResult<u64>;
}

/// When a collection ended, and when the next one is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its end.
    pub now: Timestamp,
    /// When the next one is due.
    pub next_attempt: Timestamp,
}

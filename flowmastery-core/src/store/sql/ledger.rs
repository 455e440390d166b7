//! Changes to the numbers of a client: executions and what follows from them.
//!
//! Whoever changes them holds a [`Ledger`], and with it the lock of the client's row of `collections`.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::FromRow;

use super::{
    SqlStore, dialect,
    fault::corrupt,
    pool::{Tx, execute, fetch_one, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        client::Progress,
        epoch::Evidence,
        execution::{Execution, Status},
        rollup::{FastMap, Fold, Recorded},
        workflow::WorkflowId,
    },
    store::{Batch, CollectionState, Failure, StoreResult, Turn},
};

/// After so many answers of 404 in a row an execution counts as `unknown`.
const MAX_MISSES: i16 = 3;

/// A row of `executions`. The bare integers are what [`dialect`] writes in bulk.
#[derive(FromRow, Serialize)]
pub(super) struct ExecutionRow {
    pub(super) execution_id: i64,
    pub(super) workflow_id: String,
    pub(super) status: i16,
    pub(super) mode: String,
    pub(super) started_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
    pub(super) retry_of: Option<i64>,
    pub(super) retry_success_id: Option<i64>,
    pub(super) bucket: i64,
    pub(super) misses: i16,
}

impl ExecutionRow {
    fn new(recorded: &Recorded, misses: i16) -> Self {
        let execution = &recorded.execution;
        Self {
            execution_id: execution.id.0,
            workflow_id: execution.workflow_id.as_str().to_owned(),
            // There are eight.
            status: execution.status.index() as i16,
            mode: execution.mode.to_string(),
            started_at: execution.started_at.map(Timestamp::as_millis),
            stopped_at: execution.stopped_at.map(Timestamp::as_millis),
            retry_of: execution.retry_of.map(|id| id.0),
            retry_success_id: execution.retry_success_id.map(|id| id.0),
            bucket: recorded.bucket.as_millis(),
            misses,
        }
    }
}

/// An execution as stored.
struct Known {
    recorded: Recorded,
    misses: i16,
}

impl TryFrom<ExecutionRow> for Known {
    type Error = crate::store::StoreError;

    fn try_from(row: ExecutionRow) -> StoreResult<Self> {
        let status = usize::try_from(row.status).ok().and_then(|index| Status::ALL.get(index).copied());
        let execution = Execution {
            id: ExecutionId(row.execution_id),
            workflow_id: WorkflowId::from(row.workflow_id.as_str()),
            status: status.ok_or_else(|| corrupt("executions", row.execution_id, "status"))?,
            mode: row.mode.into(),
            started_at: row.started_at.map(Timestamp::from_millis),
            stopped_at: row.stopped_at.map(Timestamp::from_millis),
            retry_of: row.retry_of.map(ExecutionId),
            retry_success_id: row.retry_success_id.map(ExecutionId),
        };
        let recorded = Recorded { execution, bucket: Timestamp::from_millis(row.bucket) };
        Ok(Self { recorded, misses: row.misses })
    }
}

/// A transaction on the numbers of one client, which nobody else changes meanwhile.
pub(super) struct Ledger {
    pub(super) tx: Tx,
    pub(super) client: ClientId,
    pub(super) epoch: i64,
    turn: i64,
}

impl Ledger {
    /// Takes the next turn and locks the numbers; `None` when the client is outside of the scope, gone or without an n8n.
    pub(super) async fn begin(
        store: &SqlStore,
        scope: TenantScope,
        client: ClientId,
        now: Timestamp,
    ) -> StoreResult<Option<Self>> {
        let mut tx = store.pool.begin().await?;
        let locked: Option<(i64, i64)> = fetch_optional!(
            tx.db(),
            "UPDATE collections SET turn = turn + 1, last_attempt_at = $3
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) RETURNING epoch, turn",
            client,
            scope.only(),
            now,
        )?;
        Self::of_configured(tx, client, locked).await
    }

    /// Locks the numbers for a turn; `None` when it is over, or the client is outside of the scope, gone or without an n8n.
    pub(super) async fn open(store: &SqlStore, scope: TenantScope, turn: Turn) -> StoreResult<Option<Self>> {
        let mut tx = store.pool.begin().await?;
        let locked: Option<(i64, i64)> = fetch_optional!(
            tx.db(),
            "UPDATE collections SET turn = turn
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND turn = $3 RETURNING epoch, turn",
            turn.client,
            scope.only(),
            turn.number,
        )?;
        Self::of_configured(tx, turn.client, locked).await
    }

    async fn of_configured(
        mut tx: Tx,
        client: ClientId,
        locked: Option<(i64, i64)>,
    ) -> StoreResult<Option<Self>> {
        let Some((epoch, turn)) = locked else { return Ok(None) };
        // A statement of its own, so that it sees what those who held the lock before have stored.
        let configured: Option<(bool,)> = fetch_optional!(
            tx.db(),
            "SELECT TRUE FROM clients WHERE id = $1 AND deleted_at IS NULL AND n8n_api_url IS NOT NULL",
            client,
        )?;
        Ok(configured.map(|_| Self { tx, client, epoch, turn }))
    }

    /// Where the collection goes on.
    pub(super) async fn state(&mut self) -> StoreResult<CollectionState> {
        let (identified, complete_to, newest): (bool, Option<ExecutionId>, Option<ExecutionId>) = fetch_one!(
            self.tx.db(),
            "SELECT k.identified, k.complete_to,
                    (SELECT MAX(e.execution_id) FROM executions e WHERE e.client_id = k.client_id AND e.epoch = k.epoch)
             FROM collections k WHERE k.client_id = $1",
            self.client,
        )?;
        let turn = Turn { client: self.client, number: self.turn };
        Ok(CollectionState { turn, identified, complete_to, newest })
    }

    /// Goes on with the epoch of the instance that these executions are of.
    pub(super) async fn identify(&mut self, seen: &[Execution]) -> StoreResult<()> {
        let (identified, epochs): (bool, i64) = fetch_one!(
            self.tx.db(),
            "SELECT identified, epochs FROM collections WHERE client_id = $1",
            self.client,
        )?;
        let current = self.epoch;
        let evidence = self.evidence(seen).await?;
        if evidence == Evidence::Same
            || (evidence == Evidence::Unclear && (identified || self.is_empty().await?))
        {
            return self.settle(current, epochs).await;
        }
        for earlier in (0..epochs).rev().filter(|epoch| *epoch != current) {
            self.epoch = earlier;
            if self.evidence(seen).await? == Evidence::Same {
                return self.settle(current, epochs).await;
            }
        }
        self.epoch = epochs;
        self.settle(current, epochs + 1).await
    }

    /// What the executions say of the instance of this ledger's epoch: one run that is the same says more than one that is not.
    async fn evidence(&mut self, seen: &[Execution]) -> StoreResult<Evidence> {
        let ids: Vec<i64> = seen.iter().map(|execution| execution.id.0).collect();
        let known = self.known(&ids).await?;
        let all: Vec<_> = seen
            .iter()
            .filter_map(|seen| Some(Evidence::of(&known.get(&seen.id)?.recorded.execution, seen)))
            .collect();
        let first = [Evidence::Same, Evidence::Other].into_iter().find(|evidence| all.contains(evidence));
        Ok(first.unwrap_or(Evidence::Unclear))
    }

    async fn is_empty(&mut self) -> StoreResult<bool> {
        let found: Option<(bool,)> = fetch_optional!(
            self.tx.db(),
            "SELECT TRUE FROM executions WHERE client_id = $1 AND epoch = $2 LIMIT 1",
            self.client,
            self.epoch,
        )?;
        Ok(found.is_none())
    }

    /// Notes that the instance is identified; with another epoch than before, everything it has is to be read.
    async fn settle(&mut self, before: i64, epochs: i64) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET identified = TRUE, epoch = $2, epochs = $3,
                 complete_to = CASE WHEN $4 THEN complete_to ELSE NULL END
             WHERE client_id = $1",
            self.client,
            self.epoch,
            epochs,
            self.epoch == before,
        )?;
        Ok(())
    }

    async fn known(&mut self, ids: &[i64]) -> StoreResult<FastMap<ExecutionId, Known>> {
        let rows = dialect::read_executions(&mut self.tx, self.client, self.epoch, ids).await?;
        let known = |row: ExecutionRow| Ok((ExecutionId(row.execution_id), Known::try_from(row)?));
        rows.into_iter().map(known).collect()
    }

    /// Stores what a fold changed, with its rollups and workflows; how many executions it changed.
    async fn store(&mut self, fold: &Fold, now: Timestamp) -> StoreResult<usize> {
        let rows: Vec<_> = fold.changed().map(|recorded| ExecutionRow::new(recorded, 0)).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        dialect::write_executions(&mut self.tx, self.client, self.epoch, &rows).await?;
        self.roll_up(fold).await?;
        self.note_executions(fold.changed().map(|recorded| &recorded.execution)).await?;
        self.bump(now).await?;
        Ok(rows.len())
    }

    /// Notes that the numbers changed.
    pub(super) async fn bump(&mut self, now: Timestamp) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET data_version = data_version + 1, changed_at = $2 WHERE client_id = $1",
            self.client,
            now,
        )?;
        Ok(())
    }

    async fn set_misses(&mut self, id: ExecutionId, misses: i16) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE executions SET misses = $4 WHERE client_id = $1 AND epoch = $2 AND execution_id = $3",
            self.client,
            self.epoch,
            id,
            misses,
        )?;
        Ok(())
    }

    async fn set_progress(&mut self, progress: Option<Progress>) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET progress_executions = $2, progress_oldest = $3 WHERE client_id = $1",
            self.client,
            progress.map(|progress| progress.executions),
            progress.and_then(|progress| progress.oldest),
        )?;
        Ok(())
    }

    /// Stores what was read together; how many executions were new or had changed.
    pub(super) async fn apply(&mut self, batch: Batch) -> StoreResult<usize> {
        let ids: HashSet<i64> = batch.executions.iter().map(|execution| execution.id.0).collect();
        let known = self.known(&Vec::from_iter(ids)).await?;
        let mut fold = Fold::default();
        for execution in batch.executions {
            let before = known.get(&execution.id).map(|known| &known.recorded);
            fold.read(execution, before, batch.read_at);
        }
        let changed = self.store(&fold, batch.read_at).await?;
        // What did not change was not written above, but it was seen.
        for (id, _) in known.iter().filter(|(_, known)| known.misses > 0) {
            self.set_misses(*id, 0).await?;
        }
        self.set_progress(batch.progress).await?;
        Ok(changed)
    }

    /// Counts an answer of 404 for an unfinished execution.
    pub(super) async fn miss(&mut self, id: ExecutionId, now: Timestamp) -> StoreResult<()> {
        let Some(known) = self.known(&[id.0]).await?.remove(&id) else { return Ok(()) };
        if !is_open(known.recorded.execution.status) {
            return Ok(());
        }
        let misses = known.misses.saturating_add(1);
        if misses < MAX_MISSES {
            return self.set_misses(id, misses).await;
        }
        let mut fold = Fold::default();
        let lost = Execution { status: Status::Unknown, ..known.recorded.execution.clone() };
        fold.read(lost, Some(&known.recorded), now);
        self.store(&fold, now).await?;
        Ok(())
    }

    /// Notes that everything up to the newest execution was read.
    pub(super) async fn complete(&mut self, newest: Option<ExecutionId>, now: Timestamp) -> StoreResult<()> {
        // Before the first success every number is unknown, after it a missing one is zero: that is a change, too.
        execute!(
            self.tx.db(),
            "UPDATE collections SET data_version = data_version + 1, changed_at = $2
             WHERE client_id = $1 AND last_success_at IS NULL",
            self.client,
            now,
        )?;
        execute!(
            self.tx.db(),
            "UPDATE collections SET complete_to = $2, last_success_at = $3, failure_status = NULL, failure_message = NULL,
                 progress_executions = NULL, progress_oldest = NULL
             WHERE client_id = $1",
            self.client,
            newest.unwrap_or(ExecutionId(0)),
            now,
        )?;
        Ok(())
    }

    /// Notes why a collection failed.
    pub(super) async fn fail(&mut self, failure: &Failure) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET failure_status = $2, failure_message = $3 WHERE client_id = $1",
            self.client,
            failure.status.as_str(),
            failure.message.as_str(),
        )?;
        Ok(())
    }
}

/// Whether n8n may still have more to say; the index of open executions has the same condition.
fn is_open(status: Status) -> bool {
    matches!(status, Status::New | Status::Running | Status::Waiting)
}

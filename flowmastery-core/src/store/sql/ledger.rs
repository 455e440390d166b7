//! Changes to the numbers of a client: executions and what follows from them.
//!
//! Whoever changes them holds a [`Ledger`], and with it the lock of the client's row of `collections`.

use std::{collections::HashSet, time::Duration};

use serde::Serialize;
use sqlx::FromRow;

use super::{
    SqlStore, dialect,
    fault::corrupt,
    lives::is_newer_than_aged,
    pool::{Tx, execute, fetch_all, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        epoch::{Evidence, Line},
        execution::{Execution, Status},
        rollup::{FastMap, Fold, Recorded},
        workflow::WorkflowId,
    },
    store::{Applied, Batch, StoreResult, Turn},
};

/// After so many answers of 404 in a row an execution counts as `unknown`.
const MAX_MISSES: i16 = 3;
/// An unfinished execution that n8n has not confirmed for so long counts as `unknown`.
const MAX_SILENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A confirmation is noted when the one before is older than this, so that what runs long is not written with every collection.
const CONFIRMED: Duration = Duration::from_secs(24 * 60 * 60);
/// How many unfinished executions are counted as `unknown` at once.
const LOST_AT_ONCE: i64 = 1000;

/// A row of `executions`. The bare integers are what [`dialect`] writes in bulk.
#[derive(FromRow, Serialize)]
pub(super) struct ExecutionRow {
    pub(super) epoch: i64,
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
    pub(super) seen_at: i64,
}

impl ExecutionRow {
    fn new(recorded: &Recorded, epoch: i64, seen_at: Timestamp) -> Self {
        let execution = &recorded.execution;
        Self {
            epoch,
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
            misses: 0,
            seen_at: seen_at.as_millis(),
        }
    }
}

/// An execution as stored.
pub(super) struct Known {
    pub(super) recorded: Recorded,
    misses: i16,
    seen_at: Timestamp,
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
        Ok(Self { recorded, misses: row.misses, seen_at: Timestamp::from_millis(row.seen_at) })
    }
}

/// A transaction on the numbers of one client, which nobody else changes meanwhile.
pub(super) struct Ledger {
    pub(super) tx: Tx,
    pub(super) client: ClientId,
    /// The current epoch.
    pub(super) epoch: i64,
    /// The line that it is the tip of.
    pub(super) line: Line,
    pub(super) turn: i64,
}

impl Ledger {
    /// Notes the attempt of a turn and locks the numbers; `None` as in [`Ledger::open`].
    pub(super) async fn begin(
        store: &SqlStore,
        scope: TenantScope,
        turn: Turn,
        (now, next_attempt): (Timestamp, Timestamp),
    ) -> StoreResult<Option<Self>> {
        let mut tx = store.pool.begin_collected(scope).await?;
        let locked: Option<(i64, i64)> = fetch_optional!(
            tx.db(),
            "UPDATE collections SET last_attempt_at = $4, next_attempt_at = $5
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND turn = $3 RETURNING epoch, turn",
            turn.client,
            scope.only(),
            turn.number,
            now,
            next_attempt,
        )?;
        Self::of_configured(tx, turn.client, locked).await
    }

    /// Locks the numbers for a turn; `None` when it is over, or the client is outside of the scope, gone or without an n8n.
    pub(super) async fn open(store: &SqlStore, scope: TenantScope, turn: Turn) -> StoreResult<Option<Self>> {
        let mut tx = store.pool.begin_collected(scope).await?;
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
        if configured.is_none() {
            return Ok(None);
        }
        Self::of_locked(tx, client, (epoch, turn)).await.map(Some)
    }

    /// The ledger of a client whose row of `collections` is locked.
    pub(super) async fn of_locked(tx: Tx, client: ClientId, (epoch, turn): (i64, i64)) -> StoreResult<Self> {
        let mut ledger = Self { tx, client, epoch, line: Line::to(epoch, &[]), turn };
        ledger.line = Line::to(epoch, &ledger.epochs().await?);
        Ok(ledger)
    }

    /// What the current line has under some ids.
    pub(super) async fn known(&mut self, ids: &[i64]) -> StoreResult<FastMap<ExecutionId, Known>> {
        let epochs: Vec<i64> = self.line.epochs().iter().map(|epoch| epoch.number).collect();
        let mut rows = dialect::read_executions(&mut self.tx, self.client, &epochs, ids).await?;
        rows.retain(|row| self.owner(ExecutionId(row.execution_id)) == row.epoch);
        let known = |row: ExecutionRow| Ok((ExecutionId(row.execution_id), Known::try_from(row)?));
        rows.into_iter().map(known).collect()
    }

    fn owner(&self, id: ExecutionId) -> i64 {
        self.line.owner(id).map_or(self.epoch, |owner| owner.number)
    }

    /// Stores what a fold changed in the current line, with its rollups and workflows; how many executions it changed.
    pub(super) async fn store(&mut self, fold: &Fold, now: Timestamp) -> StoreResult<usize> {
        let row = |recorded: &Recorded| ExecutionRow::new(recorded, self.owner(recorded.execution.id), now);
        let rows: Vec<_> = fold.changed().map(row).collect();
        self.write(fold, &rows, now).await
    }

    async fn write(&mut self, fold: &Fold, rows: &[ExecutionRow], now: Timestamp) -> StoreResult<usize> {
        if rows.is_empty() {
            return Ok(0);
        }
        dialect::write_executions(&mut self.tx, self.client, rows).await?;
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

    /// Stores what was read together.
    pub(super) async fn apply(&mut self, batch: Batch) -> StoreResult<Applied> {
        let ids: HashSet<i64> = batch.executions.iter().map(|execution| execution.id.0).collect();
        let known = self.known(&Vec::from_iter(ids)).await?;
        if parts(&batch, &known) {
            return Ok(Applied::Parted);
        }
        let mut fold = Fold::with_capacity(batch.executions.len());
        for execution in batch.executions {
            let before = known.get(&execution.id).map(|known| &known.recorded);
            let aged = self.has_aged(&execution);
            match before {
                Some(before) if batch.proven.contains(&execution.id) && before.execution != execution => {
                    fold.replace(before, Recorded::new(execution, batch.read_at));
                }
                None if aged => {}
                before => fold.read(execution, before, batch.read_at),
            }
        }
        let changed = self.store(&fold, batch.read_at).await?;
        // What did not change was not written above, but it was seen.
        let unconfirmed = known.values().filter(|known| {
            is_open(known.recorded.execution.status)
                && (known.misses > 0 || batch.read_at.since(known.seen_at) > CONFIRMED)
        });
        for id in unconfirmed.map(|known| known.recorded.execution.id) {
            self.set_seen(id, 0, Some(batch.read_at)).await?;
        }
        if let Some(walk) = &batch.walk {
            self.note_walk(walk, batch.read_at).await?;
        }
        if let Some(newest) = batch.complete_to {
            self.note_begin(newest).await?;
        }
        if let Some(progress) = batch.progress {
            self.set_progress(progress).await?;
        }
        Ok(Applied::Stored { changed })
    }

    /// Whether an execution that is not stored has aged out, and is counted.
    fn has_aged(&self, execution: &Execution) -> bool {
        let owner = self.line.owner(execution.id);
        owner.is_some_and(|owner| execution.id <= owner.aged_to && !is_newer_than_aged(owner, execution))
    }

    async fn set_seen(
        &mut self,
        id: ExecutionId,
        misses: i16,
        seen_at: Option<Timestamp>,
    ) -> StoreResult<()> {
        let epoch = self.owner(id);
        execute!(
            self.tx.db(),
            "UPDATE executions SET misses = $4, seen_at = COALESCE($5, seen_at)
             WHERE client_id = $1 AND epoch = $2 AND execution_id = $3",
            self.client,
            epoch,
            id,
            misses,
            seen_at,
        )?;
        Ok(())
    }

    /// Counts an answer of 404 for an unfinished execution.
    pub(super) async fn miss(&mut self, id: ExecutionId, now: Timestamp) -> StoreResult<()> {
        let Some(known) = self.known(&[id.0]).await?.remove(&id) else { return Ok(()) };
        if !is_open(known.recorded.execution.status) {
            return Ok(());
        }
        let misses = known.misses.saturating_add(1);
        if misses < MAX_MISSES {
            return self.set_seen(id, misses, None).await;
        }
        self.lose(vec![(self.owner(id), known)], now).await
    }

    /// Counts executions as `unknown` that n8n has not confirmed for too long.
    pub(super) async fn lose_silent(&mut self, now: Timestamp) -> StoreResult<()> {
        let lost = self.open_runs(now.minus(MAX_SILENCE).as_millis(), LOST_AT_ONCE).await?;
        self.lose(lost, now).await
    }

    /// Some unfinished executions of any epoch that were last confirmed before an instant.
    pub(super) async fn open_runs(&mut self, seen_before: i64, limit: i64) -> StoreResult<Vec<(i64, Known)>> {
        let rows: Vec<ExecutionRow> = fetch_all!(
            self.tx.db(),
            "SELECT * FROM executions WHERE client_id = $1 AND status < 3 AND seen_at < $2 LIMIT $3",
            self.client,
            seen_before,
            limit,
        )?;
        rows.into_iter().map(|row| Ok((row.epoch, Known::try_from(row)?))).collect()
    }

    /// What became of these can no longer be learnt.
    pub(super) async fn lose(&mut self, lost: Vec<(i64, Known)>, now: Timestamp) -> StoreResult<()> {
        let (mut fold, mut rows) = (Fold::default(), Vec::with_capacity(lost.len()));
        for (epoch, known) in lost {
            let Recorded { execution, bucket } = &known.recorded;
            let unknown = Recorded {
                execution: Execution { status: Status::Unknown, ..execution.clone() },
                bucket: *bucket,
            };
            rows.push(ExecutionRow::new(&unknown, epoch, now));
            fold.replace(&known.recorded, unknown);
        }
        self.write(&fold, &rows, now).await?;
        Ok(())
    }
}

/// Whether the newest run that is known under its number is another one.
fn parts(batch: &Batch, known: &FastMap<ExecutionId, Known>) -> bool {
    let newest = |wanted| {
        let says = |execution: &&Execution| {
            let known = known.get(&execution.id).map(|known| &known.recorded.execution);
            known.is_some_and(|known| {
                let evidence = Evidence::of(known, execution);
                let proven = batch.proven.contains(&execution.id);
                (if proven { Evidence::Same } else { evidence }) == wanted
            })
        };
        batch.executions.iter().filter(says).map(|execution| execution.id).max()
    };
    newest(Evidence::Other) > newest(Evidence::Same)
}

/// Whether n8n may still have more to say; the index of open executions has the same condition.
fn is_open(status: Status) -> bool {
    matches!(status, Status::New | Status::Running | Status::Waiting)
}

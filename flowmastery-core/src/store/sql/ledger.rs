//! Changes to the numbers of a client: executions and what follows from them.
//!
//! Whoever changes them holds a [`Ledger`], and with it the lock of the client's row of `collections`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    SqlStore,
    dialect::{self, Ids, Standing},
    execution_row::{ExecutionRow, Known, NewExecution},
    lives::is_newer_than_aged,
    pool::{Tx, execute, fetch_all, fetch_optional},
    rollup::widen,
    workflow::last_starts,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        epoch::{Evidence, Line},
        execution::{Execution, Status},
        rollup::{FastMap, Fold, Recorded},
    },
    store::{Applied, Batch, StoreError, StoreResult, Turn},
};

/// After so many answers of 404 in a row an execution counts as `unknown`.
const MAX_MISSES: i16 = 3;
/// An unfinished execution that n8n has not confirmed for so long counts as `unknown`.
const MAX_SILENCE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// A confirmation is noted when the one before is older than this, so that what runs long is not written with every collection.
const CONFIRMED: Duration = Duration::from_secs(24 * 60 * 60);
/// So many executions are added up on another thread than the one that writes them.
const MANY: usize = 1000;
/// Ids are read as a span where it holds at most so many times as many as are asked for.
const SPARSE: i64 = 4;
/// How many unfinished executions are counted as `unknown` at once.
const LOST_AT_ONCE: i64 = 1000;

/// A transaction on the numbers of one client, which nobody else changes meanwhile.
pub(super) struct Ledger {
    pub(super) tx: Tx,
    pub(super) client: ClientId,
    /// The current epoch.
    pub(super) epoch: i64,
    /// The line that it is the tip of.
    pub(super) line: Line,
    pub(super) turn: i64,
    /// Whether new rows may go by `COPY`.
    pub(super) copies: bool,
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
        Self::of_configured(store, tx, turn.client, locked).await
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
        Self::of_configured(store, tx, turn.client, locked).await
    }

    async fn of_configured(
        store: &SqlStore,
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
        Self::of_locked(store, tx, client, (epoch, turn)).await.map(Some)
    }

    /// The ledger of a client whose row of `collections` is locked.
    pub(super) async fn of_locked(
        store: &SqlStore,
        tx: Tx,
        client: ClientId,
        (epoch, turn): (i64, i64),
    ) -> StoreResult<Self> {
        let mut ledger =
            Self { tx, client, epoch, line: Line::to(epoch, &[]), turn, copies: store.pool.may_copy() };
        ledger.line = Line::to(epoch, &ledger.epochs().await?);
        Ok(ledger)
    }

    /// What the current line has under some ids, which ascend.
    pub(super) async fn known(&mut self, ids: &[i64]) -> StoreResult<FastMap<ExecutionId, Known>> {
        let epochs: Vec<i64> = self.line.epochs().iter().map(|epoch| epoch.number).collect();
        let count = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        // The ids of pages follow each other, and where a span holds nothing that is found at once.
        let wanted = match (ids.first(), ids.last()) {
            (Some(first), Some(last)) if last.saturating_sub(*first) < count.saturating_mul(SPARSE) => {
                Ids::Between(*first, *last)
            }
            _ => Ids::Each(ids),
        };
        let mut rows = dialect::read_executions(&mut self.tx, self.client, &epochs, wanted).await?;
        rows.retain(|row| {
            self.owner(ExecutionId(row.execution_id)) == row.epoch
                && ids.binary_search(&row.execution_id).is_ok()
        });
        let known = |row: ExecutionRow| Ok((ExecutionId(row.execution_id), Known::try_from(row)?));
        rows.into_iter().map(known).collect()
    }

    fn owner(&self, id: ExecutionId) -> i64 {
        self.line.owner(id).map_or(self.epoch, |owner| owner.number)
    }

    /// Stores what a fold changed in the current line, with its rollups and workflows; how many executions it changed. Those that
    /// are not `known` are not stored yet.
    pub(super) async fn store(
        &mut self,
        fold: Fold,
        known: &FastMap<ExecutionId, Known>,
        now: Timestamp,
    ) -> StoreResult<usize> {
        let fold = Arc::new(fold);
        let rows = fold.changed().map(|recorded| {
            let epoch = self.owner(recorded.execution.id);
            NewExecution { epoch, recorded }
        });
        let (stored, mut new): (Vec<_>, Vec<_>) = rows.partition(|row| known.contains_key(&row.id()));
        // In the order of the table, whose neighbours are written fastest together.
        new.sort_unstable_by_key(|row| (row.epoch, row.id()));
        self.write(&fold, (new, stored), now).await
    }

    async fn write(
        &mut self,
        fold: &Arc<Fold>,
        (new, stored): (Vec<NewExecution<'_>>, Vec<NewExecution<'_>>),
        now: Timestamp,
    ) -> StoreResult<usize> {
        let changed = new.len() + stored.len();
        if changed == 0 {
            return Ok(0);
        }
        let adding_up = async {
            let add_up = |fold: &Fold| (widen(fold), last_starts(fold));
            if changed < MANY {
                return Ok(add_up(fold));
            }
            let fold = Arc::clone(fold);
            let added_up = tokio::task::spawn_blocking(move || add_up(&fold)).await;
            added_up.map_err(|error| StoreError::Internal(error.into()))
        };
        let writing = async {
            let standing = Standing::New { copies: self.copies };
            let seen = (self.client, now);
            dialect::write_executions(&mut self.tx, seen, new, standing).await?;
            dialect::write_executions(&mut self.tx, seen, stored, Standing::Stored).await
        };
        let ((differences, starts), ()) = tokio::try_join!(adding_up, writing)?;
        self.note_executions(starts).await?;
        self.roll_up(differences).await?;
        self.bump(now).await?;
        Ok(changed)
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
        let mut ids: Vec<i64> = batch.executions.iter().map(|execution| execution.id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = self.known(&ids).await?;
        if !known.is_empty() && parts(&batch, &known) {
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
        let changed = self.store(fold, &known, batch.read_at).await?;
        // What did not change was not written above, but it was seen.
        let unconfirmed = known.values().filter(|known| {
            is_open(known.recorded.execution.status)
                && (known.misses > 0 || batch.read_at.since(known.seen_at) > CONFIRMED)
        });
        for id in unconfirmed.map(|known| known.recorded.execution.id) {
            self.set_seen(id, 0, Some(batch.read_at)).await?;
        }
        if let Some(walk) = &batch.walk {
            if walk.cursor.is_some() {
                self.note_place(walk, (batch.complete_to, batch.progress)).await?;
                return Ok(Applied::Stored { changed });
            }
            self.note_walk_end(walk, batch.read_at).await?;
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
        // A fold for each epoch: within one alone an id is one run.
        let mut by_epoch: BTreeMap<i64, Fold> = BTreeMap::new();
        for (epoch, known) in lost {
            let Recorded { execution, bucket } = &known.recorded;
            let unknown = Recorded {
                execution: Execution { status: Status::Unknown, ..execution.clone() },
                bucket: *bucket,
            };
            by_epoch.entry(epoch).or_default().replace(&known.recorded, unknown);
        }
        for (epoch, fold) in by_epoch {
            let fold = Arc::new(fold);
            let row = |recorded| NewExecution { epoch, recorded };
            self.write(&fold, (Vec::new(), fold.changed().map(row).collect()), now).await?;
        }
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

//! The lives of a client's n8n in SQL: which executions are of which, found out before anything is stored.

use std::collections::HashMap;

use sqlx::FromRow;

use super::{
    dialect::{self, Ids},
    execution_row::{ExecutionRow, Known},
    ledger::Ledger,
    pool::{Tx, execute, fetch_all, fetch_one, fetch_optional},
};
use crate::{
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        epoch::{Epoch, Evidence, Hearing, Line, Unclear, Verdict, Witness},
        execution::Execution,
        rollup::Width,
    },
    store::StoreResult,
};

#[derive(FromRow)]
struct EpochRow {
    epoch: i64,
    parent: Option<i64>,
    fork_at: ExecutionId,
    aged_to: ExecutionId,
    aged_until: Timestamp,
}

/// Stored executions by epoch and id.
type Runs = HashMap<(i64, ExecutionId), Known>;

impl Ledger {
    /// The epochs that have a row.
    pub(super) async fn epochs(&mut self) -> StoreResult<Vec<Epoch>> {
        epochs_of(&mut self.tx, self.client).await
    }

    /// What executions say of every line.
    pub(super) async fn hear(&mut self, seen: &[Execution]) -> StoreResult<Hearing> {
        let (identified, count, known_to): (bool, i64, Option<ExecutionId>) = fetch_one!(
            self.tx.db(),
            "SELECT identified, epochs, complete_to FROM collections WHERE client_id = $1",
            self.client,
        )?;
        let ids: Vec<i64> = seen.iter().map(|execution| execution.id.0).collect();
        let numbers: Vec<i64> = (0..count).collect();
        let rows = dialect::read_executions(&mut self.tx, self.client, &numbers, Ids::Each(&ids)).await?;
        let run = |row: ExecutionRow| Ok(((row.epoch, ExecutionId(row.execution_id)), Known::try_from(row)?));
        let runs: Runs = rows.into_iter().map(run).collect::<StoreResult<_>>()?;
        let epochs = self.epochs().await?;
        let witness = |tip| (tip, witness(&Line::to(tip, &epochs), &runs, seen));
        let witnesses = numbers.into_iter().map(witness).collect();
        let is_empty = self.is_empty().await?;
        let newest = seen.iter().map(|execution| execution.id).max();
        Ok(Hearing { current: self.epoch, identified, is_empty, known_to, newest, witnesses })
    }

    /// Whether nothing is stored of the current line.
    async fn is_empty(&mut self) -> StoreResult<bool> {
        let mut owned_to = ExecutionId(i64::MAX);
        for epoch in self.line.epochs().to_vec() {
            let found: Option<(bool,)> = fetch_optional!(
                self.tx.db(),
                "SELECT TRUE FROM executions WHERE client_id = $1 AND epoch = $2 AND execution_id <= $3 LIMIT 1",
                self.client,
                epoch.number,
                owned_to,
            )?;
            if found.is_some() {
                return Ok(false);
            }
            owned_to = owned_to.min(epoch.fork_at);
        }
        Ok(true)
    }

    /// Goes on with the epoch of a verdict.
    pub(super) async fn settle(&mut self, verdict: Verdict, now: Timestamp) -> StoreResult<()> {
        match verdict {
            Verdict::Line(epoch) if epoch == self.epoch => {
                execute!(
                    self.tx.db(),
                    "UPDATE collections SET identified = TRUE WHERE client_id = $1",
                    self.client,
                )?;
                return Ok(());
            }
            Verdict::Line(epoch) => self.move_to(epoch, None, now).await?,
            Verdict::New => {
                let epoch = self.next_epoch().await?;
                self.move_to(epoch, None, now).await?;
            }
            Verdict::Fork { parent, at } => {
                let epoch = self.next_epoch().await?;
                execute!(
                    self.tx.db(),
                    "INSERT INTO epochs (client_id, epoch, parent, fork_at) VALUES ($1, $2, $3, $4)",
                    self.client,
                    epoch,
                    parent,
                    at,
                )?;
                self.move_to(epoch, (parent == self.epoch).then_some(at), now).await?;
            }
        }
        self.lose_open_outside(now).await?;
        self.bump(now).await
    }

    async fn next_epoch(&mut self) -> StoreResult<i64> {
        let (count,): (i64,) = fetch_one!(
            self.tx.db(),
            "UPDATE collections SET epochs = epochs + 1 WHERE client_id = $1 RETURNING epochs",
            self.client,
        )?;
        Ok(count - 1)
    }

    /// Another epoch is the current one. What is shared with the one before has been read; everything else is to be.
    async fn move_to(&mut self, epoch: i64, shared: Option<ExecutionId>, now: Timestamp) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET identified = TRUE, epoch = $2, epoch_begun_at = $3,
                 complete_to = CASE WHEN back_filled AND complete_to < $4 THEN complete_to WHEN back_filled THEN $4 END,
                 back_filled = back_filled AND $4 IS NOT NULL,
                 walk_cursor = NULL, walk_below = NULL, walk_rows = 0, walked_at = NULL, listed = NULL, probed_to = NULL,
                 progress_executions = NULL, progress_oldest = NULL
             WHERE client_id = $1",
            self.client,
            epoch,
            now,
            shared,
        )?;
        self.epoch = epoch;
        self.line = Line::to(epoch, &self.epochs().await?);
        Ok(())
    }

    /// What is unfinished in a life that is over can no longer be learnt.
    async fn lose_open_outside(&mut self, now: Timestamp) -> StoreResult<()> {
        let line = self.line.clone();
        let lost = self.open_runs(i64::MAX, i64::MAX).await?;
        let lost = lost.into_iter().filter(|(epoch, known)| {
            line.owner(known.recorded.execution.id).is_none_or(|owner| owner.number != *epoch)
        });
        let lost: Vec<_> = lost.collect();
        self.lose(lost, now).await
    }
}

/// The epochs of a client that have a row.
pub(super) async fn epochs_of(tx: &mut Tx, client: ClientId) -> StoreResult<Vec<Epoch>> {
    let rows: Vec<EpochRow> = fetch_all!(
        tx.db(),
        "SELECT epoch, parent, fork_at, aged_to, aged_until FROM epochs WHERE client_id = $1",
        client,
    )?;
    let epoch = |row: EpochRow| Epoch {
        number: row.epoch,
        parent: row.parent,
        fork_at: row.fork_at,
        aged_to: row.aged_to,
        aged_until: row.aged_until,
    };
    Ok(rows.into_iter().map(epoch).collect())
}

fn witness(line: &Line, runs: &Runs, seen: &[Execution]) -> Witness {
    let mut witness = Witness::default();
    for execution in seen {
        let Some(owner) = line.owner(execution.id) else { continue };
        let Some(known) = runs.get(&(owner.number, execution.id)) else {
            if is_newer_than_aged(owner, execution) {
                witness.hear(execution.id, Evidence::Other);
            }
            continue;
        };
        let known = &known.recorded.execution;
        let evidence = Evidence::of(known, execution);
        match known.started_at.filter(|start| Some(*start) != execution.started_at) {
            Some(first_start) if known.workflow_id == execution.workflow_id => {
                witness.unclear.push(Unclear { id: execution.id, first_start, presumed: evidence });
            }
            _ => witness.hear(execution.id, evidence),
        }
    }
    witness
}

/// Whether an execution stands among those that have aged out, but cannot be one of them: it is too new, or unfinished.
pub(super) fn is_newer_than_aged(owner: &Epoch, execution: &Execution) -> bool {
    let is_newer = match execution.started_at {
        Some(start) => Width::Quarter.floor(start) > owner.aged_until,
        // One that was canceled in the queue never started, and ages out like every other.
        None => !execution.status.is_terminal(),
    };
    execution.id <= owner.aged_to && is_newer
}

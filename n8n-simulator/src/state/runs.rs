//! What becomes of runs: they begin, wait their turn, sleep, wake up, end, are retried, and are deleted by hand.

use flowmastery_core::clock::Timestamp;

use super::State;
use crate::{
    run::{Gone, Record, Run},
    table::Filter,
};

/// How a run begins.
#[derive(Clone, Copy, Debug)]
pub struct Begin<'a> {
    /// Whose run it is.
    pub workflow: &'a str,
    /// How it comes about: `webhook`, `trigger`, `manual`, …
    pub mode: &'a str,
    /// When its row is made.
    pub created_at: Timestamp,
    /// When it starts, some milliseconds later, if it need not wait for its turn.
    pub started_at: Timestamp,
}

impl State {
    /// Adds an execution as it is and returns its id.
    pub fn add(&mut self, run: Run) -> i64 {
        let id = self.reserve_id();
        self.add_as(id, run);
        id
    }

    /// Takes the next id without a row for it yet. A row that comes later, by [`State::add_as`], becomes visible after higher ids:
    /// on PostgreSQL "id is taken from a sequence before commit, so a lower id can become visible after a higher one".
    pub fn reserve_id(&mut self) -> i64 {
        self.last_execution += 1;
        self.last_execution
    }

    /// Adds an execution under an id that no row has; later ids go on above it. What had the id before is gone.
    pub fn add_as(&mut self, id: i64, mut run: Run) {
        self.take_away(id, Gone::Deleted);
        self.tick([run.created_at, run.started_at, run.stopped_at]);
        run.created_at = run.created_at.or(run.started_at).or(Some(self.now));
        let serial = self.log.len();
        self.table.insert(id, serial, &run);
        self.place(id, &run, true);
        self.log.push(Record { serial, id, life: self.life, run, gone: None, undone: None });
        self.last_execution = self.last_execution.max(id);
    }

    /// Uses up ids without a row, as workflows that do not save their successes do.
    pub fn skip_ids(&mut self, ids: u32) {
        self.last_execution = self.last_execution.saturating_add(ids.into());
    }

    /// Changes an execution that is there.
    pub fn update(&mut self, id: i64, change: impl FnOnce(&mut Run)) {
        if let Some(serial) = self.table.find(id) {
            self.change(serial, change);
        }
    }

    /// Deletes an execution by hand: it is neither listed nor found by id.
    pub fn delete(&mut self, id: i64) {
        self.take_away(id, Gone::Deleted);
    }

    /// Begins a run and returns its id. It is `new` where the concurrency limit leaves no place for it.
    pub fn begin(&mut self, begin: Begin<'_>) -> i64 {
        let run = Run::queued(begin.workflow).with_mode(begin.mode).with_created_at(begin.created_at);
        let must_wait = run.takes_a_place() && !self.has_place();
        let id = self.add(run);
        if !must_wait {
            self.start(id, begin.started_at);
        }
        id
    }

    /// Starts the run that has waited for its turn longest, if there is a place for it.
    pub fn start_next(&mut self, at: Timestamp) -> Option<i64> {
        let next = *self.queue.first()?;
        if self.find(next)?.run.takes_a_place() && !self.has_place() {
            return None;
        }
        self.start(next, at);
        Some(next)
    }

    fn start(&mut self, id: i64, at: Timestamp) {
        self.update(id, |run| {
            run.status = "running".into();
            run.started_at = Some(at);
        });
    }

    fn has_place(&self) -> bool {
        let Some(limit) = self.quirks.concurrency_limit else { return true };
        let filter = Filter { statuses: &["running"], ..Filter::ALL };
        let taken = self.table.newest_first(&self.log, &filter).filter(|record| record.run.takes_a_place());
        taken.take(limit).count() < limit
    }

    /// A run comes to a Wait node. A short wait stays `running`; a longer one becomes `waiting`, with the moment as `stoppedAt`.
    /// Returns whether it is `waiting` now.
    pub fn sleep(&mut self, id: i64, at: Timestamp, till: Timestamp) -> bool {
        if till.since(at) < self.quirks.shortest_stored_wait {
            return false;
        }
        self.update(id, |run| {
            run.status = "waiting".into();
            run.stopped_at = Some(at);
            run.wait_till = Some(till);
        });
        true
    }

    /// A `waiting` run goes on. Its `stoppedAt` stays until it ends: 1.123.81's source sets status and `waitTill` only. No capture shows
    /// such a row, and that n8n 2 does the same is assumed.
    pub fn resume(&mut self, id: i64, at: Timestamp) {
        let moves = self.quirks.start_moves_on_resume;
        self.update(id, |run| {
            run.status = "running".into();
            run.wait_till = None;
            if moves {
                run.started_at = Some(at);
            }
        });
        self.tick([Some(at)]);
    }

    /// Ends an execution that is there. A success of a workflow that does not save successes takes the row away; that of a retry
    /// names itself in the original, as every newer one does.
    pub fn end(&mut self, id: i64, status: &str, stopped_at: Timestamp) {
        self.update(id, |run| {
            run.status = status.into();
            run.stopped_at = Some(stopped_at);
            run.wait_till = None;
        });
        let Some(Record { run, .. }) = self.find(id) else { return };
        if status != "success" {
            return;
        }
        if let Some(original) = run.retry_of {
            self.update(original, |run| run.retry_success_id = Some(id));
        }
        if self.find(id).is_some_and(|record| !self.saves_successes(&record.run.workflow_id)) {
            self.take_away(id, Gone::Unsaved);
        }
    }

    /// Somebody stops a run.
    pub fn cancel(&mut self, id: i64, at: Timestamp) {
        self.end(id, "canceled", at);
    }

    /// Somebody retries a run: a new one, of mode `retry`, which the concurrency limit lets pass. `None` when the original is not
    /// there.
    pub fn retry(&mut self, original: i64, created_at: Timestamp, started_at: Timestamp) -> Option<i64> {
        let workflow = self.find(original)?.run.workflow_id.clone();
        let run = Run::queued(&workflow).with_created_at(created_at).with_retry_of(original);
        let id = self.add(run);
        self.start(id, started_at);
        Some(id)
    }
}

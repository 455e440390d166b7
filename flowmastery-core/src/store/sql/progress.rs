//! How far the collection of a client is, in SQL.

use std::time::Duration;

use sqlx::FromRow;

use super::{
    fault::corrupt,
    ledger::Ledger,
    pool::{execute, fetch_all, fetch_one, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        client::Progress,
        freshness::{Gap, with_gap},
    },
    store::{CollectionState, Failure, Finished, Pruned, StoreError, StoreResult, Turn, Walk},
};

/// After so long without a success, that n8n has not confirmed an execution says nothing.
const AWAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How many ids are looked at for missing ones.
const MISSING_WINDOW: i64 = 1000;

#[derive(FromRow)]
struct StateRow {
    identified: bool,
    complete_to: Option<ExecutionId>,
    back_filled: bool,
    walk_cursor: Option<String>,
    walk_below: Option<ExecutionId>,
    walk_rows: i64,
    walked_at: Option<Timestamp>,
    listed: Option<i64>,
    probed_to: Option<ExecutionId>,
    last_success_at: Option<Timestamp>,
    failures: i64,
    progress_executions: Option<i64>,
    progress_oldest: Option<Timestamp>,
}

/// Reads stored gaps.
pub(super) fn parse_gaps(client: ClientId, text: &str) -> StoreResult<Vec<Gap>> {
    let spans: Vec<(i64, i64)> =
        serde_json::from_str(text).map_err(|_| corrupt("collections", client, "gaps"))?;
    let gap = |(from, to)| Gap { from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) };
    Ok(spans.into_iter().map(gap).collect())
}

impl Ledger {
    /// Where the collection goes on.
    pub(super) async fn state(&mut self) -> StoreResult<CollectionState> {
        let row: StateRow = fetch_one!(
            self.tx.db(),
            "SELECT identified, complete_to, back_filled, walk_cursor, walk_below, walk_rows, walked_at, listed, probed_to,
                    last_success_at, failures, progress_executions, progress_oldest
             FROM collections WHERE client_id = $1",
            self.client,
        )?;
        Ok(CollectionState {
            turn: Turn { client: self.client, number: self.turn },
            identified: row.identified,
            complete_to: row.complete_to,
            back_filled: row.back_filled,
            walk: row.walk_below.map(|below| Walk { cursor: row.walk_cursor, below, rows: row.walk_rows }),
            walked_at: row.walked_at,
            listed: row.listed,
            probed_to: row.probed_to,
            aged_to: self.line.aged_to(),
            last_success_at: row.last_success_at,
            failures: row.failures,
            progress: row
                .progress_executions
                .map(|executions| Progress { executions, oldest: row.progress_oldest }),
            proven: Vec::new(),
        })
    }

    /// Notes how far a walk is, and of the first one where it began.
    pub(super) async fn note_place(
        &mut self,
        walk: &Walk,
        (complete_to, progress): (Option<ExecutionId>, Option<Progress>),
    ) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET walk_cursor = $2, walk_below = $3, walk_rows = $4, complete_to = COALESCE($5, complete_to),
                 progress_executions = COALESCE($6, progress_executions),
                 progress_oldest = CASE WHEN $6 IS NULL THEN progress_oldest ELSE $7 END
             WHERE client_id = $1",
            self.client,
            walk.cursor.as_deref(),
            walk.below,
            walk.rows,
            complete_to,
            progress.map(|progress| progress.executions),
            progress.and_then(|progress| progress.oldest),
        )?;
        Ok(())
    }

    /// Notes that everything that n8n had was read.
    pub(super) async fn note_walk_end(&mut self, walk: &Walk, now: Timestamp) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET walk_cursor = NULL, walk_below = NULL, walk_rows = 0, back_filled = TRUE, walked_at = $2,
                 listed = $3, progress_executions = NULL, progress_oldest = NULL
             WHERE client_id = $1",
            self.client,
            now,
            // Where more ids are gone than are left, n8n forgets, and this is what it keeps.
            Some(walk.rows).filter(|rows| walk.below.0 > *rows),
        )?;
        Ok(())
    }

    /// Notes where the first walk began.
    pub(super) async fn note_begin(&mut self, complete_to: ExecutionId) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET complete_to = $2 WHERE client_id = $1",
            self.client,
            complete_to,
        )?;
        Ok(())
    }

    pub(super) async fn set_progress(&mut self, progress: Progress) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET progress_executions = $2, progress_oldest = $3 WHERE client_id = $1",
            self.client,
            progress.executions,
            progress.oldest,
        )?;
        Ok(())
    }

    /// Notes that the list was read from the newest execution down to what was known.
    pub(super) async fn complete(&mut self, newest: Option<ExecutionId>, when: Finished) -> StoreResult<()> {
        let (last,): (Option<Timestamp>,) = fetch_one!(
            self.tx.db(),
            "SELECT last_success_at FROM collections WHERE client_id = $1",
            self.client,
        )?;
        // After an outage what is unfinished is asked for first.
        if last.is_some_and(|last| when.now.since(last) < AWAY) {
            self.lose_silent(when.now).await?;
        }
        // Before the first success every number is unknown, after it a missing one is zero: that is a change, too.
        execute!(
            self.tx.db(),
            "UPDATE collections SET data_version = data_version + 1, changed_at = $2
             WHERE client_id = $1 AND last_success_at IS NULL",
            self.client,
            when.now,
        )?;
        execute!(
            self.tx.db(),
            "UPDATE collections SET complete_to = COALESCE($2, complete_to, 0), last_success_at = $3, next_attempt_at = $4, failures = 0,
                 failure_status = NULL, failure_message = NULL
             WHERE client_id = $1",
            self.client,
            newest,
            when.now,
            when.next_attempt,
        )?;
        Ok(())
    }

    /// Notes why a collection failed.
    pub(super) async fn fail(&mut self, failure: &Failure, when: Finished) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET failures = failures + 1, failure_status = $2, failure_message = $3, next_attempt_at = $4
             WHERE client_id = $1",
            self.client,
            failure.status.as_str(),
            failure.message.as_str(),
            when.next_attempt,
        )?;
        Ok(())
    }

    pub(super) async fn note_probed(&mut self, to: ExecutionId) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET probed_to = $2 WHERE client_id = $1",
            self.client,
            to,
        )?;
        Ok(())
    }

    /// Notes a gap, if the span lacks an execution.
    pub(super) async fn note_pruned(&mut self, span: Pruned, now: Timestamp) -> StoreResult<()> {
        let (stored,): (i64,) = fetch_one!(
            self.tx.db(),
            "SELECT COUNT(*) FROM executions
             WHERE client_id = $1 AND epoch = $2 AND execution_id > $3 AND execution_id < $4",
            self.client,
            self.epoch,
            span.above,
            span.below,
        )?;
        if stored >= span.below.0 - span.above.0 - 1 {
            return Ok(());
        }
        let (before, behind) = (self.start_of(span.above).await?, self.start_of(span.below).await?);
        let (text, last_success): (String, Option<Timestamp>) = fetch_one!(
            self.tx.db(),
            "SELECT gaps, last_success_at FROM collections WHERE client_id = $1",
            self.client,
        )?;
        let to = behind.unwrap_or(now);
        let from = before.or(last_success).unwrap_or(to).min(to);
        let gaps = with_gap(parse_gaps(self.client, &text)?, Gap { from, to });
        let spans: Vec<_> = gaps.iter().map(|gap| (gap.from.as_millis(), gap.to.as_millis())).collect();
        let text = serde_json::to_string(&spans).map_err(|error| StoreError::Internal(error.into()))?;
        execute!(self.tx.db(), "UPDATE collections SET gaps = $2 WHERE client_id = $1", self.client, text,)?;
        self.bump(now).await
    }

    /// When an execution started; where it is not stored any more, the one before it.
    async fn start_of(&mut self, id: ExecutionId) -> StoreResult<Option<Timestamp>> {
        let row: Option<(Timestamp,)> = fetch_optional!(
            self.tx.db(),
            "SELECT started_at FROM executions
             WHERE client_id = $1 AND epoch = $2 AND execution_id <= $3 AND started_at IS NOT NULL
             ORDER BY execution_id DESC LIMIT 1",
            self.client,
            self.line.owner(id).map_or(self.epoch, |owner| owner.number),
            id,
        )?;
        Ok(row.map(|(start,)| start))
    }
}

/// The ids of a span under which nothing is stored.
pub(super) async fn missing(
    store: &super::SqlStore,
    client: ClientId,
    scope: TenantScope,
    span: (ExecutionId, ExecutionId),
) -> StoreResult<Vec<ExecutionId>> {
    let mut conn = store.pool.read(scope).await?;
    let (ExecutionId(above), ExecutionId(to)) = span;
    let fork: Option<(i64,)> = fetch_optional!(
        conn.db(),
        "SELECT COALESCE(e.fork_at, 0) FROM collections k
         LEFT JOIN epochs e ON e.client_id = k.client_id AND e.epoch = k.epoch
         WHERE k.client_id = $1 AND ($2 IS NULL OR k.client_id = $2)",
        client,
        scope.only(),
    )?;
    let Some((fork,)) = fork else { return Ok(Vec::new()) };
    let above = above.max(to - MISSING_WINDOW).max(fork);
    let rows: Vec<(i64,)> = fetch_all!(
        conn.db(),
        "SELECT e.execution_id
         FROM collections k CROSS JOIN executions e
         WHERE e.client_id = k.client_id AND e.epoch = k.epoch AND k.client_id = $1 AND ($2 IS NULL OR k.client_id = $2)
             AND e.execution_id > $3 AND e.execution_id <= $4
         ORDER BY e.execution_id",
        client,
        scope.only(),
        above,
        to,
    )?;
    let mut stored = rows.into_iter().map(|(id,)| id).peekable();
    let is_missing = |id: &i64| stored.next_if_eq(id).is_none();
    Ok((above + 1..=to).filter(is_missing).map(ExecutionId).collect())
}

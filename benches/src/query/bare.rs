//! The limit: statements that read the rows which an answer is made of, in one transaction inside the scope, each row fetched and dropped.
//!
//! A client with its collection, its workflows, and the buckets of each span: an answer cannot be made of less.

use flowmastery_core::{
    id::ClientId,
    model::rollup::{Range, Span, cover},
};
use futures_util::TryStreamExt;
use sqlx::AssertSqlSafe;

use super::database::Bare;
use crate::Fallible;

const CLIENTS: &str = "
    SELECT c.id, c.name, c.n8n_api_url, k.data_version, k.changed_at, k.back_filled, k.last_attempt_at, k.last_success_at, k.imported_at,
           k.failure_status, k.failure_message, k.progress_executions, k.progress_oldest, k.gaps, k.epoch_begun_at
    FROM clients c JOIN collections k ON k.client_id = c.id WHERE c.deleted_at IS NULL";
const WORKFLOWS: &str = "
    SELECT w.client_id, w.workflow_id, w.name, w.status, w.time_saved_per_execution_minutes, w.last_execution_at FROM workflows w";
const SUMS: &str = "
    r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count, r.crashed_count, r.canceled_count,
    r.unknown_count, r.duration_sum_ms, r.sketch";

/// What an answer reads.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// Whose; `None` is all of them.
    pub(super) client: Option<ClientId>,
    pub(super) spans: Vec<Span>,
}

impl Reading {
    /// The fewest buckets of some ranges.
    pub(super) fn of(client: Option<ClientId>, ranges: impl IntoIterator<Item = Range>) -> Self {
        Self { client, spans: ranges.into_iter().flat_map(cover).collect() }
    }

    /// Each statement with what is bound to it.
    fn statements(&self, postgres: bool) -> Vec<(String, Vec<i64>)> {
        let own: Vec<i64> = self.client.iter().map(|client| client.0).collect();
        let (client, workflow) =
            if own.is_empty() { ("", "") } else { (" AND c.id = $1", " WHERE w.client_id = $1") };
        let mut statements = vec![
            (format!("{CLIENTS}{client}"), own.clone()),
            (format!("{WORKFLOWS}{workflow}"), own.clone()),
        ];
        if !self.spans.is_empty() {
            statements.push(self.buckets(own, postgres));
        }
        statements
    }

    /// All spans in one statement.
    fn buckets(&self, mut bound: Vec<i64>, postgres: bool) -> (String, Vec<i64>) {
        let mut selects = Vec::with_capacity(self.spans.len());
        for Span { width, range } in &self.spans {
            let at = bound.len();
            let buckets = format!(
                "r.width = ${} AND r.bucket >= ${} AND r.bucket < ${} AND r.class = 0",
                at + 1,
                at + 2,
                at + 3
            );
            bound.extend([i64::from(width.code()), range.from.as_millis(), range.to.as_millis()]);
            selects.push(match (self.client.is_some(), postgres) {
                (true, _) => format!("SELECT r.bucket, {SUMS} FROM rollups r WHERE r.client_id = $1 AND {buckets}"),
                (false, true) => format!(
                    "SELECT c.id, {SUMS} FROM clients c CROSS JOIN LATERAL
                     (SELECT * FROM rollups r WHERE r.client_id = c.id AND {buckets} OFFSET 0) r WHERE c.deleted_at IS NULL"
                ),
                (false, false) => format!(
                    "SELECT c.id, {SUMS} FROM clients c CROSS JOIN rollups r
                     WHERE r.client_id = c.id AND {buckets} AND c.deleted_at IS NULL"
                ),
            });
        }
        (selects.join(" UNION ALL "), bound)
    }

    /// Reads everything once; how many rows there were.
    pub(super) async fn run(&self, bare: &Bare) -> Fallible<usize> {
        macro_rules! drain {
            ($tx:expr, $postgres:expr) => {{
                let (mut tx, mut rows) = ($tx, 0);
                for (statement, bound) in self.statements($postgres) {
                    let query = sqlx::query(AssertSqlSafe(statement));
                    let query = bound.into_iter().fold(query, |query, value| query.bind(value));
                    let mut stream = query.fetch(&mut *tx);
                    while let Some(row) = stream.try_next().await? {
                        std::hint::black_box(&row);
                        rows += 1;
                    }
                }
                tx.commit().await?;
                Ok(rows)
            }};
        }
        match bare {
            Bare::Pg(pool) => {
                let scope = self.client.map_or_else(|| "all".to_owned(), |client| client.0.to_string());
                let begin = format!(
                    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL flowmastery.scope = '{scope}'"
                );
                drain!(pool.begin_with(AssertSqlSafe(begin)).await?, true)
            }
            Bare::Lite(pool) => drain!(pool.begin().await?, false),
        }
    }
}

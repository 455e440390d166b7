//! Taking and renewing leases: Postgres passes over the rows that others hold locked, SQLite has one writer and no such rows.

use serde::Serialize;

use super::super::{
    fault::fault,
    pool::{Db, Tx, by_database},
};
use crate::{
    clock::Timestamp,
    id::ClientId,
    store::{Due, StoreResult, Term, Turn},
};

/// Gives clients with an n8n in the scope $1 the next turn until $2.
macro_rules! lease {
    ($which:literal, $lock:literal) => {
        concat!(
            "WITH free AS (
                 SELECT k.client_id FROM clients c JOIN collections k ON k.client_id = c.id
                 WHERE ($1 IS NULL OR c.id = $1) AND c.deleted_at IS NULL AND c.n8n_api_url IS NOT NULL AND ",
            $which,
            $lock,
            ")
             UPDATE collections SET turn = turn + 1, leased_until = $2 WHERE client_id IN (SELECT client_id FROM free)
             RETURNING client_id, turn"
        )
    };
    (due, $lock:literal) => {
        lease!(
            "k.leased_until IS NULL AND COALESCE(k.next_attempt_at, 0) <= $3 AND CASE WHEN k.failure_status IS NULL THEN 0 ELSE 1 END = $5
             ORDER BY COALESCE(k.next_attempt_at, 0), k.client_id LIMIT $4",
            $lock
        )
    };
    (abandoned, $lock:literal) => {
        lease!("k.leased_until <= $3 ORDER BY k.leased_until, k.client_id LIMIT $4", $lock)
    };
    (client, $lock:literal) => {
        lease!("c.id = $4 AND (k.leased_until IS NULL OR k.leased_until <= $3)", $lock)
    };
}

/// Renews the leases of some turns in the scope $1 until $2.
macro_rules! renew {
    ($turns:literal, $lock:literal) => {
        concat!(
            "WITH ours AS (
                 SELECT client_id FROM collections
                 WHERE leased_until IS NOT NULL AND ($1 IS NULL OR client_id = $1) AND (client_id, turn) IN ",
            $turns,
            $lock,
            ")
             UPDATE collections SET leased_until = $2 WHERE client_id IN (SELECT client_id FROM ours)"
        )
    };
}

/// Which of some turns in the scope $1 are leased.
macro_rules! leased {
    ($turns:literal) => {
        concat!(
            "SELECT client_id, turn FROM collections
             WHERE leased_until IS NOT NULL AND ($1 IS NULL OR client_id = $1) AND (client_id, turn) IN ",
            $turns
        )
    };
}

type Row = (ClientId, i64);

fn turn((client, number): Row) -> Turn {
    Turn { client, number }
}

/// Leases clients that are due.
pub(in super::super) async fn lease_due(
    db: Db<'_>,
    scope: Option<ClientId>,
    term: Term,
    (due, limit): (Due, u16),
) -> StoreResult<Vec<Turn>> {
    macro_rules! fetch {
        ($db:expr, $lock:literal) => {{
            let begin =
                |sql| sqlx::query_as(sql).bind(scope).bind(term.until).bind(term.now).bind(i64::from(limit));
            match due {
                Due::Abandoned => begin(lease!(abandoned, $lock)).fetch_all($db).await,
                Due::Sound | Due::Failing => {
                    begin(lease!(due, $lock)).bind(i32::from(due == Due::Failing)).fetch_all($db).await
                }
            }
        }};
    }
    let rows: Result<Vec<Row>, _> =
        by_database!(db, |pg| fetch!(pg, " FOR UPDATE OF k SKIP LOCKED"), |lite| fetch!(lite, ""));
    Ok(rows.map_err(fault)?.into_iter().map(turn).collect())
}

/// Leases one client, if nobody has.
pub(in super::super) async fn lease_client(
    db: Db<'_>,
    scope: Option<ClientId>,
    client: ClientId,
    term: Term,
) -> StoreResult<Option<Turn>> {
    macro_rules! fetch {
        ($db:expr, $sql:expr) => {{
            let query = sqlx::query_as($sql).bind(scope).bind(term.until).bind(term.now);
            query.bind(client).fetch_optional($db).await
        }};
    }
    let row: Result<Option<Row>, _> = by_database!(
        db,
        |pg| fetch!(pg, lease!(client, " FOR UPDATE OF k SKIP LOCKED")),
        |lite| fetch!(lite, lease!(client, ""))
    );
    Ok(row.map_err(fault)?.map(turn))
}

#[derive(Serialize)]
struct TurnRow {
    client: i64,
    number: i64,
}

/// Renews leases; those that are still there.
pub(in super::super) async fn renew(
    tx: &mut Tx,
    scope: Option<ClientId>,
    turns: &[Turn],
    until: Timestamp,
) -> StoreResult<Vec<Turn>> {
    let rows: Vec<_> =
        turns.iter().map(|turn| TurnRow { client: turn.client.0, number: turn.number }).collect();
    let left: Result<Vec<Row>, _> = by_database!(
        tx.db(),
        |pg| {
            let (clients, numbers) = (column!(rows, client), column!(rows, number));
            let renewal = sqlx::query(renew!(
                "(SELECT * FROM UNNEST($3::BIGINT[], $4::BIGINT[]))",
                " FOR UPDATE SKIP LOCKED"
            ));
            let renewal = renewal.bind(scope).bind(until).bind(&clients).bind(&numbers);
            renewal.execute(&mut *pg).await.map_err(fault)?;
            let leased = sqlx::query_as(leased!("(SELECT * FROM UNNEST($2::BIGINT[], $3::BIGINT[]))"));
            leased.bind(scope).bind(clients).bind(numbers).fetch_all(pg).await
        },
        |lite| {
            let rows = super::json(&rows)?;
            let renewal =
                sqlx::query(renew!("(SELECT value->>'client', value->>'number' FROM json_each($3))", ""));
            renewal.bind(scope).bind(until).bind(&rows).execute(&mut *lite).await.map_err(fault)?;
            let leased =
                sqlx::query_as(leased!("(SELECT value->>'client', value->>'number' FROM json_each($2))"));
            leased.bind(scope).bind(rows).fetch_all(lite).await
        }
    );
    Ok(left.map_err(fault)?.into_iter().map(turn).collect())
}

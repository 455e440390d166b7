//! What Postgres and SQLite do not share: locks, kinds of transactions, and statements over many rows at once.
//!
//! Many rows travel as arrays of columns on Postgres (`UNNEST`) and as one JSON text on SQLite (`json_each`).

use super::{
    fault::fault,
    pool::{Db, Tx, by_database},
    rollup::{RollupKey, RollupRow},
    workflow::WorkflowRow,
};
use crate::{id::ClientId, store::StoreResult};

/// The schema that holds everything on Postgres.
#[cfg(feature = "postgres")]
pub(super) const SCHEMA: &str = "flowmastery";

/// A transaction of which all statements see the same rows.
#[cfg(feature = "postgres")]
pub(super) const POSTGRES_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// What transactions do one after the other, where no row stands for it that they could lock.
#[derive(Clone, Copy)]
pub(super) enum Lock {
    /// Changing who is an active admin.
    Admins = 1,
    /// Making invitations.
    Invitations = 2,
    /// Purging what deleted clients left.
    Purge = 3,
    /// Removing old changes from the feed.
    Changes = 4,
    /// Granting what another role needs.
    #[cfg(feature = "postgres")]
    Grants = 7,
}

/// Our part of Postgres's advisory locks.
#[cfg(feature = "postgres")]
const LOCK_CLASS: i32 = 0x464c_4f57;

/// Waits for a lock and holds it until the transaction ends. On SQLite a transaction that writes is alone anyway.
pub(super) async fn lock(tx: &mut Tx, lock: Lock) -> StoreResult<()> {
    by_database!(
        tx.db(),
        |pg| {
            let query =
                sqlx::query("SELECT pg_advisory_xact_lock($1, $2)").bind(LOCK_CLASS).bind(lock as i32);
            query.execute(pg).await.map(drop)
        },
        |_| {
            let _ = lock;
            Ok(())
        },
    )
    .map_err(fault)
}

/// Takes a lock that nobody holds, until the transaction ends; whether it did. On SQLite a transaction that writes is alone anyway.
pub(super) async fn try_lock(tx: &mut Tx, lock: Lock) -> StoreResult<bool> {
    let taken: Result<(bool,), _> = by_database!(
        tx.db(),
        |pg| {
            let query = sqlx::query_as("SELECT pg_try_advisory_xact_lock($1, $2)");
            query.bind(LOCK_CLASS).bind(lock as i32).fetch_one(pg).await
        },
        |_| {
            let _ = lock;
            Ok((true,))
        },
    );
    Ok(taken.map_err(fault)?.0)
}

/// Whether migrations were ever applied.
pub(super) async fn has_migrations(db: Db<'_>) -> StoreResult<bool> {
    let found: Result<(bool,), _> = by_database!(
        db,
        |pg| {
            // From the catalogue, which a role may read that may not use the schema.
            let sql = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = $1 AND tablename = '_flowmastery_migrations')";
            sqlx::query_as(sql).bind(SCHEMA).fetch_one(pg).await
        },
        |lite| {
            let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = '_flowmastery_migrations')";
            sqlx::query_as(sql).fetch_one(lite).await
        }
    );
    Ok(found.map_err(fault)?.0)
}

/// Many rows, for SQLite.
#[cfg(feature = "sqlite")]
fn json<T: serde::Serialize + ?Sized>(rows: &T) -> StoreResult<String> {
    serde_json::to_string(rows).map_err(|error| crate::store::StoreError::Internal(error.into()))
}

/// One column of many rows, for Postgres.
#[cfg(feature = "postgres")]
macro_rules! column {
    ($rows:expr, $field:ident) => {
        $rows.iter().map(|row| row.$field.clone()).collect::<Vec<_>>()
    };
}

// Behind the macro, which they use.
mod audit;
mod changes;
mod executions;
pub(super) mod leases;
mod outbox;
pub(super) mod series;

pub(super) use self::{
    audit::remove_old_audit,
    changes::{begin_life, move_change_horizon, read_changes},
    executions::{delete_executions, read_executions, write_executions},
    outbox::lease_mails,
};

/// The stored rollups of some keys.
pub(super) async fn read_rollups(
    tx: &mut Tx,
    client: ClientId,
    keys: &[RollupKey],
) -> StoreResult<Vec<RollupRow>> {
    let rows = by_database!(
        tx.db(),
        |pg| {
            sqlx::query_as(
                "SELECT r.* FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[])
                     AS k (width, bucket, workflow_id, class)
                 JOIN rollups r ON r.client_id = $1 AND r.width = k.width AND r.bucket = k.bucket
                     AND r.workflow_id = k.workflow_id AND r.class = k.class",
            )
            .bind(client)
            .bind(column!(keys, width))
            .bind(column!(keys, bucket))
            .bind(column!(keys, workflow_id))
            .bind(column!(keys, class))
            .fetch_all(pg)
            .await
        },
        |lite| {
            // CROSS JOIN keeps the order: the few keys outside, the many rows found by their primary key inside.
            sqlx::query_as(
                "SELECT r.* FROM json_each($2) k CROSS JOIN rollups r
                 WHERE r.client_id = $1 AND r.width = k.value->>'width' AND r.bucket = k.value->>'bucket'
                     AND r.workflow_id = k.value->>'workflow_id' AND r.class = k.value->>'class'",
            )
            .bind(client)
            .bind(json(keys)?)
            .fetch_all(lite)
            .await
        }
    );
    rows.map_err(fault)
}

/// Inserts or replaces rollups.
pub(super) async fn write_rollups(tx: &mut Tx, client: ClientId, rows: &[RollupRow]) -> StoreResult<()> {
    by_database!(tx.db(), |pg| sqlx::query(
            "INSERT INTO rollups (client_id, width, bucket, workflow_id, class, new_count, running_count, waiting_count,
                                  success_count, error_count, crashed_count, canceled_count, unknown_count,
                                  duration_sum_ms, sketch)
             SELECT $1, * FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[], $6::BIGINT[], $7::BIGINT[],
                                      $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[],
                                      $13::BIGINT[], $14::BIGINT[], $15::BYTEA[])
             ON CONFLICT (client_id, width, bucket, workflow_id, class) DO UPDATE SET
                 new_count = excluded.new_count, running_count = excluded.running_count,
                 waiting_count = excluded.waiting_count, success_count = excluded.success_count,
                 error_count = excluded.error_count, crashed_count = excluded.crashed_count,
                 canceled_count = excluded.canceled_count, unknown_count = excluded.unknown_count,
                 duration_sum_ms = excluded.duration_sum_ms, sketch = excluded.sketch",
        )
        .bind(client)
        .bind(column!(rows, width))
        .bind(column!(rows, bucket))
        .bind(column!(rows, workflow_id))
        .bind(column!(rows, class))
        .bind(column!(rows, new_count))
        .bind(column!(rows, running_count))
        .bind(column!(rows, waiting_count))
        .bind(column!(rows, success_count))
        .bind(column!(rows, error_count))
        .bind(column!(rows, crashed_count))
        .bind(column!(rows, canceled_count))
        .bind(column!(rows, unknown_count))
        .bind(column!(rows, duration_sum_ms))
        .bind(column!(rows, sketch))
        .execute(pg)
        .await
        .map(drop), |lite| sqlx::query(
            "INSERT INTO rollups (client_id, width, bucket, workflow_id, class, new_count, running_count, waiting_count,
                                  success_count, error_count, crashed_count, canceled_count, unknown_count,
                                  duration_sum_ms, sketch)
             SELECT $1, value->>'width', value->>'bucket', value->>'workflow_id', value->>'class', value->>'new_count',
                    value->>'running_count', value->>'waiting_count', value->>'success_count', value->>'error_count',
                    value->>'crashed_count', value->>'canceled_count', value->>'unknown_count',
                    value->>'duration_sum_ms', unhex(value->>'sketch')
             FROM json_each($2) WHERE TRUE
             ON CONFLICT (client_id, width, bucket, workflow_id, class) DO UPDATE SET
                 new_count = excluded.new_count, running_count = excluded.running_count,
                 waiting_count = excluded.waiting_count, success_count = excluded.success_count,
                 error_count = excluded.error_count, crashed_count = excluded.crashed_count,
                 canceled_count = excluded.canceled_count, unknown_count = excluded.unknown_count,
                 duration_sum_ms = excluded.duration_sum_ms, sketch = excluded.sketch",
        )
        .bind(client)
        .bind(json(rows)?)
        .execute(lite)
        .await
        .map(drop))
    .map_err(fault)
}

/// Deletes the rollups of some keys.
pub(super) async fn delete_rollups(tx: &mut Tx, client: ClientId, keys: &[RollupKey]) -> StoreResult<()> {
    by_database!(
        tx.db(),
        |pg| sqlx::query(
            "DELETE FROM rollups WHERE client_id = $1 AND (width, bucket, workflow_id, class) IN
                 (SELECT * FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[]))",
        )
        .bind(client)
        .bind(column!(keys, width))
        .bind(column!(keys, bucket))
        .bind(column!(keys, workflow_id))
        .bind(column!(keys, class))
        .execute(pg)
        .await
        .map(drop),
        |lite| sqlx::query(
            "DELETE FROM rollups WHERE (client_id, width, bucket, workflow_id, class) IN
                 (SELECT $1, value->>'width', value->>'bucket', value->>'workflow_id', value->>'class'
                  FROM json_each($2))",
        )
        .bind(client)
        .bind(json(keys)?)
        .execute(lite)
        .await
        .map(drop)
    )
    .map_err(fault)
}

/// Inserts workflows or replaces their names, states and last executions; minutes that were set stay.
pub(super) async fn write_workflows(tx: &mut Tx, client: ClientId, rows: &[WorkflowRow]) -> StoreResult<()> {
    by_database!(tx.db(), |pg| sqlx::query(
            "INSERT INTO workflows (client_id, workflow_id, name, status, last_execution_at)
             SELECT $1, * FROM UNNEST($2::TEXT[], $3::TEXT[], $4::TEXT[], $5::BIGINT[])
             ON CONFLICT (client_id, workflow_id) DO UPDATE SET
                 name = excluded.name, status = excluded.status, last_execution_at = excluded.last_execution_at",
        )
        .bind(client)
        .bind(column!(rows, workflow_id))
        .bind(column!(rows, name))
        .bind(column!(rows, status))
        .bind(column!(rows, last_execution_at))
        .execute(pg)
        .await
        .map(drop), |lite| sqlx::query(
            "INSERT INTO workflows (client_id, workflow_id, name, status, last_execution_at)
             SELECT $1, value->>'workflow_id', value->>'name', value->>'status', value->>'last_execution_at'
             FROM json_each($2) WHERE TRUE
             ON CONFLICT (client_id, workflow_id) DO UPDATE SET
                 name = excluded.name, status = excluded.status, last_execution_at = excluded.last_execution_at",
        )
        .bind(client)
        .bind(json(rows)?)
        .execute(lite)
        .await
        .map(drop))
    .map_err(fault)
}

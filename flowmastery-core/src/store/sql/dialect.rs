//! What Postgres and SQLite do not share: locks, kinds of transactions, and statements over many rows at once.
//!
//! Many rows travel as arrays of columns on Postgres (`UNNEST`); on SQLite keys as one JSON text (`json_each`), and rows that are
//! written often as values of one prepared statement (`Bulk`).

use super::{
    fault::fault,
    pool::{Db, Tx, by_database},
    workflow::WorkflowRow,
};
use crate::{id::ClientId, store::StoreResult};

/// The schema that holds everything on Postgres.
#[cfg(feature = "postgres")]
pub(super) const SCHEMA: &str = "flowmastery";

/// A transaction of which all statements see the same rows.
#[cfg(feature = "postgres")]
pub(super) const POSTGRES_SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The same for statements that have one good plan, whatever is bound to them. Without being told, Postgres plans them anew for every reader, which takes
/// longer than reading the rows of a client; and over all clients it compiles them, which takes longer than it saves.
#[cfg(feature = "postgres")]
pub(super) const POSTGRES_SUMMING: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off";

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

/// The same of text.
#[cfg(feature = "postgres")]
macro_rules! texts {
    ($rows:expr, $field:ident) => {
        $rows.iter().map(|row| row.$field.as_str()).collect::<Vec<_>>()
    };
}

/// A value of each of many rows, for Postgres.
#[cfg(feature = "postgres")]
macro_rules! each {
    ($rows:expr, $row:pat_param => $value:expr) => {
        $rows.iter().map(|$row| $value).collect::<Vec<_>>()
    };
}

/// Whether rows are in the table that are to be written. Whoever says so holds the lock of the client's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// None is; `copies` says whether the role may `COPY`.
    New {
        /// On Postgres.
        copies: bool,
    },
    /// All or some are.
    Stored,
}

// Behind the macros, which they use.
mod audit;
#[cfg(feature = "sqlite")]
mod bulk;
mod changes;
#[cfg(feature = "postgres")]
mod copy;
pub(super) mod days;
mod executions;
pub(super) mod leases;
mod outbox;
mod rollups;
pub(super) mod series;

pub(super) use self::{
    audit::remove_old_audit,
    changes::{begin_life, move_change_horizon, read_changes},
    executions::{Ids, delete_executions, read_executions, write_executions},
    outbox::lease_mails,
    rollups::{delete_rollups, filled_buckets, read_rollups, write_rollups},
};

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

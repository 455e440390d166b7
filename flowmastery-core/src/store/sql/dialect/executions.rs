//! Many executions in one statement.

#[cfg(feature = "sqlite")]
use sqlx::{Arguments, error::BoxDynError, sqlite::SqliteArguments};

#[cfg(feature = "sqlite")]
use super::bulk::{Bulk, BulkRow, Texts};
#[cfg(feature = "postgres")]
use super::copy::{self, CopyRow, Fields};
use super::{
    super::{
        execution_row::{ExecutionRow, NewExecution},
        fault::fault,
        pool::{Tx, by_database},
    },
    Standing,
};
use crate::{clock::Timestamp, id::ClientId, store::StoreResult};

/// Which executions are read.
pub(in super::super) enum Ids<'a> {
    /// These.
    Each(&'a [i64]),
    /// All from one to another.
    Between(i64, i64),
}

/// The stored executions of some ids in some epochs.
pub(in super::super) async fn read_executions(
    tx: &mut Tx,
    client: ClientId,
    epochs: &[i64],
    ids: Ids<'_>,
) -> StoreResult<Vec<ExecutionRow>> {
    let rows = match ids {
        Ids::Each(ids) => read_each(tx, client, epochs, ids).await?,
        Ids::Between(first, last) => by_database!(
            tx.db(),
            |pg| sqlx::query_as(
                "SELECT * FROM executions WHERE client_id = $1 AND epoch = ANY($2) AND execution_id BETWEEN $3 AND $4",
            )
            .bind(client)
            .bind(epochs)
            .bind(first)
            .bind(last)
            .fetch_all(pg)
            .await,
            |lite| sqlx::query_as(
                "SELECT * FROM executions WHERE client_id = $1 AND epoch IN (SELECT value FROM json_each($2))
                     AND execution_id BETWEEN $3 AND $4",
            )
            .bind(client)
            .bind(super::json(epochs)?)
            .bind(first)
            .bind(last)
            .fetch_all(lite)
            .await
        )
        .map_err(fault)?,
    };
    Ok(rows)
}

async fn read_each(
    tx: &mut Tx,
    client: ClientId,
    epochs: &[i64],
    ids: &[i64],
) -> StoreResult<Vec<ExecutionRow>> {
    let rows = by_database!(
        tx.db(),
        |pg| sqlx::query_as(
            "SELECT * FROM executions WHERE client_id = $1 AND epoch = ANY($2) AND execution_id = ANY($3)",
        )
        .bind(client)
        .bind(epochs)
        .bind(ids)
        .fetch_all(pg)
        .await,
        |lite| {
            sqlx::query_as(
                "SELECT * FROM executions WHERE client_id = $1 AND epoch IN (SELECT value FROM json_each($2))
                 AND execution_id IN (SELECT value FROM json_each($3))",
            )
            .bind(client)
            .bind(super::json(epochs)?)
            .bind(super::json(ids)?)
            .fetch_all(lite)
            .await
        }
    );
    rows.map_err(fault)
}

/// The first two are of all rows that are written together, and the last one is 0 of whatever is written.
macro_rules! columns {
    () => {
        "(client_id, seen_at, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at, retry_of, retry_success_id,
          bucket, misses)"
    };
}

/// What becomes of a row that is stored.
macro_rules! replace {
    () => {
        " ON CONFLICT (client_id, epoch, execution_id) DO UPDATE SET
             workflow_id = excluded.workflow_id, status = excluded.status, mode = excluded.mode,
             started_at = excluded.started_at, stopped_at = excluded.stopped_at, retry_of = excluded.retry_of,
             retry_success_id = excluded.retry_success_id, bucket = excluded.bucket, misses = excluded.misses,
             seen_at = excluded.seen_at"
    };
}

#[cfg(feature = "postgres")]
macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO executions ",
            columns!(),
            " SELECT $1, $2, *, 0 FROM UNNEST($3::BIGINT[], $4::BIGINT[], $5::TEXT[], $6::SMALLINT[], $7::TEXT[],
                                              $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[])"
        )
    };
}

#[cfg(feature = "postgres")]
const COPY: &str = concat!("COPY executions ", columns!(), " FROM STDIN (FORMAT binary)");

#[cfg(feature = "sqlite")]
macro_rules! bulk {
    ($verb:literal, $tail:expr) => {
        Bulk::new(
            concat!($verb, " INTO executions ", columns!(), " SELECT ?, ?, *, 0 FROM (VALUES"),
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            $tail,
        )
    };
}

// A violation undoes the transaction anyway: without FAIL, SQLite would note for each statement how to undo it alone.
#[cfg(feature = "sqlite")]
static INSERT: Bulk = bulk!("INSERT OR FAIL", ")");
#[cfg(feature = "sqlite")]
static REPLACE: Bulk = bulk!("INSERT", concat!(") WHERE TRUE", replace!()));

/// Inserts executions that were seen at an instant, or replaces those that are stored.
pub(in super::super) async fn write_executions(
    tx: &mut Tx,
    (client, seen_at): (ClientId, Timestamp),
    rows: Vec<NewExecution<'_>>,
    standing: Standing,
) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let shared = [client.0, seen_at.as_millis()];
    by_database!(
        tx.db(),
        |pg| match standing {
            Standing::New { copies: true } if copy::is_worth_it(rows.len()) => {
                copy::copy(pg, COPY, &shared, &rows).await
            }
            _ => sqlx::query(match standing {
                Standing::New { .. } => insert!(),
                Standing::Stored => concat!(insert!(), replace!()),
            })
            .bind(client)
            .bind(seen_at)
            .bind(each!(rows, row => row.epoch))
            .bind(each!(rows, row => row.id()))
            .bind(each!(rows, row => row.workflow_id()))
            .bind(each!(rows, row => row.status()))
            .bind(each!(rows, row => row.mode()))
            .bind(each!(rows, row => row.optional()[0]))
            .bind(each!(rows, row => row.optional()[1]))
            .bind(each!(rows, row => row.optional()[2]))
            .bind(each!(rows, row => row.optional()[3]))
            .bind(each!(rows, row => row.recorded.bucket))
            .execute(pg)
            .await
            .map(drop),
        },
        |lite| match standing {
            Standing::New { .. } => &INSERT,
            Standing::Stored => &REPLACE,
        }
        .write(lite, &shared, rows)
        .await
    )
    .map_err(fault)
}

#[cfg(feature = "postgres")]
impl CopyRow for NewExecution<'_> {
    const FIELDS: usize = 11;

    fn write(&self, fields: &mut Fields) {
        fields.long(self.epoch);
        fields.long(self.id().0);
        fields.bytes(self.workflow_id().as_bytes());
        fields.short(self.status());
        fields.bytes(self.mode().as_bytes());
        self.optional().into_iter().for_each(|value| fields.optional(value));
        fields.long(self.recorded.bucket.as_millis());
        fields.short(0);
    }
}

#[cfg(feature = "sqlite")]
impl BulkRow for NewExecution<'_> {
    fn bind(self, texts: &mut Texts, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        arguments.add(self.epoch)?;
        arguments.add(self.id())?;
        arguments.add(texts.shared(self.workflow_id()))?;
        arguments.add(self.status())?;
        arguments.add(texts.shared(self.mode()))?;
        for value in self.optional() {
            arguments.add(value)?;
        }
        arguments.add(self.recorded.bucket)
    }
}

/// Deletes the executions of some ids.
pub(in super::super) async fn delete_executions(
    tx: &mut Tx,
    client: ClientId,
    epoch: i64,
    ids: &[i64],
) -> StoreResult<()> {
    by_database!(
        tx.db(),
        |pg| sqlx::query(
            "DELETE FROM executions WHERE client_id = $1 AND epoch = $2 AND execution_id = ANY($3)",
        )
        .bind(client)
        .bind(epoch)
        .bind(ids)
        .execute(pg)
        .await
        .map(drop),
        |lite| sqlx::query(
            "DELETE FROM executions WHERE client_id = $1 AND epoch = $2
                 AND execution_id IN (SELECT value FROM json_each($3))",
        )
        .bind(client)
        .bind(epoch)
        .bind(super::json(ids)?)
        .execute(lite)
        .await
        .map(drop)
    )
    .map_err(fault)
}

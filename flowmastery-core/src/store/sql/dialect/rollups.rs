//! Many rollups in one statement.

#[cfg(feature = "sqlite")]
use sqlx::{Arguments, error::BoxDynError, sqlite::SqliteArguments};

#[cfg(feature = "sqlite")]
use super::bulk::{Bulk, BulkRow, Texts};
#[cfg(feature = "postgres")]
use super::copy::{self, CopyRow, Fields};
use super::{
    super::{
        fault::fault,
        pool::{Tx, by_database},
        rollup::{NewRollup, RollupKey, RollupRow},
    },
    Standing,
};
use crate::{id::ClientId, store::StoreResult};

/// Of some widths and starts of buckets those under which anything is stored.
pub(in super::super) async fn filled_buckets(
    tx: &mut Tx,
    client: ClientId,
    buckets: &[(i16, i64)],
) -> StoreResult<Vec<(i16, i64)>> {
    let rows = by_database!(
        tx.db(),
        |pg| {
            let (widths, starts): (Vec<i16>, Vec<i64>) = buckets.iter().copied().unzip();
            // The limit keeps Postgres at the index, where it would join with all rollups.
            sqlx::query_as(
                "SELECT b.width, b.start FROM UNNEST($2::SMALLINT[], $3::BIGINT[]) AS b (width, start)
                 CROSS JOIN LATERAL (SELECT 1 FROM rollups r
                     WHERE r.client_id = $1 AND r.width = b.width AND r.bucket = b.start LIMIT 1) f",
            )
            .bind(client)
            .bind(widths)
            .bind(starts)
            .fetch_all(pg)
            .await
        },
        |lite| sqlx::query_as(
            "SELECT value->>0, value->>1 FROM json_each($2)
             WHERE EXISTS (SELECT 1 FROM rollups
                           WHERE client_id = $1 AND width = value->>0 AND bucket = value->>1)",
        )
        .bind(client)
        .bind(super::json(buckets)?)
        .fetch_all(lite)
        .await
    );
    rows.map_err(fault)
}

/// The stored rollups of some keys.
pub(in super::super) async fn read_rollups(
    tx: &mut Tx,
    client: ClientId,
    keys: &[&RollupKey],
) -> StoreResult<Vec<RollupRow>> {
    let rows = by_database!(
        tx.db(),
        |pg| {
            sqlx::query_as(
                // The limit as above: each key is found in the index.
                "SELECT r.* FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[])
                     AS k (width, bucket, workflow_id, class)
                 CROSS JOIN LATERAL (SELECT * FROM rollups
                     WHERE client_id = $1 AND width = k.width AND bucket = k.bucket AND workflow_id = k.workflow_id
                         AND class = k.class LIMIT 1) r",
            )
            .bind(client)
            .bind(column!(keys, width))
            .bind(column!(keys, bucket))
            .bind(texts!(keys, workflow_id))
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
            .bind(super::json(keys)?)
            .fetch_all(lite)
            .await
        }
    );
    rows.map_err(fault)
}

macro_rules! columns {
    () => {
        "(client_id, width, bucket, workflow_id, class, new_count, running_count, waiting_count, success_count, error_count,
          crashed_count, canceled_count, unknown_count, duration_sum_ms, sketch)"
    };
}

/// What becomes of a row that is stored.
macro_rules! replace {
    () => {
        " ON CONFLICT (client_id, width, bucket, workflow_id, class) DO UPDATE SET
             new_count = excluded.new_count, running_count = excluded.running_count,
             waiting_count = excluded.waiting_count, success_count = excluded.success_count,
             error_count = excluded.error_count, crashed_count = excluded.crashed_count,
             canceled_count = excluded.canceled_count, unknown_count = excluded.unknown_count,
             duration_sum_ms = excluded.duration_sum_ms, sketch = excluded.sketch"
    };
}

#[cfg(feature = "postgres")]
macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO rollups ",
            columns!(),
            " SELECT $1, * FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[], $6::BIGINT[], $7::BIGINT[],
                                       $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[],
                                       $13::BIGINT[], $14::BIGINT[], $15::BYTEA[])"
        )
    };
}

#[cfg(feature = "postgres")]
const COPY: &str = concat!("COPY rollups ", columns!(), " FROM STDIN (FORMAT binary)");

#[cfg(feature = "sqlite")]
macro_rules! bulk {
    ($verb:literal, $selected:literal, $row:literal, $tail:expr) => {
        Bulk::new(
            concat!($verb, " INTO rollups ", columns!(), " SELECT ?, ", $selected, " FROM (VALUES"),
            $row,
            $tail,
        )
    };
}

// As for executions.
#[cfg(feature = "sqlite")]
static INSERT: Bulk = bulk!("INSERT OR FAIL", "*", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ")");
/// Of rows that hold successes and errors only, as nearly all do.
#[cfg(feature = "sqlite")]
static INSERT_PLAIN: Bulk = bulk!(
    "INSERT OR FAIL",
    "column1, column2, column3, column4, 0, 0, 0, column5, column6, 0, 0, 0, column7, column8",
    "(?, ?, ?, ?, ?, ?, ?, ?)",
    ")"
);
#[cfg(feature = "sqlite")]
static REPLACE: Bulk =
    bulk!("INSERT", "*", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", concat!(") WHERE TRUE", replace!()));

/// Inserts rollups, or replaces those that are stored.
pub(in super::super) async fn write_rollups(
    tx: &mut Tx,
    client: ClientId,
    rows: Vec<NewRollup>,
    standing: Standing,
) -> StoreResult<()> {
    if rows.is_empty() {
        return Ok(());
    }
    by_database!(
        tx.db(),
        |pg| match standing {
            Standing::New { copies: true } if copy::is_worth_it(rows.len()) => {
                copy::copy(pg, COPY, &[client.0], &rows).await
            }
            _ => sqlx::query(match standing {
                Standing::New { .. } => insert!(),
                Standing::Stored => concat!(insert!(), replace!()),
            })
            .bind(client)
            .bind(each!(rows, row => row.key.width))
            .bind(each!(rows, row => row.key.bucket))
            .bind(each!(rows, row => row.key.workflow_id.as_str()))
            .bind(each!(rows, row => row.key.class))
            .bind(each!(rows, row => row.numbers[0]))
            .bind(each!(rows, row => row.numbers[1]))
            .bind(each!(rows, row => row.numbers[2]))
            .bind(each!(rows, row => row.numbers[3]))
            .bind(each!(rows, row => row.numbers[4]))
            .bind(each!(rows, row => row.numbers[5]))
            .bind(each!(rows, row => row.numbers[6]))
            .bind(each!(rows, row => row.numbers[7]))
            .bind(each!(rows, row => row.numbers[8]))
            .bind(each!(rows, row => row.sketch.as_slice()))
            .execute(pg)
            .await
            .map(drop),
        },
        |lite| match standing {
            Standing::New { .. } => {
                let (plain, others): (Vec<_>, Vec<_>) = rows.into_iter().partition(NewRollup::is_plain);
                let plain = plain.into_iter().map(Plain).collect();
                match INSERT_PLAIN.write(lite, &[client.0], plain).await {
                    Ok(()) => INSERT.write(lite, &[client.0], others).await,
                    failed => failed,
                }
            }
            Standing::Stored => REPLACE.write(lite, &[client.0], rows).await,
        }
    )
    .map_err(fault)
}

#[cfg(feature = "postgres")]
impl CopyRow for NewRollup {
    const FIELDS: usize = 14;

    fn write(&self, fields: &mut Fields) {
        fields.short(self.key.width);
        fields.long(self.key.bucket);
        fields.bytes(self.key.workflow_id.as_str().as_bytes());
        fields.short(self.key.class);
        self.numbers.into_iter().for_each(|number| fields.long(number));
        fields.bytes(&self.sketch);
    }
}

#[cfg(feature = "sqlite")]
impl NewRollup {
    /// Whether it holds successes and errors only.
    fn is_plain(&self) -> bool {
        let [new, running, waiting, _, _, crashed, canceled, unknown, _] = self.numbers;
        [new, running, waiting, crashed, canceled, unknown] == [0; 6]
    }

    fn bind_these(
        self,
        numbers: &[i64],
        texts: &mut Texts,
        arguments: &mut SqliteArguments,
    ) -> Result<(), BoxDynError> {
        arguments.add(self.key.width)?;
        arguments.add(self.key.bucket)?;
        arguments.add(texts.shared(self.key.workflow_id.as_str()))?;
        arguments.add(self.key.class)?;
        for number in numbers {
            arguments.add(*number)?;
        }
        arguments.add(self.sketch)
    }
}

#[cfg(feature = "sqlite")]
impl BulkRow for NewRollup {
    fn bind(self, texts: &mut Texts, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        let numbers = self.numbers;
        self.bind_these(&numbers, texts, arguments)
    }
}

/// A rollup that holds successes and errors only.
#[cfg(feature = "sqlite")]
struct Plain(NewRollup);

#[cfg(feature = "sqlite")]
impl BulkRow for Plain {
    fn bind(self, texts: &mut Texts, arguments: &mut SqliteArguments) -> Result<(), BoxDynError> {
        let [_, _, _, success, error, _, _, _, durations] = self.0.numbers;
        self.0.bind_these(&[success, error, durations], texts, arguments)
    }
}

/// Deletes the rollups of some keys.
pub(in super::super) async fn delete_rollups(
    tx: &mut Tx,
    client: ClientId,
    keys: &[RollupKey],
) -> StoreResult<()> {
    by_database!(
        tx.db(),
        |pg| sqlx::query(
            "DELETE FROM rollups WHERE client_id = $1 AND (width, bucket, workflow_id, class) IN
                 (SELECT * FROM UNNEST($2::SMALLINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[]))",
        )
        .bind(client)
        .bind(column!(keys, width))
        .bind(column!(keys, bucket))
        .bind(texts!(keys, workflow_id))
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
        .bind(super::json(keys)?)
        .execute(lite)
        .await
        .map(drop)
    )
    .map_err(fault)
}

//! Rollups of many clients and ranges of time in one statement, each range of each client found by the primary key.

use futures_util::TryStreamExt;
use serde::Serialize;

use super::super::{
    fault::fault,
    pool::{Tx, by_database},
};
use crate::{
    clock::Timestamp,
    id::ClientId,
    model::rollup::{Range, Width},
    store::StoreResult,
};

/// A row of sums, read by position: these are many.
pub(in crate::store::sql) type BucketRow =
    (ClientId, Timestamp, String, i64, i64, i64, i64, i64, i64, i64, i64, i64, Vec<u8>);

/// Whose rollups are read.
#[derive(Clone, Copy)]
pub(in crate::store::sql) struct Which {
    pub(in crate::store::sql) scope: Option<ClientId>,
    pub(in crate::store::sql) client: Option<ClientId>,
}

/// Which rollups of one width are read.
pub(in crate::store::sql) struct Buckets<'a> {
    /// Whether only those of clients whose collection has ever succeeded.
    pub(in crate::store::sql) known: bool,
    pub(in crate::store::sql) width: Width,
    pub(in crate::store::sql) ranges: &'a [Range],
    pub(in crate::store::sql) classes: [i16; 3],
}

/// A range as it travels to SQLite.
#[derive(Serialize)]
struct Ends {
    low: i64,
    high: i64,
}

/// Calls `each` with every row, one after the other, so that a long range needs no memory of its own.
pub(in crate::store::sql) async fn each_bucket(
    tx: &mut Tx,
    which: Which,
    buckets: Buckets<'_>,
    mut each: impl FnMut(BucketRow) -> StoreResult<()> + Send,
) -> StoreResult<()> {
    let Buckets { known, width, ranges, classes: [first, second, third] } = buckets;
    let ends = ranges.iter().map(|range| Ends { low: range.from.as_millis(), high: range.to.as_millis() });
    let ends: Vec<_> = ends.collect();
    macro_rules! stream {
        ($db:expr, $sql:expr $(, $ranges:expr)+) => {{
            let query = sqlx::query_as($sql).bind(which.scope).bind(which.client).bind(width.code());
            let query = query.bind(first).bind(second).bind(third).bind(known);
            let mut rows = query$(.bind($ranges))+.fetch($db);
            while let Some(row) = rows.try_next().await.map_err(fault)? {
                each(row)?;
            }
        }};
    }
    by_database!(
        tx.db(),
        |pg| stream!(pg, POSTGRES, column!(ends, low), column!(ends, high)),
        |lite| stream!(lite, SQLITE, super::json(&ends)?)
    );
    Ok(())
}

/// `OFFSET 0` keeps the planner from reading a whole width and comparing each row with every range.
#[cfg(feature = "postgres")]
const POSTGRES: &str = "
    SELECT c.id, r.bucket, r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count,
           r.crashed_count, r.canceled_count, r.unknown_count, r.duration_sum_ms, r.sketch
    FROM clients c
    JOIN collections k ON k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $7)
    CROSS JOIN UNNEST($8::BIGINT[], $9::BIGINT[]) AS e (low, high)
    CROSS JOIN LATERAL (
        SELECT * FROM rollups r
        WHERE r.client_id = c.id AND r.width = $3 AND r.bucket >= e.low AND r.bucket < e.high AND r.class IN ($4, $5, $6)
        OFFSET 0
    ) r
    WHERE c.deleted_at IS NULL AND ($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id = $2)";

/// `CROSS JOIN` keeps the order: the few clients and ranges outside, their rows found by primary key inside.
#[cfg(feature = "sqlite")]
const SQLITE: &str = "
    SELECT c.id, r.bucket, r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count,
           r.crashed_count, r.canceled_count, r.unknown_count, r.duration_sum_ms, r.sketch
    FROM clients c CROSS JOIN collections k CROSS JOIN json_each($8) e CROSS JOIN rollups r
    WHERE k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $7) AND c.deleted_at IS NULL
        AND ($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id = $2)
        AND r.client_id = c.id AND r.width = $3
        AND r.bucket >= e.value->>'low' AND r.bucket < e.value->>'high' AND r.class IN ($4, $5, $6)";

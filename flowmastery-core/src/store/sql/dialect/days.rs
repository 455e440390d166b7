//! Counts of days of several clients in one statement, added up where the rows are: sketches, which are most of them, are not read.

use super::super::{
    fault::fault,
    pool::{Tx, by_database},
};
use crate::{
    clock::Timestamp,
    id::ClientId,
    model::rollup::{Range, Width},
    store::{DayCount, StoreResult},
};

/// All counts of a row.
macro_rules! counts {
    ($from:literal) => {
        concat!(
            "SELECT c.id, r.bucket,
                    CAST(SUM(r.new_count + r.running_count + r.waiting_count + r.success_count + r.error_count + r.crashed_count
                        + r.canceled_count + r.unknown_count) AS BIGINT) ",
            $from,
            " GROUP BY c.id, r.bucket ORDER BY c.id, r.bucket"
        )
    };
}

/// `OFFSET 0` and `CROSS JOIN` keep the order, as in the statements of series: the few clients outside, their rows found by primary key inside.
#[cfg(feature = "postgres")]
const POSTGRES: &str = counts!(
    "FROM (SELECT c.id FROM UNNEST($1::BIGINT[]) AS e (id) JOIN clients c ON c.id = e.id WHERE c.deleted_at IS NULL OFFSET 0) c
     CROSS JOIN LATERAL (
         SELECT * FROM rollups r
         WHERE r.client_id = c.id AND r.width = $2 AND r.bucket >= $3 AND r.bucket < $4 AND (r.class = $5 OR r.class = $6 OR r.class = $7)
         OFFSET 0
     ) r"
);

#[cfg(feature = "sqlite")]
const SQLITE: &str = counts!(
    "FROM json_each($1) e CROSS JOIN clients c CROSS JOIN rollups r
     WHERE c.id = e.value AND c.deleted_at IS NULL AND r.client_id = c.id AND r.width = $2 AND r.bucket >= $3 AND r.bucket < $4
         AND r.class IN ($5, $6, $7)"
);

/// What ran of each of these clients on each day that begins in the range.
pub(in crate::store::sql) async fn day_counts(
    tx: &mut Tx,
    clients: &[ClientId],
    range: Range,
    classes: [i16; 3],
) -> StoreResult<Vec<DayCount>> {
    let mut ids: Vec<i64> = clients.iter().map(|client| client.0).collect();
    ids.sort_unstable();
    ids.dedup();
    let [first, second, third] = classes;
    macro_rules! rows {
        ($db:expr, $sql:expr, $ids:expr) => {
            sqlx::query_as($sql)
                .bind($ids)
                .bind(Width::Day.code())
                .bind(range.from)
                .bind(range.to)
                .bind(first)
                .bind(second)
                .bind(third)
                .fetch_all($db)
                .await
        };
    }
    let rows: Vec<(ClientId, Timestamp, i64)> =
        by_database!(tx.db(), |pg| rows!(pg, POSTGRES, &ids), |lite| rows!(lite, SQLITE, super::json(&ids)?))
            .map_err(fault)?;
    let count = |(client_id, day, total)| DayCount { client_id, day, total };
    Ok(rows.into_iter().map(count).collect())
}

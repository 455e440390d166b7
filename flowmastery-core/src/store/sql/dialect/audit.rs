//! Removing old entries of the audit log: on Postgres by a function, which is all the right to it that a host's role has.

use crate::{
    clock::Timestamp,
    store::{
        StoreResult,
        sql::{
            fault::fault,
            pool::{Db, by_database},
        },
    },
};

/// Removes at most `rows` entries from before an instant; how many went.
pub(in crate::store::sql) async fn remove_old_audit(
    db: Db<'_>,
    before: Timestamp,
    rows: u32,
) -> StoreResult<u64> {
    let gone = by_database!(
        db,
        |pg| {
            let query = sqlx::query_as("SELECT remove_old_audit($1, $2)").bind(before).bind(i64::from(rows));
            query.fetch_one(pg).await.map(|(gone,): (i64,)| u64::try_from(gone).unwrap_or_default())
        },
        |lite| {
            let sql = "DELETE FROM audit_log WHERE id IN
                           (SELECT id FROM audit_log WHERE at < MIN($1, CAST(unixepoch('subsec') * 1000 AS INTEGER) - 2592000000)
                            ORDER BY at, id LIMIT $2)";
            let query = sqlx::query(sql).bind(before).bind(i64::from(rows));
            query.execute(lite).await.map(|done| done.rows_affected())
        }
    );
    gone.map_err(fault)
}

//! The positions of the feed of changes: transactions and snapshots on Postgres, numbers on SQLite.
//!
//! On Postgres a transaction may commit after one with a higher number, so a reader goes on from what its last snapshot did not see. On
//! SQLite one transaction commits after the other, so a number says it all. A Postgres that crashed gives numbers out again that were not on its
//! disk, so a position belongs to a life of the server.

use super::super::{
    change::ChangeRow,
    fault::fault,
    pool::{Db, Tx, by_database},
};
use crate::{
    clock::Timestamp,
    store::{FeedPosition, StoreResult},
};

/// What was committed since the read that ended with `since`; at least one row.
pub(in super::super) async fn read_changes(
    db: Db<'_>,
    since: Option<&FeedPosition>,
) -> StoreResult<Vec<ChangeRow>> {
    let (seen, life) = since.map(|since| (since.seen.as_str(), since.life.as_str())).unzip();
    by_database!(db, |pg| {
            // What a snapshot did not see is what began after it and what was under way: two look-ups, however old the oldest of that is.
            sqlx::query_as(
                "SELECT pg_current_snapshot()::TEXT, l.life,
                        l.life = $2 AND h.pruned_to < pg_snapshot_xmin($1::TEXT::PG_SNAPSHOT)
                            AND pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT) <= pg_snapshot_xmax(pg_current_snapshot()),
                        c.kind, c.subject
                 FROM change_horizon h LEFT JOIN change_life l ON TRUE LEFT JOIN (
                     SELECT kind, subject FROM changes WHERE position >= pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT)
                     UNION ALL
                     SELECT kind, subject FROM changes
                     WHERE position = ANY (ARRAY(SELECT pg_snapshot_xip($1::TEXT::PG_SNAPSHOT)))
                 ) c ON TRUE",
            )
            .bind(seen)
            .bind(life)
            .fetch_all(pg)
            .await
        }, |lite| {
            sqlx::query_as(
                "SELECT CAST(COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0) AS TEXT), l.life,
                        l.life = $2 AND h.pruned_to <= CAST($1 AS INTEGER), c.kind, c.subject
                 FROM change_horizon h LEFT JOIN change_life l LEFT JOIN changes c ON c.position > CAST($1 AS INTEGER)",
            )
            .bind(seen)
            .bind(life)
            .fetch_all(lite)
            .await
        })
    .map_err(fault)
}

/// Begins a life, unless another host was faster.
pub(in super::super) async fn begin_life(db: Db<'_>) -> StoreResult<()> {
    by_database!(db, |pg| {
            sqlx::query(
                "INSERT INTO change_life (id, life) VALUES (1, gen_random_uuid()::TEXT) ON CONFLICT DO NOTHING",
            )
            .execute(pg)
            .await
            .map(drop)
        }, |lite| {
            sqlx::query(
                "INSERT INTO change_life (id, life) VALUES (1, lower(hex(randomblob(16)))) ON CONFLICT DO NOTHING",
            )
            .execute(lite)
            .await
            .map(drop)
        })
    .map_err(fault)
}

/// Moves the horizon behind about `rows` of the oldest changes from before an instant.
pub(in super::super) async fn move_change_horizon(
    tx: &mut Tx,
    before: Timestamp,
    rows: u32,
) -> StoreResult<()> {
    by_database!(tx.db(), |pg| {
            // What no transaction of this server can have written came with a back-up of another one, whose numbers were higher.
            sqlx::query("DELETE FROM changes WHERE position >= pg_snapshot_xmax(pg_current_snapshot())")
                .execute(&mut *pg)
                .await
                .map_err(fault)?;
            // A transaction may be open for longer than the feed is kept: behind it nothing is removed, or every reader would miss it.
            sqlx::query(
                "UPDATE change_horizon SET pruned_to = GREATEST(
                     CASE WHEN pruned_to < pg_snapshot_xmax(pg_current_snapshot()) THEN pruned_to ELSE '0'::XID8 END,
                     (SELECT position FROM
                         (SELECT position FROM changes WHERE at < $1 AND position < pg_snapshot_xmin(pg_current_snapshot())
                          ORDER BY position LIMIT $2) AS old
                      ORDER BY position DESC LIMIT 1))",
            )
            .bind(before)
            .bind(i64::from(rows))
            .execute(pg)
            .await
            .map(drop)
        }, |lite| sqlx::query(
            "UPDATE change_horizon SET pruned_to = MAX(pruned_to, COALESCE(
                 (SELECT MAX(position) FROM (SELECT position FROM changes WHERE at < $1 ORDER BY position LIMIT $2)), 0))",
        )
        .bind(before)
        .bind(i64::from(rows))
        .execute(lite)
        .await
        .map(drop))
    .map_err(fault)
}

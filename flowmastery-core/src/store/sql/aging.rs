//! Retention of executions in SQL: ended ones go when they are old enough, and stay counted in the rollups, which are never touched.
//!
//! Up to which number they have gone is kept with the epoch, so that one which n8n still lists is not counted again.

use super::{
    SqlStore, dialect,
    pool::{Tx, execute, fetch_all, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    store::StoreResult,
};

/// How many of the newest executions of an epoch stay: by them an instance is known again.
const KEPT: i64 = 100;

/// Removes at most about `rows` executions of a client from before an instant; how many went.
pub(super) async fn age_out(
    store: &SqlStore,
    (scope, client): (TenantScope, ClientId),
    before: Timestamp,
    rows: u32,
) -> StoreResult<u64> {
    let mut tx = store.pool.begin(scope).await?;
    // The lock of whoever changes the numbers. Until the first walk has gone down to the old ones they are left alone, so also a history
    // that was imported: an n8n may come later that still has what the history lacks, and below what has aged out nothing is counted.
    let locked: Option<(i64,)> = fetch_optional!(
        tx.db(),
        "UPDATE collections SET turn = turn
         WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND (back_filled OR (complete_to IS NULL AND last_success_at IS NOT NULL))
         RETURNING epochs",
        client,
        scope.only(),
    )?;
    let Some((epochs,)) = locked else { return Ok(0) };
    let mut gone = 0;
    for epoch in 0..epochs {
        let left = i64::from(rows).saturating_sub(gone);
        if left > 0 {
            gone += age_out_of(&mut tx, (client, epoch), before, left).await?;
        }
    }
    tx.commit().await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}

async fn age_out_of(
    tx: &mut Tx,
    (client, epoch): (ClientId, i64),
    before: Timestamp,
    rows: i64,
) -> StoreResult<i64> {
    // What is unfinished stays, and does not keep others from going.
    let oldest: Vec<(ExecutionId, Timestamp)> = fetch_all!(
        tx.db(),
        "SELECT execution_id, bucket FROM executions
         WHERE client_id = $1 AND epoch = $2 AND status >= 3 AND execution_id <=
             (SELECT execution_id FROM executions WHERE client_id = $1 AND epoch = $2
              ORDER BY execution_id DESC LIMIT 1 OFFSET $3)
         ORDER BY execution_id LIMIT $4",
        client,
        epoch,
        KEPT,
        rows,
    )?;
    let old: Vec<_> = oldest.into_iter().take_while(|(_, bucket)| *bucket < before).collect();
    let (Some((last, _)), Some(until)) = (old.last(), old.iter().map(|(_, bucket)| *bucket).max()) else {
        return Ok(0);
    };
    let ids: Vec<i64> = old.iter().map(|(id, _)| id.0).collect();
    dialect::delete_executions(tx, client, epoch, &ids).await?;
    execute!(
        tx.db(),
        "INSERT INTO epochs (client_id, epoch, aged_to, aged_until) VALUES ($1, $2, $3, $4)
         ON CONFLICT (client_id, epoch) DO UPDATE SET
             aged_to = CASE WHEN epochs.aged_to > excluded.aged_to THEN epochs.aged_to ELSE excluded.aged_to END,
             aged_until = CASE WHEN epochs.aged_until > excluded.aged_until THEN epochs.aged_until ELSE excluded.aged_until END",
        client,
        epoch,
        *last,
        until,
    )?;
    Ok(i64::try_from(old.len()).unwrap_or(0))
}

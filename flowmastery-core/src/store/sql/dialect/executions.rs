//! Many executions in one statement.

use super::super::{
    fault::fault,
    ledger::ExecutionRow,
    pool::{Tx, by_database},
};
use crate::{id::ClientId, store::StoreResult};

/// The stored executions of some ids in some epochs.
pub(in super::super) async fn read_executions(
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

/// Inserts or replaces executions.
pub(in super::super) async fn write_executions(
    tx: &mut Tx,
    client: ClientId,
    rows: &[ExecutionRow],
) -> StoreResult<()> {
    by_database!(tx.db(), |pg| sqlx::query(
            "INSERT INTO executions (client_id, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at,
                                     retry_of, retry_success_id, bucket, misses, seen_at)
             SELECT $1, * FROM UNNEST($2::BIGINT[], $3::BIGINT[], $4::TEXT[], $5::SMALLINT[], $6::TEXT[], $7::BIGINT[],
                                      $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::SMALLINT[],
                                      $13::BIGINT[])
             ON CONFLICT (client_id, epoch, execution_id) DO UPDATE SET
                 workflow_id = excluded.workflow_id, status = excluded.status, mode = excluded.mode,
                 started_at = excluded.started_at, stopped_at = excluded.stopped_at, retry_of = excluded.retry_of,
                 retry_success_id = excluded.retry_success_id, bucket = excluded.bucket, misses = excluded.misses,
                 seen_at = excluded.seen_at",
        )
        .bind(client)
        .bind(column!(rows, epoch))
        .bind(column!(rows, execution_id))
        .bind(column!(rows, workflow_id))
        .bind(column!(rows, status))
        .bind(column!(rows, mode))
        .bind(column!(rows, started_at))
        .bind(column!(rows, stopped_at))
        .bind(column!(rows, retry_of))
        .bind(column!(rows, retry_success_id))
        .bind(column!(rows, bucket))
        .bind(column!(rows, misses))
        .bind(column!(rows, seen_at))
        .execute(pg)
        .await
        .map(drop), |lite| sqlx::query(
            "INSERT INTO executions (client_id, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at,
                                     retry_of, retry_success_id, bucket, misses, seen_at)
             SELECT $1, value->>'epoch', value->>'execution_id', value->>'workflow_id', value->>'status', value->>'mode',
                    value->>'started_at', value->>'stopped_at', value->>'retry_of', value->>'retry_success_id',
                    value->>'bucket', value->>'misses', value->>'seen_at'
             FROM json_each($2) WHERE TRUE
             ON CONFLICT (client_id, epoch, execution_id) DO UPDATE SET
                 workflow_id = excluded.workflow_id, status = excluded.status, mode = excluded.mode,
                 started_at = excluded.started_at, stopped_at = excluded.stopped_at, retry_of = excluded.retry_of,
                 retry_success_id = excluded.retry_success_id, bucket = excluded.bucket, misses = excluded.misses,
                 seen_at = excluded.seen_at",
        )
        .bind(client)
        .bind(super::json(rows)?)
        .execute(lite)
        .await
        .map(drop))
    .map_err(fault)
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

//! Executions in SQL: what is asked of them, and the changes that go through the [`Ledger`].

use async_trait::async_trait;

use super::{
    SqlStore,
    ledger::Ledger,
    pool::{fetch_all, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::workflow::Workflow,
    store::{Applied, Batch, CollectionOutcome, CollectionState, ExecutionStore, OpenExecution, StoreResult},
};

#[async_trait]
impl ExecutionStore for SqlStore {
    async fn collection_state(
        &self,
        scope: TenantScope,
        client: ClientId,
    ) -> StoreResult<Option<CollectionState>> {
        let mut conn = self.pool.read().await?;
        let row: Option<(i64, Option<ExecutionId>, Option<ExecutionId>)> = fetch_optional!(
            conn.db(),
            "SELECT k.epoch, k.complete_to,
                    (SELECT MAX(e.execution_id) FROM executions e WHERE e.client_id = k.client_id AND e.epoch = k.epoch)
             FROM collections k JOIN clients c ON c.id = k.client_id
             WHERE c.deleted_at IS NULL AND c.n8n_api_url IS NOT NULL AND c.id = $1 AND ($2 IS NULL OR c.id = $2)",
            client,
            scope.only(),
        )?;
        Ok(row.map(|(epoch, complete_to, newest)| CollectionState { epoch, complete_to, newest }))
    }

    async fn apply_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        batch: Batch,
    ) -> StoreResult<Applied> {
        let Some(mut ledger) = Ledger::open(self, scope, client).await? else {
            return Ok(Applied::Superseded);
        };
        if ledger.epoch != batch.epoch {
            return Ok(Applied::Superseded);
        }
        let changed = ledger.apply(batch).await?;
        ledger.tx.commit().await?;
        Ok(Applied::Stored { changed })
    }

    async fn save_workflows(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflows: &[Workflow],
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, client).await? else { return Ok(()) };
        if ledger.save_workflows(workflows).await? {
            ledger.bump(now).await?;
        }
        ledger.tx.commit().await
    }

    async fn open_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        limit: u16,
    ) -> StoreResult<Vec<OpenExecution>> {
        let mut conn = self.pool.read().await?;
        let rows: Vec<(ExecutionId, i16)> = fetch_all!(
            conn.db(),
            // The plus keeps SQLite from walking all executions by their primary key, only because that has the order.
            "SELECT e.execution_id, e.misses
             FROM collections k JOIN executions e ON e.client_id = k.client_id AND e.epoch = k.epoch
             WHERE k.client_id = $1 AND ($2 IS NULL OR k.client_id = $2) AND e.status < 3
             ORDER BY +e.execution_id LIMIT $3",
            client,
            scope.only(),
            i64::from(limit),
        )?;
        Ok(rows.into_iter().map(|(id, misses)| OpenExecution { id, misses }).collect())
    }

    async fn miss_execution(
        &self,
        scope: TenantScope,
        client: ClientId,
        id: ExecutionId,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, client).await? else { return Ok(()) };
        ledger.miss(id, now).await?;
        ledger.tx.commit().await
    }

    async fn finish_collection(
        &self,
        scope: TenantScope,
        client: ClientId,
        outcome: &CollectionOutcome,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, client).await? else { return Ok(()) };
        match outcome {
            CollectionOutcome::Complete { epoch, newest } if *epoch == ledger.epoch => {
                ledger.complete(*newest, now).await?;
            }
            CollectionOutcome::Complete { .. } => {}
            CollectionOutcome::Failed(failure) => {
                ledger.fail(failure, now).await?;
            }
        }
        ledger.tx.commit().await
    }
}

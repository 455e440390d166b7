//! Executions in SQL: what is asked of them, and the changes that go through the [`Ledger`].

use async_trait::async_trait;

use super::{
    SqlStore,
    ledger::Ledger,
    pool::{fetch_all, fetch_one},
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
    async fn begin_collection(
        &self,
        scope: TenantScope,
        client: ClientId,
        now: Timestamp,
    ) -> StoreResult<Option<CollectionState>> {
        let Some(mut ledger) = Ledger::open(self, scope, client).await? else { return Ok(None) };
        let (complete_to, newest): (Option<ExecutionId>, Option<ExecutionId>) = fetch_one!(
            ledger.tx.db(),
            "UPDATE collections SET last_attempt_at = $2 WHERE client_id = $1
             RETURNING complete_to, (SELECT MAX(e.execution_id) FROM executions e
                                     WHERE e.client_id = collections.client_id AND e.epoch = collections.epoch)",
            client,
            now,
        )?;
        let epoch = ledger.epoch;
        ledger.tx.commit().await?;
        Ok(Some(CollectionState { epoch, complete_to, newest }))
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

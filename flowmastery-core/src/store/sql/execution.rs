//! Executions in SQL: what is asked of them, and the changes that go through the [`Ledger`].

use async_trait::async_trait;

use super::{SqlStore, aging, ledger::Ledger, pool::fetch_all, progress};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        epoch::{Hearing, Verdict},
        execution::Execution,
        workflow::Workflow,
    },
    store::{
        Applied, Batch, CollectionOutcome, CollectionState, ExecutionStore, Finished, Pruned, StoreResult,
        Turn,
    },
};

#[async_trait]
impl ExecutionStore for SqlStore {
    async fn begin_collection(
        &self,
        scope: TenantScope,
        turn: Turn,
        now: Timestamp,
        next_attempt: Timestamp,
    ) -> StoreResult<Option<CollectionState>> {
        let Some(mut ledger) = Ledger::begin(self, scope, turn, (now, next_attempt)).await? else {
            return Ok(None);
        };
        let state = ledger.state().await?;
        ledger.tx.commit().await?;
        Ok(Some(state))
    }

    async fn hear(&self, scope: TenantScope, turn: Turn, seen: &[Execution]) -> StoreResult<Option<Hearing>> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(None) };
        ledger.hear(seen).await.map(Some)
    }

    async fn settle(
        &self,
        scope: TenantScope,
        turn: Turn,
        verdict: Verdict,
        now: Timestamp,
    ) -> StoreResult<Option<CollectionState>> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(None) };
        ledger.settle(verdict, now).await?;
        let state = ledger.state().await?;
        ledger.tx.commit().await?;
        Ok(Some(state))
    }

    async fn apply_executions(&self, scope: TenantScope, turn: Turn, batch: Batch) -> StoreResult<Applied> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(Applied::Superseded) };
        let applied = ledger.apply(batch).await?;
        ledger.tx.commit().await?;
        Ok(applied)
    }

    async fn save_workflows(
        &self,
        scope: TenantScope,
        turn: Turn,
        workflows: &[Workflow],
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(()) };
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
    ) -> StoreResult<Vec<(ExecutionId, Option<Timestamp>)>> {
        let mut conn = self.pool.read(scope).await?;
        fetch_all!(
            conn.db(),
            // What is unfinished outside of the current line is lost. The plus keeps SQLite from walking all executions by their primary
            // key, only because that has the order.
            "SELECT e.execution_id, e.started_at
             FROM collections k JOIN executions e ON e.client_id = k.client_id
             WHERE k.client_id = $1 AND ($2 IS NULL OR k.client_id = $2) AND e.status < 3
             ORDER BY +e.execution_id LIMIT $3",
            client,
            scope.only(),
            i64::from(limit),
        )
    }

    async fn miss_execution(
        &self,
        scope: TenantScope,
        turn: Turn,
        id: ExecutionId,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(()) };
        ledger.miss(id, now).await?;
        ledger.tx.commit().await
    }

    async fn missing_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        above: ExecutionId,
        to: ExecutionId,
    ) -> StoreResult<Vec<ExecutionId>> {
        progress::missing(self, client, scope, (above, to)).await
    }

    async fn note_probed(&self, scope: TenantScope, turn: Turn, to: ExecutionId) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(()) };
        ledger.note_probed(to).await?;
        ledger.tx.commit().await
    }

    async fn note_pruned(
        &self,
        scope: TenantScope,
        turn: Turn,
        span: Pruned,
        now: Timestamp,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(()) };
        ledger.note_pruned(span, now).await?;
        ledger.tx.commit().await
    }

    async fn finish_collection(
        &self,
        scope: TenantScope,
        turn: Turn,
        outcome: &CollectionOutcome,
        when: Finished,
    ) -> StoreResult<()> {
        let Some(mut ledger) = Ledger::open(self, scope, turn).await? else { return Ok(()) };
        match outcome {
            CollectionOutcome::Complete(newest) => ledger.complete(*newest, when).await?,
            CollectionOutcome::Failed(failure) => ledger.fail(failure, when).await?,
        }
        ledger.tx.commit().await
    }

    async fn age_out(
        &self,
        scope: TenantScope,
        client: ClientId,
        before: Timestamp,
        rows: u32,
    ) -> StoreResult<u64> {
        aging::age_out(self, (scope, client), before, rows).await
    }
}

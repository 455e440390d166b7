//! The simulated n8n as a case sees it: with a point to be killed at around every request.

use async_trait::async_trait;
use flowmastery_core::{
    id::ExecutionId,
    model::{client::Instance, execution::Execution, rollup::Range, workflow::Workflow},
    n8n::{ExecutionQuery, Insights, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution},
};
use n8n_simulator::InProcessN8n;
use tokio::task::yield_now;

/// The simulated servers.
#[derive(Debug)]
pub(super) struct Killable(pub(super) InProcessN8n);

#[async_trait]
impl N8nApi for Killable {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        yield_now().await;
        self.0.workflows(instance, cursor).await
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        yield_now().await;
        let page = self.0.executions(instance, query).await;
        yield_now().await;
        page
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        yield_now().await;
        let single = self.0.execution(instance, id).await;
        yield_now().await;
        single
    }

    async fn insights(&self, instance: &Instance, range: Range) -> Result<Option<Insights>, N8nError> {
        self.0.insights(instance, range).await
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.0.test(instance).await
    }
}

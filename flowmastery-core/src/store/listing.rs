//! Single executions as lists, and what is kept and set of single workflows.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        listing::{ListedExecution, ListingPosition, ListingQuery},
        workflow::{TimeSaved, WorkflowId, WorkflowRecord},
    },
    page::{Page, PageRequest},
};

/// Executions as lists, and single workflows. Deleted clients are gone.
#[async_trait]
pub trait ListingStore: Send + Sync {
    /// The executions of a client that are still kept, newest first: by descending [`ListingPosition`]. One has a link when it is of the
    /// line of the instance that is configured, once that is known to be the instance at the address.
    async fn list_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        query: &ListingQuery,
        page: PageRequest<ListingPosition>,
    ) -> StoreResult<Page<ListedExecution, ListingPosition>>;

    /// A workflow of a client.
    async fn find_workflow(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflow: &WorkflowId,
    ) -> StoreResult<Option<WorkflowRecord>>;

    /// Sets what an execution of a workflow saves; whether there is such a workflow. A change is one of the client's numbers, with or
    /// without a collection under way, which goes on.
    async fn set_time_saved(
        &self,
        scope: TenantScope,
        (client, workflow): (ClientId, &WorkflowId),
        saved: TimeSaved,
        now: Timestamp,
    ) -> StoreResult<bool>;
}

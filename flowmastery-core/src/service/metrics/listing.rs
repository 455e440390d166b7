//! Single executions and workflows: what a list shows, and what an execution of a workflow saves.

use super::{Document, Metrics, summary};
use crate::{
    access::{actor::Actor, permission::Permission},
    error::{Error, Result},
    id::ClientId,
    model::{
        listing::{ListedExecution, ListingFilter, ListingPosition, ListingQuery},
        period::PeriodQuery,
        report::WorkflowMetrics,
        workflow::{TimeSaved, WorkflowId},
    },
    page::{Cursor, Page, PageRequest},
    store::Change,
};

/// One page of a list of executions, serialised.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListingDocument {
    /// The items; the tag is also of where the list goes on.
    pub document: Document,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor<ListingPosition>>,
}

impl ListingDocument {
    fn of(page: &Page<ListedExecution, ListingPosition>) -> Result<Self> {
        let mut document = Document::serialise(&page.items)?;
        // The same items with another link are another answer.
        if let (Some(next), Some(tag)) = (page.next, document.etag.strip_suffix('"')) {
            document.etag = format!("{tag}-{next}\"");
        }
        Ok(Self { document, next: page.next })
    }
}

/// Which executions a caller asks for.
#[derive(Clone, Debug, Default)]
pub struct ExecutionsQuery {
    /// When they are counted, and which classes.
    pub period: PeriodQuery,
    /// Only those.
    pub filter: ListingFilter,
    /// Which of the pages.
    pub page: PageRequest<ListingPosition>,
}

impl Metrics {
    /// The executions of a client that are still kept, newest first. Without a filter they are those that the totals of the same period
    /// count, until they age out.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`], also for another tenant's client.
    pub async fn executions(
        &self,
        actor: Actor,
        id: ClientId,
        query: &ExecutionsQuery,
    ) -> Result<Page<ListedExecution, ListingPosition>> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        self.ready(scope, id).await?;
        let listing = ListingQuery {
            range: query.period.at(self.clock.now()).current,
            classes: query.period.classes().to_vec(),
            filter: query.filter.clone(),
        };
        Ok(self.store.list_executions(scope, id, &listing, query.page).await?)
    }

    /// The same, serialised. It is not cached: there are as many lists as filters and places in them, each one short read of an index, and
    /// few are asked for twice.
    ///
    /// # Errors
    /// As [`Metrics::executions`].
    pub async fn executions_document(
        &self,
        actor: Actor,
        id: ClientId,
        query: &ExecutionsQuery,
    ) -> Result<ListingDocument> {
        ListingDocument::of(&self.executions(actor, id, query).await?)
    }

    /// Makes sure that a caller who may change a workflow names one that there is.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins, [`crate::error::Kind::NotFound`].
    pub async fn require_workflow(&self, actor: Actor, client: ClientId, id: &WorkflowId) -> Result<()> {
        let scope = actor.require_client(Permission::ManageClients, client)?;
        self.store.find_workflow(scope, client, id).await?.map(drop).ok_or_else(unknown_workflow)
    }

    /// Sets what an execution of a workflow saves, which counts for all that ever ran; its metrics of the default period.
    ///
    /// # Errors
    /// As [`Metrics::require_workflow`].
    pub async fn set_time_saved(
        &self,
        actor: Actor,
        (client, workflow): (ClientId, &WorkflowId),
        saved: TimeSaved,
    ) -> Result<WorkflowMetrics> {
        let scope = actor.require_client(Permission::ManageClients, client)?;
        let now = self.clock.now();
        if !self.store.set_time_saved(scope, (client, workflow), saved, now).await? {
            return Err(unknown_workflow());
        }
        self.feed.forget(Change::Client(client));
        let (query, at) = (PeriodQuery::default(), self.moment());
        let period = query.at(at.now);
        let snapshot = self.snapshot(scope, client, (&query, period)).await?;
        summary(&snapshot, period, at).workflow_with(workflow).ok_or_else(unknown_workflow)
    }
}

fn unknown_workflow() -> Error {
    Error::not_found("workflow")
}

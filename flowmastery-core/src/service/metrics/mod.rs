//! Metrics: what clients and admins read, made from the stored rollups.

mod document;
mod forms;
mod known;
pub mod listing;
mod series;
mod summary;

use std::{sync::Arc, time::Duration};

pub use self::document::Document;
pub(crate) use self::known::Known;
use self::{
    known::{Facts, KnownClient, Moment, Overview, What, answers_of, key, key_of},
    summary::Summary,
};
use crate::{
    access::{actor::Actor, permission::Permission, scope::TenantScope},
    cache::Cache,
    clock::{Clock, Timestamp},
    error::{Error, Result},
    feed::ChangeFeed,
    id::ClientId,
    model::{
        period::{Period, PeriodQuery},
        report::{AllMetrics, ClientMetrics, WorkflowsReport},
    },
    page::PageRequest,
    store::{Change, ClientSnapshot, MetricsQuery, Store},
    sync::CollectionRequests,
};

/// How long the first read of a client that was never collected waits for its first collection.
const FIRST_READ_PATIENCE: Duration = Duration::from_secs(10);

/// Which answer about one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientView {
    /// [`ClientMetrics`].
    Summary,
    /// [`WorkflowsReport`].
    Workflows,
}

/// Metrics.
#[derive(Clone, Debug)]
pub struct Metrics {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) known: Known,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) collection: Arc<dyn CollectionRequests>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sync_interval: Duration,
}

impl Metrics {
    /// The instant for which answers are made.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The actor's own client.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for admins, who have none.
    pub fn own_client(&self, actor: Actor) -> Result<ClientId> {
        actor.require(Permission::ViewOwnClient)?;
        actor.client_id().ok_or_else(|| Error::not_found("client"))
    }

    /// The metrics of a client. The first read of a client that was never collected waits for that, 10 s at most.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`], also for another tenant's client.
    pub async fn client(&self, actor: Actor, id: ClientId, query: &PeriodQuery) -> Result<ClientMetrics> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        self.ready(scope, id).await?;
        let at = self.moment();
        let period = query.at(at.now);
        Ok(summary(&self.snapshot(scope, id, (query, period)).await?, period, at).client())
    }

    /// The metrics of a client's workflows.
    ///
    /// # Errors
    /// As [`Metrics::client`].
    pub async fn workflows(
        &self,
        actor: Actor,
        id: ClientId,
        query: &PeriodQuery,
    ) -> Result<WorkflowsReport> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        self.ready(scope, id).await?;
        let at = self.moment();
        let period = query.at(at.now);
        Ok(summary(&self.snapshot(scope, id, (query, period)).await?, period, at).workflows())
    }

    /// The metrics of all clients.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins.
    pub async fn all(&self, actor: Actor, query: &PeriodQuery) -> Result<AllMetrics> {
        actor.require(Permission::ViewAllClients)?;
        let at = self.moment();
        let period = query.at(at.now);
        let snapshots = self.store.snapshots(actor.scope(), None, &rollups(query, period)).await?;
        Ok(all(&snapshots, period, at))
    }

    /// Stands for everything that answers about a client depend on, or about all of them: while it is the same, so are they.
    ///
    /// # Errors
    /// As [`Metrics::client`], and as [`Metrics::all`].
    pub async fn version(&self, actor: Actor, client: Option<ClientId>) -> Result<String> {
        let at = self.moment();
        let Some(id) = client else {
            actor.require(Permission::ViewAllClients)?;
            return Ok(self.overview(actor.scope(), at).await?.answers);
        };
        let scope = actor.require_client(Permission::ViewClient, id)?;
        Ok(Facts::from(&**self.find(scope, id).await?).answers(at))
    }

    /// The metrics of all clients, serialised, from the cache where nothing has changed.
    ///
    /// # Errors
    /// As [`Metrics::all`].
    pub async fn all_document(&self, actor: Actor, query: &PeriodQuery) -> Result<Document> {
        actor.require(Permission::ViewAllClients)?;
        let at = self.moment();
        let period = query.at(at.now);
        let key_of = |answers: &str| key("Summary", "all", &(answers, period, query.classes()));
        let key = key_of(&self.overview(actor.scope(), at).await?.answers);
        let make = async {
            let snapshots = self.store.snapshots(actor.scope(), None, &rollups(query, period)).await?;
            let document = Document::serialise(&all(&snapshots, period, at))?;
            Ok((document, key_of(&answers_of(&snapshots, at))))
        };
        self.document_of(&key, make).await
    }

    /// An answer about one client, serialised, from the cache where nothing has changed.
    ///
    /// # Errors
    /// As [`Metrics::client`].
    pub async fn document(
        &self,
        actor: Actor,
        id: ClientId,
        view: ClientView,
        query: &PeriodQuery,
    ) -> Result<Document> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        let client = self.ready(scope, id).await?;
        let at = self.moment();
        let key = client.key((What::View(view), query), at);
        if let Some(document) = self.at_hand(&key) {
            return Ok(document);
        }
        let make = async {
            let period = query.at(at.now);
            let snapshot = self.snapshot(scope, id, (query, period)).await?;
            let summary = summary(&snapshot, period, at);
            let document = match view {
                ClientView::Summary => Document::serialise(&summary.client()),
                ClientView::Workflows => Document::serialise(&summary.workflows()),
            }?;
            Ok((document, key_of((view, query), &Facts::from(&snapshot), at)))
        };
        // In a box, so that a request whose answer is at hand has no room to carry for this.
        Box::pin(self.document_of(&key, make)).await
    }

    /// The client, after the first collection where nothing was collected yet and nothing stands in the way.
    async fn ready(&self, scope: TenantScope, id: ClientId) -> Result<Arc<KnownClient>> {
        let client = self.find(scope, id).await?;
        let patience = client.collection.wait_for_first(self.clock.now(), FIRST_READ_PATIENCE);
        if client.n8n_api_url.is_none() || patience.is_zero() {
            return Ok(client);
        }
        // In a box, so that whoever need not wait has no room to carry for this.
        Box::pin(async {
            self.collection.collect_now(id, patience).await;
            self.feed.forget(Change::Client(id));
            self.find(scope, id).await
        })
        .await
    }

    async fn find(&self, scope: TenantScope, id: ClientId) -> Result<Arc<KnownClient>> {
        // What is remembered is remembered for every scope.
        if !scope.admits(id) {
            return Err(Error::not_found("client"));
        }
        let load = async {
            let found = self.store.find_client(scope, id).await?;
            Ok::<_, Error>(found.map(|client| Arc::new(client.into())))
        };
        self.known.clients.get_or_load(id, |_| true, load).await?.ok_or_else(|| Error::not_found("client"))
    }

    /// Every client of the scope, as far as keys need it.
    async fn overview(&self, scope: TenantScope, at: Moment) -> Result<Overview> {
        let load = async { self.read_overview(scope, at).await.map(Some) };
        let found =
            self.known.overviews.get_or_load(scope.only(), |overview| overview.holds(at.now), load).await?;
        found.ok_or_else(|| Error::not_found("client"))
    }

    /// The same as the store has it.
    async fn read_overview(&self, scope: TenantScope, at: Moment) -> Result<Overview> {
        let (mut clients, mut cursor) = (Vec::new(), None);
        loop {
            let mut page = self.store.list_clients(scope, PageRequest::long(cursor)).await?;
            clients.append(&mut page.items);
            cursor = page.next;
            if cursor.is_none() {
                return Ok(Overview::of(&clients, at));
            }
        }
    }

    async fn snapshot(
        &self,
        scope: TenantScope,
        id: ClientId,
        (query, period): (&PeriodQuery, Period),
    ) -> Result<ClientSnapshot> {
        let mut snapshots = self.store.snapshots(scope, Some(id), &rollups(query, period)).await?;
        snapshots.pop().ok_or_else(|| Error::not_found("client"))
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), sync_interval: self.sync_interval }
    }
}

fn summary(snapshot: &ClientSnapshot, period: Period, at: Moment) -> Summary<'_> {
    let freshness = snapshot.collection.freshness(snapshot.configured, at.now, at.sync_interval);
    Summary::new(snapshot, period, freshness)
}

fn all(snapshots: &[ClientSnapshot], period: Period, at: Moment) -> AllMetrics {
    let summaries: Vec<_> = snapshots.iter().map(|snapshot| summary(snapshot, period, at)).collect();
    Summary::all(&summaries)
}

fn rollups(query: &PeriodQuery, period: Period) -> MetricsQuery {
    let ranges = std::iter::once(period.current).chain(period.previous).collect();
    MetricsQuery { ranges, classes: query.classes().to_vec() }
}

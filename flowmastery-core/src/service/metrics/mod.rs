//! Metrics: what clients and admins read, made from the stored rollups.

pub mod listing;
mod series;
mod summary;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::Serialize;

use self::summary::Summary;
use crate::{
    access::{actor::Actor, permission::Permission, scope::TenantScope},
    cache::Cache,
    clock::{Clock, Timestamp},
    digest::sha256_hex,
    error::{Error, Result},
    id::ClientId,
    model::{
        period::{Period, PeriodQuery},
        report::{AllMetrics, ClientMetrics, WorkflowsReport},
    },
    store::{ClientSnapshot, Configured, MetricsQuery, Store},
    sync::CollectionRequests,
};

/// How long the first read of a client that was never collected waits for its first collection.
const FIRST_READ_PATIENCE: Duration = Duration::from_secs(10);
/// How long serialised answers are kept; their keys change with the data, so this only bounds memory.
const KEEP: Duration = Duration::from_secs(300);

/// A serialised answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// JSON.
    pub body: Bytes,
    /// A strong entity tag with its quotes: the same for the same bytes.
    pub etag: String,
}

impl Document {
    fn of(body: Bytes) -> Self {
        Self { etag: format!("\"{}\"", sha256_hex(&body)), body }
    }

    fn serialise(answer: &impl Serialize) -> Result<Self> {
        serde_json::to_vec(answer).map(|json| Self::of(json.into())).map_err(Error::internal)
    }
}

/// Which answer about one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) collection: Arc<dyn CollectionRequests>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sync_interval: Duration,
}

impl Metrics {
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
        let (snapshot, period) = self.snapshot(scope, id, query).await?;
        Ok(self.summary(&snapshot, period).client())
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
        let (snapshot, period) = self.snapshot(scope, id, query).await?;
        Ok(self.summary(&snapshot, period).workflows())
    }

    /// The metrics of all clients.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins.
    pub async fn all(&self, actor: Actor, query: &PeriodQuery) -> Result<AllMetrics> {
        actor.require(Permission::ViewAllClients)?;
        let period = query.at(self.clock.now());
        let snapshots = self.store.snapshots(actor.scope(), None, &rollups(query, period)).await?;
        let summaries: Vec<_> = snapshots.iter().map(|snapshot| self.summary(snapshot, period)).collect();
        Ok(Summary::all(&summaries))
    }

    /// The metrics of all clients, serialised.
    ///
    /// # Errors
    /// As [`Metrics::all`].
    pub async fn all_document(&self, actor: Actor, query: &PeriodQuery) -> Result<Document> {
        Document::serialise(&self.all(actor, query).await?)
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
        let key = self.cache_key(&client, view, query);
        if let Some(body) = self.cache.get(&key).await {
            return Ok(Document::of(body));
        }
        let (snapshot, period) = self.snapshot(scope, id, query).await?;
        let summary = self.summary(&snapshot, period);
        let document = match view {
            ClientView::Summary => Document::serialise(&summary.client()),
            ClientView::Workflows => Document::serialise(&summary.workflows()),
        }?;
        self.keep(key, &document);
        Ok(document)
    }

    /// Puts an answer into the cache. Nobody waits for one that may be away.
    fn keep(&self, key: String, document: &Document) {
        let (cache, body) = (self.cache.clone(), document.body.clone());
        tokio::spawn(async move { cache.put(&key, body, KEEP).await });
    }

    /// The client, after the first collection where nothing was collected yet and nothing stands in the way.
    async fn ready(&self, scope: TenantScope, id: ClientId) -> Result<Configured> {
        let find =
            || async { self.store.find_client(scope, id).await?.ok_or_else(|| Error::not_found("client")) };
        let client = find().await?;
        let patience = client.collection.wait_for_first(self.clock.now(), FIRST_READ_PATIENCE);
        if client.n8n_api_url.is_none() || patience.is_zero() {
            return Ok(client);
        }
        self.collection.collect_now(id, patience).await;
        find().await
    }

    async fn snapshot(
        &self,
        scope: TenantScope,
        id: ClientId,
        query: &PeriodQuery,
    ) -> Result<(ClientSnapshot, Period)> {
        let period = query.at(self.clock.now());
        let mut snapshots = self.store.snapshots(scope, Some(id), &rollups(query, period)).await?;
        Ok((snapshots.pop().ok_or_else(|| Error::not_found("client"))?, period))
    }

    fn summary<'a>(&self, snapshot: &'a ClientSnapshot, period: Period) -> Summary<'a> {
        let freshness =
            snapshot.collection.freshness(snapshot.configured, self.clock.now(), self.sync_interval);
        Summary::new(snapshot, period, freshness)
    }

    /// Everything that an answer depends on: tenant, numbers, name, borders, classes and what is said of freshness.
    fn cache_key(&self, client: &Configured, view: ClientView, query: &PeriodQuery) -> String {
        let now = self.clock.now();
        let period = query.at(now);
        let freshness = client.collection.freshness(client.n8n_api_url.is_some(), now, self.sync_interval);
        let edge = |at: Timestamp| at.as_millis();
        let previous = period.previous.map(|range| (edge(range.from), edge(range.to)));
        let parts = format!(
            "{:?}|{}|{}|{}|{:?}|{previous:?}|{:?}|{freshness:?}",
            client.name,
            client.collection.data_version,
            edge(period.current.from),
            edge(period.current.to),
            period.is_all,
            query.classes(),
        );
        format!("metrics:v1:{}:{view:?}:{}", client.id, sha256_hex(parts.as_bytes()))
    }
}

fn rollups(query: &PeriodQuery, period: Period) -> MetricsQuery {
    let ranges = std::iter::once(period.current).chain(period.previous).collect();
    MetricsQuery { ranges, classes: query.classes().to_vec() }
}

//! Hosts over one database, each with its own clock, whose requests to n8n wait until they are let through.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use flowmastery_core::{
    Config, Flowmastery,
    access::{actor::Actor, scope::TenantScope},
    clock::{Clock, Timestamp},
    entropy::OsEntropy,
    id::{ClientId, ExecutionId, UserId},
    model::{
        client::{ClientName, Instance, NewClient, SealedInstance},
        execution::Execution,
        instance::InstanceUrl,
        outbound::OutboundPolicy,
        period::PeriodQuery,
        workflow::Workflow,
    },
    n8n::{ExecutionQuery, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution},
    secret::{Place, Vault, VaultKey},
    store::{
        CollectionRecord, Store,
        sql::{SqlConfig, SqlStore},
    },
    testing::clock::FixedClock,
};
use flowmastery_tests::{postgres::Database, world::NOW};
use n8n_simulator::{Dialect, InProcessN8n, Run, SimulatedN8n};
use tokio::sync::Semaphore;

const SECRET: &str = "a signing secret for tests, long enough";
/// More than anybody asks.
const ANY: usize = 1_000_000;

/// The scope of an admin.
pub(super) fn everyone() -> TenantScope {
    Actor::admin(UserId(1)).scope()
}

/// Waits until something is so.
pub(super) async fn until(is_so: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "it never came to be");
        tokio::task::yield_now().await;
    }
}

/// A database with clients, each with an n8n of its own.
pub(super) struct Cluster {
    database: Database,
    pub(super) servers: InProcessN8n,
    pub(super) n8n: Vec<SimulatedN8n>,
    store: Arc<dyn Store>,
}

/// One host.
pub(super) struct Host {
    pub(super) app: Flowmastery,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<FixedClock>,
    pub(super) n8n: Arc<Paced>,
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

async fn connect(url: String) -> Arc<dyn Store> {
    Arc::new(SqlStore::connect(&SqlConfig::new(url)).await.unwrap())
}

impl Cluster {
    /// So many clients, whose n8n has so many runs, in pages of ten.
    pub(super) async fn new(clients: usize, runs: u64) -> Self {
        let database = Database::migrated().await;
        let (store, servers) = (connect(database.url()).await, InProcessN8n::new().with_page_rows(10));
        let mut cluster = Self { database, servers, n8n: Vec::new(), store };
        cluster.add_clients(clients, runs).await;
        cluster
    }

    pub(super) async fn add_clients(&mut self, clients: usize, runs: u64) {
        for number in (self.n8n.len() + 1..).take(clients) {
            let name = ClientName::parse(&format!("Client {number}")).unwrap();
            let new = NewClient { name, created_by_admin_id: None, created_at: now() };
            let client = self.store.create_client(None, new).await.unwrap().id;
            let n8n = self.another_n8n(runs);
            self.lead(client, n8n.base_url().as_str(), &n8n).await;
            self.n8n.push(n8n);
        }
    }

    pub(super) fn url(&self) -> String {
        self.database.url()
    }

    pub(super) async fn host(&mut self) -> Host {
        Host::new(self.url(), self.servers.clone()).await
    }

    pub(super) fn another_n8n(&self, runs: u64) -> SimulatedN8n {
        let n8n = self.servers.add_instance(Dialect::V2);
        let workflow = n8n.state().add_workflow("Any");
        for run in 0..runs {
            let start = now().minus(Duration::from_secs(3600 - run));
            n8n.state().add(Run::ended(&workflow, "success", start, 10));
        }
        n8n
    }

    /// One more run of a client's n8n.
    pub(super) fn end_one_more(&self, number: usize) {
        let mut state = self.n8n[number].state();
        let workflow = state.workflows().keys().next().unwrap().clone();
        state.add(Run::ended(&workflow, "error", now(), 10));
    }

    /// Points a client at an n8n, by any address.
    pub(super) async fn lead(&self, client: ClientId, url: &str, n8n: &SimulatedN8n) {
        let vault = Vault::new(vec![VaultKey::derive(&SECRET.into()).unwrap()], Arc::new(OsEntropy)).unwrap();
        let url = InstanceUrl::parse(url).unwrap();
        self.servers.alias(&url, n8n);
        let key = vault.seal(Place::n8n_key(client), &n8n.key().into()).unwrap();
        let sealed = SealedInstance { url, key };
        self.store.set_instance(everyone(), client, Some(&sealed), now()).await.unwrap().unwrap();
    }

    /// How often a client's n8n was collected from.
    pub(super) fn collections(&self, number: usize) -> usize {
        let state = self.n8n[number].state();
        state.requests().iter().filter(|asked| asked.contains("/workflows?")).count()
    }

    async fn clients(&self, host: &Host) -> Vec<flowmastery_core::store::Configured> {
        host.store.list_clients(everyone(), Default::default()).await.unwrap().items
    }

    /// The clients of whom everything was collected.
    pub(super) async fn live(&self, host: &Host) -> Vec<ClientId> {
        let mut clients = self.clients(host).await;
        clients.retain(|client| client.collection.back_filled && client.collection.last_success_at.is_some());
        clients.into_iter().map(|client| client.id).collect()
    }

    /// What every client's metrics count.
    pub(super) async fn totals(&self, host: &Host) -> Vec<Option<i64>> {
        let mut totals = Vec::new();
        for client in self.clients(host).await {
            let period = PeriodQuery::parse(None, (Some("2026-01-01"), Some("2027-01-01")), None, None);
            let read = host.app.metrics().client(Actor::admin(UserId(1)), client.id, &period.unwrap()).await;
            totals.push(read.unwrap().executions.total_executions);
        }
        totals
    }
}

impl Host {
    pub(super) async fn new(url: String, servers: InProcessN8n) -> Self {
        let (store, clock) = (connect(url).await, Arc::new(FixedClock::at(now())));
        let n8n = Arc::new(Paced::new(servers));
        let mut config = Config::new(SECRET.into(), "https://agency.com/accept-invitation");
        config.outbound = OutboundPolicy::development();
        let app = Flowmastery::builder(config, store.clone())
            .clock(clock.clone() as Arc<dyn Clock>)
            .n8n(n8n.clone() as Arc<dyn N8nApi>)
            .build()
            .unwrap();
        Self { app, store, clock, n8n }
    }

    /// How many executions of a client are stored.
    pub(super) async fn stored(&self, client: ClientId) -> i64 {
        let kept = self.store.count_kept(everyone(), client, Timestamp::from_millis(0)).await.unwrap();
        kept.ended + kept.unfinished
    }

    pub(super) async fn record(&self, client: ClientId) -> CollectionRecord {
        self.store.find_client(everyone(), client).await.unwrap().unwrap().collection
    }

    pub(super) async fn lease(&self, client: ClientId) -> Option<Timestamp> {
        self.store.leased_until(everyone(), client).await.unwrap()
    }
}

/// Simulated servers whose answers wait until they are let through.
#[derive(Debug)]
pub(super) struct Paced {
    servers: InProcessN8n,
    lets: Semaphore,
    asked: AtomicUsize,
    in_flight: AtomicUsize,
}

/// A request, until its caller has the answer or is gone.
struct InFlight<'a>(&'a AtomicUsize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Paced {
    fn new(servers: InProcessN8n) -> Self {
        Self { servers, lets: Semaphore::new(0), asked: AtomicUsize::new(0), in_flight: AtomicUsize::new(0) }
    }

    /// Lets everything through from now on.
    pub(super) fn open(&self) {
        self.lets.add_permits(ANY);
    }

    /// Lets so many answers through.
    pub(super) fn let_through(&self, answers: usize) {
        self.lets.add_permits(answers);
    }

    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// The answer is made at once, and is old when it arrives late.
    async fn pace<T>(&self, request: impl Future<Output = T>) -> T {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        let _in_flight = InFlight(&self.in_flight);
        let answer = request.await;
        self.lets.acquire().await.unwrap().forget();
        answer
    }
}

#[async_trait]
impl N8nApi for Paced {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        self.pace(self.servers.workflows(instance, cursor)).await
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        self.pace(self.servers.executions(instance, query)).await
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        self.pace(self.servers.execution(instance, id)).await
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.pace(self.servers.test(instance)).await
    }
}

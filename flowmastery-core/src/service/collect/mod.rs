//! The collector: keeps every client's executions up to date, and collects one client on request.
//!
//! The host spawns [`Collector::run`] and ends it with a cancellation token. At most eight clients are collected at once; a client is
//! never collected twice at once: who asks meanwhile joins. A collection stops between two pages when the host stops, and the next
//! one goes on where the stored rows say, so nothing is lost and nothing is counted twice.

mod pull;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::pull::Pull;
use crate::{
    access::scope::TenantScope, clock::Clock, error::Result, id::ClientId, n8n::N8nApi, secret::Vault,
    store::Store, sync::CollectionRequests,
};

/// How many clients are collected at once.
const CONCURRENCY: usize = 8;
/// How often the collector asks for clients that are due.
const TICK: Duration = Duration::from_secs(1);
/// How many rows of deleted clients are purged between two looks for due clients.
const PURGE_ROWS: u32 = 1000;

/// Keeps every client's executions up to date.
#[derive(Clone)]
pub struct Collector(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    n8n: Arc<dyn N8nApi>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    interval: Duration,
    slots: Arc<Semaphore>,
    under_way: Mutex<HashMap<ClientId, watch::Receiver<()>>>,
    freed: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
    running: AtomicBool,
}

/// What a collector works with.
pub(crate) struct CollectorParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) n8n: Arc<dyn N8nApi>,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) interval: Duration,
}

impl Collector {
    pub(crate) fn new(parts: CollectorParts) -> Self {
        let CollectorParts { store, n8n, vault, clock, interval } = parts;
        Self(Arc::new(Inner {
            store,
            n8n,
            vault,
            clock,
            interval,
            slots: Arc::new(Semaphore::new(CONCURRENCY)),
            under_way: Mutex::default(),
            freed: Notify::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            running: AtomicBool::new(false),
        }))
    }

    /// Collects every client that is due, and clears up behind deleted ones, until `stop` is cancelled; then waits for the
    /// collections that are under way to come to the end of their page.
    pub async fn run(self, stop: CancellationToken) {
        self.0.running.store(true, Ordering::Relaxed);
        while !stop.is_cancelled() {
            if let Err(error) = self.start_due().await {
                tracing::warn!(error = %error, "the collector could not ask for the clients that are due");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
                () = self.0.freed.notified() => {}
            }
        }
        self.0.running.store(false, Ordering::Relaxed);
        self.shut_down().await;
    }

    /// Ends what is under way between two pages, also what was started on request; for hosts that never called [`Collector::run`].
    pub async fn shut_down(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn start_due(&self) -> Result<()> {
        let free = CONCURRENCY.saturating_sub(self.under_way().len());
        if let Ok(limit @ 1..) = u16::try_from(free) {
            let tried_before = self.0.clock.now().minus(self.0.interval);
            for due in self.0.store.list_due(TenantScope::ALL, tried_before, limit).await? {
                self.start(due.client);
            }
        }
        self.0.store.purge_deleted(TenantScope::ALL, PURGE_ROWS).await?;
        Ok(())
    }

    /// Starts a collection, or joins the one that is under way; what it returns changes when that ends.
    fn start(&self, client: ClientId) -> watch::Receiver<()> {
        let mut under_way = self.under_way();
        if let Some(done) = under_way.get(&client) {
            return done.clone();
        }
        let (end, done) = watch::channel(());
        under_way.insert(client, done.clone());
        drop(under_way);
        let this = self.clone();
        self.0.tasks.spawn(async move {
            let registered = Registered { collector: &this, client };
            this.collect(client).await;
            drop(registered);
            drop(end);
        });
        done
    }

    async fn collect(&self, client: ClientId) {
        let Ok(_slot) = self.0.slots.acquire().await else { return };
        let inner = &self.0;
        let pull = Pull {
            store: inner.store.as_ref(),
            n8n: inner.n8n.as_ref(),
            vault: &inner.vault,
            clock: inner.clock.as_ref(),
            stop: &inner.stop,
            client,
        };
        if let Err(error) = pull.run().await {
            tracing::error!(client.id = %client, error = %error, cause = error_chain(&error), "a collection could not be stored");
        }
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<ClientId, watch::Receiver<()>>> {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a client off the list of those under way, however its collection ends.
struct Registered<'a> {
    collector: &'a Collector,
    client: ClientId,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.collector.under_way().remove(&self.client);
        self.collector.0.freed.notify_one();
    }
}

#[async_trait]
impl CollectionRequests for Collector {
    async fn collect_now(&self, client: ClientId, patience: Duration) {
        let mut done = self.start(client);
        if !patience.is_zero() {
            // The sender is dropped at the end, which is what is waited for.
            let _ = tokio::time::timeout(patience, done.changed()).await;
        }
    }

    fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("interval", &self.0.interval).finish_non_exhaustive()
    }
}

fn error_chain(error: &dyn std::error::Error) -> String {
    let mut chain = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push(error.to_string());
        cause = error.source();
    }
    chain.join(": ")
}

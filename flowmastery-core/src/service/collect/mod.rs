//! The collector: keeps every client's executions up to date, and collects one client on request.
//!
//! The host spawns [`Collector::run`] and ends it with a cancellation token. At most eight clients are collected at once; a client is
//! never collected twice at once: who asks meanwhile joins. A collection stops between two pages when the host stops, and the next
//! one goes on where the stored rows say, so nothing is lost and nothing is counted twice.

mod identify;
mod list;
mod probe;
mod pull;
mod retention;

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
    access::scope::TenantScope,
    clock::Clock,
    error::{Result, causes},
    id::ClientId,
    n8n::N8nApi,
    secret::Vault,
    store::Store,
    sync::CollectionRequests,
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
    retention: Duration,
    limits: CollectionLimits,
    slots: Semaphore,
    under_way: Mutex<HashMap<ClientId, UnderWay>>,
    freed: Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
    running: AtomicBool,
}

/// A collection that has not ended.
#[derive(Clone)]
struct UnderWay {
    /// Closed at its end.
    done: watch::Receiver<()>,
    /// Ends it between two pages.
    cancel: CancellationToken,
    /// Whether the client's last collection failed.
    failing: bool,
}

/// What a collector works with.
pub(crate) struct CollectorParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) n8n: Arc<dyn N8nApi>,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) interval: Duration,
    /// How long single executions are kept.
    pub(crate) retention: Duration,
    pub(crate) limits: CollectionLimits,
}

/// How much one collection reads beyond what is new. The default is right for every n8n; tests make it small, so that few executions
/// show what many would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CollectionLimits {
    /// How many ids below the last collection are read again.
    pub overlap: i64,
    /// How many pages of a walk over everything are read in one collection. By default 40, which is 10,000 executions: what n8n keeps
    /// unless it was told otherwise.
    pub walk_pages: usize,
    /// How many unfinished executions are read by id in one collection.
    pub open_reads: usize,
    /// How many missing ids are asked for after one collection.
    pub probes: usize,
}

impl Default for CollectionLimits {
    fn default() -> Self {
        Self { overlap: 1000, walk_pages: 40, open_reads: 50, probes: 25 }
    }
}

impl Collector {
    pub(crate) fn new(parts: CollectorParts) -> Self {
        let CollectorParts { store, n8n, vault, clock, interval, retention, limits } = parts;
        Self(Arc::new(Inner {
            store,
            n8n,
            vault,
            clock,
            interval,
            retention,
            limits,
            slots: Semaphore::new(CONCURRENCY),
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
        let running = Running::new(&self.0.running);
        tokio::join!(self.collect_due(&stop), self.age_out(&stop));
        drop(running);
        self.shut_down().await;
    }

    async fn collect_due(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.start_due().await {
                let cause = causes(&error);
                tracing::warn!(error = %error, cause, "the collector could not ask for the clients that are due");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
                () = self.0.freed.notified() => {}
            }
        }
    }

    /// Ends what is under way between two pages, also what was started on request; for hosts that never called [`Collector::run`].
    pub async fn shut_down(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    async fn start_due(&self) -> Result<()> {
        let now = self.0.clock.now();
        // Those that fail first: they have half of the slots at most, and a long back-fill must not take those, too.
        for failing in [true, false] {
            if self.room(failing) == 0 {
                continue;
            }
            // Twice as many as there are slots: some may be due again while they are still under way.
            let limit = 2 * CONCURRENCY as u16;
            for client in self.0.store.list_due(TenantScope::ALL, now, failing, limit).await? {
                if self.room(failing) > 0 {
                    self.start(client, failing);
                }
            }
        }
        self.0.store.purge_deleted(TenantScope::ALL, PURGE_ROWS).await?;
        Ok(())
    }

    /// How many more may be started. Those whose last collection failed share half of the slots, so that servers that hang leave the other
    /// half to those that answer.
    fn room(&self, failing: bool) -> usize {
        let under_way = self.under_way();
        let free = CONCURRENCY.saturating_sub(under_way.len());
        if !failing {
            return free;
        }
        let doubtful = under_way.values().filter(|entry| entry.failing).count();
        free.min((CONCURRENCY / 2).saturating_sub(doubtful))
    }

    /// Starts a collection, or joins the one that is under way; what it returns closes when that ends.
    fn start(&self, client: ClientId, failing: bool) -> watch::Receiver<()> {
        let mut under_way = self.under_way();
        if let Some(UnderWay { done, .. }) = under_way.get(&client) {
            return done.clone();
        }
        let (end, done) = watch::channel(());
        let cancel = self.0.stop.child_token();
        let entry = UnderWay { done: done.clone(), cancel: cancel.clone(), failing };
        under_way.insert(client, entry);
        drop(under_way);
        let this = self.clone();
        self.0.tasks.spawn(async move {
            let registered = Registered { collector: &this, client, done: end.subscribe() };
            let stored = this.collect(client, &cancel).await;
            drop(registered);
            drop(end);
            // After a fault of the store the next look waits for its time, so that nothing spins.
            if stored {
                this.0.freed.notify_one();
            }
        });
        done
    }

    /// Collects in the caller's task and beside whatever else runs: dropped, it ends wherever it is, as if it were killed.
    ///
    /// # Errors
    /// When what was read could not be stored.
    #[cfg(feature = "testing")]
    pub async fn collect_in_place(&self, client: ClientId) -> Result<()> {
        self.pull(client, &self.0.stop).await
    }

    /// Whether what was read could be stored.
    async fn collect(&self, client: ClientId, cancel: &CancellationToken) -> bool {
        let Ok(_slot) = self.0.slots.acquire().await else { return false };
        let pulled = self.pull(client, cancel).await;
        if let Err(error) = &pulled {
            let cause = causes(error);
            tracing::error!(client.id = client.0, error = %error, cause, "a collection could not be stored");
        }
        pulled.is_ok()
    }

    async fn pull(&self, client: ClientId, cancel: &CancellationToken) -> Result<()> {
        let inner = &self.0;
        let pull = Pull {
            store: inner.store.as_ref(),
            n8n: inner.n8n.as_ref(),
            vault: &inner.vault,
            clock: inner.clock.as_ref(),
            stop: cancel,
            client,
            interval: inner.interval,
            limits: inner.limits,
            begun: inner.clock.now(),
        };
        pull.run().await
    }

    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<ClientId, UnderWay>> {
        self.0.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a collection off the list of those under way, however it ends.
struct Registered<'a> {
    collector: &'a Collector,
    client: ClientId,
    done: watch::Receiver<()>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut under_way = self.collector.under_way();
        // Another one may have taken its place.
        if under_way.get(&self.client).is_some_and(|entry| entry.done.same_channel(&self.done)) {
            under_way.remove(&self.client);
        }
    }
}

/// Says that the collector runs, until this is dropped, whatever ends it.
struct Running<'a>(&'a AtomicBool);

impl<'a> Running<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Relaxed);
        Self(flag)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[async_trait]
impl CollectionRequests for Collector {
    async fn collect_now(&self, client: ClientId, patience: Duration) {
        let mut done = self.start(client, false);
        if !patience.is_zero() {
            // The sender is dropped at the end, which is what is waited for.
            let _ = tokio::time::timeout(patience, done.changed()).await;
        }
    }

    fn restart(&self, client: ClientId) {
        if let Some(old) = self.under_way().remove(&client) {
            old.cancel.cancel();
        }
        self.start(client, false);
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

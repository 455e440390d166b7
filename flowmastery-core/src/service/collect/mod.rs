//! The collector: keeps every client's executions up to date, and collects one client on request.
//!
//! The host spawns [`Collector::run`] and ends it with a cancellation token. At most eight clients are collected at once, and as
//! many that a killed host left; a client is never collected twice at once, also where several hosts share a database: who collects it
//! has leased it, and who asks meanwhile joins. A collection stops between two pages when the host stops, and the next one goes on where the stored rows say, on whichever host, so
//! nothing is lost and nothing is counted twice.

mod identify;
mod list;
mod probe;
mod progress;
mod pull;
mod request;
mod retention;
mod under_way;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    progress::Said,
    pull::{End, Pull},
    under_way::{Registered, UnderWay},
};
use crate::{
    access::scope::TenantScope,
    clock::Clock,
    error::{Result, causes},
    n8n::N8nApi,
    secret::Vault,
    store::{Due, Lease, Store, Term, Turn},
};

/// How many clients are collected at once, beside as many that a host left that is gone.
const CONCURRENCY: usize = 8;
/// How often the collector asks for clients that are due.
const TICK: Duration = Duration::from_secs(1);
/// How long a client is leased, unless the lease is renewed.
const LEASE: Duration = Duration::from_secs(10);
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
    under_way: UnderWay,
    said: Said,
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
    /// How many pages of a walk over everything are read in one collection. By default 200, which is 50,000 executions: five times
    /// what n8n keeps unless it was told otherwise.
    pub walk_pages: usize,
    /// How many executions of a walk are stored at once, in whole pages: 25,000 by default. While they are stored the next ones are read; what was
    /// read and not stored is read again after a kill.
    pub walk_batch: usize,
    /// How many unfinished executions are read by id in one collection.
    pub open_reads: usize,
    /// How many missing ids are asked for after one collection.
    pub probes: usize,
}

impl Default for CollectionLimits {
    fn default() -> Self {
        Self { overlap: 1000, walk_pages: 200, walk_batch: 25_000, open_reads: 50, probes: 25 }
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
            under_way: UnderWay::default(),
            said: Said::default(),
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
        // Those that fail before those that do not: they have half of the slots at most, and a long back-fill must not take those, too.
        for due in [Due::Abandoned, Due::Failing, Due::Sound] {
            // No more than are begun at once; other hosts have room, too.
            let room = self.0.under_way.room(due) as u16;
            if room > 0 {
                let leased = self.0.store.lease_due(TenantScope::ALL, self.term(), due, room).await?;
                for turn in leased {
                    self.start(turn.client, Some(turn), due);
                }
            }
        }
        self.0.store.purge_deleted(TenantScope::ALL, PURGE_ROWS).await?;
        Ok(())
    }

    fn term(&self) -> Term {
        let now = self.0.clock.now();
        Term { now, until: now.plus(LEASE) }
    }

    /// Collects in the caller's task, whoever has leased the client: dropped, it ends wherever it is, as if it were killed.
    ///
    /// # Errors
    /// When what was read could not be stored.
    #[cfg(feature = "testing")]
    pub async fn collect_in_place(&self, client: crate::id::ClientId) -> Result<()> {
        let end_of_time = crate::clock::Timestamp::from_millis(i64::MAX);
        let term = Term { now: end_of_time, ..self.term() };
        loop {
            match self.0.store.lease_client(TenantScope::client(client), client, term).await? {
                Lease::Leased(turn) => return self.pull(turn, &self.0.stop).await.map(drop),
                // What was killed has not let go of the client's row yet.
                Lease::Elsewhere => tokio::time::sleep(Duration::from_millis(5)).await,
                Lease::Gone => return Ok(()),
            }
        }
    }

    /// Collects when there is a slot, with the turn or with the next one.
    async fn collect(
        &self,
        registered: &Registered<'_>,
        (due, turn): (Due, Option<Turn>),
        cancel: &CancellationToken,
    ) -> Result<End> {
        // What a host left that is gone has its room already.
        let _slot = match due {
            Due::Abandoned => None,
            Due::Sound | Due::Failing => match self.0.slots.acquire().await {
                Ok(slot) => Some(slot),
                Err(_) => return Ok(End::Quiet),
            },
        };
        if let Some(turn) = turn {
            return self.pull(turn, cancel).await;
        }
        if cancel.is_cancelled() {
            return Ok(End::Quiet);
        }
        let client = registered.client;
        match self.0.store.lease_client(TenantScope::client(client), client, self.term()).await? {
            Lease::Leased(turn) => {
                registered.leased(turn);
                self.pull(turn, cancel).await
            }
            Lease::Elsewhere => Ok(End::Quiet),
            Lease::Gone => Ok(End::Noted),
        }
    }

    /// Collects, and gives the lease back.
    async fn pull(&self, turn: Turn, cancel: &CancellationToken) -> Result<End> {
        let inner = &self.0;
        let pull = Pull {
            store: inner.store.as_ref(),
            n8n: inner.n8n.as_ref(),
            vault: &inner.vault,
            clock: inner.clock.as_ref(),
            stop: cancel,
            client: turn.client,
            interval: inner.interval,
            limits: inner.limits,
            said: &inner.said,
            begun: inner.clock.now(),
        };
        let ended = pull.run(turn).await;
        // What was interrupted stays due, so that another host goes on at once.
        let due = matches!(ended, Ok(End::Quiet)).then(|| inner.clock.now());
        let given_back = inner.store.give_back(TenantScope::client(turn.client), turn, due).await;
        let ended = ended?;
        given_back?;
        Ok(ended)
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

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("interval", &self.0.interval).finish_non_exhaustive()
    }
}

//! The feed of changes: by it a host knows what it may remember of the database, and what it must forget.
//!
//! What is remembered may be used only while the feed was read less than a second ago. A host that does not read it, or cannot, asks
//! the database every time: slower, and never wrong.

mod remembered;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

pub(crate) use self::remembered::{Remembered, Row, Touched};
use crate::{
    clock::Clock,
    error::{Error, Kind, Result, causes},
    outage::Outage,
    store::{Change, FeedPosition, Store},
};

/// How often the feed is read.
const READ_EVERY: Duration = Duration::from_millis(300);
/// For so long after the start of a read, what is remembered may be used.
const FRESH: Duration = Duration::from_secs(1);
/// How long changes stay in the feed: whoever was away for longer forgets everything.
const KEPT: Duration = Duration::from_secs(10 * 60);
/// How often older ones are removed; no attempt takes longer.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// The longest that a read may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many are removed in one transaction.
const PRUNE_ROWS: u32 = 1000;

/// Reads the feed of changes and tells those who remember.
pub struct ChangeFeed {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    /// Where the next read goes on.
    position: tokio::sync::Mutex<Option<FeedPosition>>,
    state: Mutex<State>,
    outage: Outage,
}

/// What has been applied. Whoever puts something into a memory or takes it out holds this.
#[derive(Default)]
struct State {
    /// When the last successful read was started, after the process's own time.
    read_at: Option<Duration>,
    /// The next one begins whenever something has to be forgotten.
    ticket: Ticket,
    memories: Vec<Weak<dyn Memory>>,
}

/// Something that remembers. It forgets in no time, however much it remembers, since everybody who asks waits meanwhile.
trait Memory: Send + Sync {
    /// Forgets what a change touched and was put in under an older ticket than `now`.
    fn forget(&self, change: Change, now: Ticket);
    /// Forgets whatever was put in under an older ticket.
    fn forget_all(&self, now: Ticket);
}

/// The state of the feed before a value was loaded; only if it is still the same may the value be remembered, since a change that was
/// applied in between may be one that the value lacks.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket(u64);

impl ChangeFeed {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            position: tokio::sync::Mutex::default(),
            state: Mutex::default(),
            outage: Outage::default(),
        }
    }

    /// Reads the feed again and again until `stop` is cancelled, and removes what is old beside that.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.keep_reading() => {}
            () = self.keep_pruning() => {}
        }
    }

    async fn keep_reading(&self) {
        loop {
            // A connection that hangs is not waited for, since another one may be good.
            let read = tokio::time::timeout(PATIENCE, self.read()).await;
            match read.map_err(Error::internal).flatten() {
                Ok(()) if self.outage.ends() => tracing::info!("the feed of changes is read again"),
                Ok(()) => {}
                Err(error) if self.outage.begins() => {
                    let cause = causes(&error);
                    tracing::warn!(error = %error, cause, "the feed of changes cannot be read; answers come from the database");
                }
                Err(_) => {}
            }
            tokio::time::sleep(READ_EVERY).await;
        }
    }

    async fn keep_pruning(&self) {
        loop {
            let pruned = tokio::time::timeout(PRUNE_EVERY, self.prune()).await;
            if let Err(error) = pruned.map_err(Error::internal).flatten() {
                let cause = causes(&error);
                tracing::warn!(error = %error, cause, "old changes cannot be removed from the feed");
            }
            tokio::time::sleep(PRUNE_EVERY).await;
        }
    }

    async fn prune(&self) -> Result<()> {
        let before = self.clock.now().minus(KEPT);
        while self.store.prune_changes(before, PRUNE_ROWS).await? {}
        Ok(())
    }

    /// Reads the feed once, for tests and for hosts that do not run [`crate::Flowmastery::run`].
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the store is away, or took so long that what it said is old.
    pub async fn read(&self) -> Result<()> {
        let mut position = self.position.lock().await;
        let started = self.clock.elapsed();
        // After a failure it begins anew, for the database that comes back may be one that lost its last transactions.
        let since = position.take();
        let read = self.store.read_changes(since.as_ref()).await?;
        if self.clock.elapsed().saturating_sub(started) >= FRESH {
            return Err(Error::new(Kind::Unavailable, "The feed of changes took too long to read."));
        }
        *position = Some(read.position);
        self.apply(read.complete.then_some(&read.changes), Some(started));
        Ok(())
    }

    /// Whether it was read just now, as it is all the time while a host runs its work.
    pub fn is_fresh(&self) -> bool {
        self.ticket().is_some()
    }

    /// Forgets at once what this process itself has just changed.
    pub(crate) fn forget(&self, change: Change) {
        self.apply(Some(&[change]), None);
    }

    /// Forgets everything at once.
    pub(crate) fn forget_all(&self) {
        self.apply(None, None);
    }

    /// Forgets what changed, or with `None` everything.
    fn apply(&self, changes: Option<&[Change]>, read_at: Option<Duration>) {
        let mut state = self.state();
        if changes.is_none_or(|changes| !changes.is_empty()) {
            state.ticket.0 += 1;
            let now = state.ticket;
            state.memories.retain(|memory| memory.strong_count() > 0);
            for memory in state.memories.iter().filter_map(Weak::upgrade) {
                match changes {
                    Some(changes) => changes.iter().for_each(|change| memory.forget(*change, now)),
                    None => memory.forget_all(now),
                }
            }
        }
        // Only now, or somebody would use what is about to be forgotten.
        state.read_at = read_at.or(state.read_at);
    }

    /// The ticket, and the instant for which it is good; `None` when nothing that is remembered may be used.
    fn ticket(&self) -> Option<(Ticket, Duration)> {
        let state = self.state();
        let now = self.clock.elapsed();
        let fresh = state.read_at.is_some_and(|at| now.saturating_sub(at) < FRESH);
        fresh.then_some((state.ticket, now))
    }

    /// Does something unless anything had to be forgotten since a ticket, and holds that off meanwhile.
    fn unless_changed(&self, ticket: Ticket, put: impl FnOnce()) {
        let state = self.state();
        if state.ticket == ticket {
            put();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ChangeFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeFeed").finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests;

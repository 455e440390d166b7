//! Rows of the database that this process remembers, as long as the feed of changes allows.

use std::{
    fmt,
    hash::Hash,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use moka::{future, sync::Cache as Expiring};
use quick_cache::sync::Cache;

use super::{ChangeFeed, Memory, Ticket};
use crate::store::Change;

/// Nothing is remembered for longer, whatever the feed says or fails to say.
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// What a change makes a memory forget.
pub(crate) enum Touched<K> {
    /// It remembers nothing of this kind.
    Nothing,
    /// What stands under a key.
    One(K),
    /// Whatever [`Row::hangs_on`] it.
    Dependent,
    /// Everything.
    All,
}

/// What can be remembered.
pub(crate) trait Row: Clone + Send + Sync + 'static {
    /// The change by which it is forgotten where its key does not say so.
    fn hangs_on(&self) -> Option<Change> {
        None
    }
}

impl<R: Send + Sync + 'static> Row for Arc<R> {}

/// Rows by key, so many at most. Without a fresh feed it is empty.
pub(crate) struct Remembered<K, V> {
    feed: Arc<ChangeFeed>,
    rows: Arc<Rows<K, V>>,
}

/// A row as it is remembered.
#[derive(Clone)]
struct Entry<V> {
    /// The ticket under which it was put in.
    ticket: Ticket,
    /// Until when it may be used, after the process's own time.
    until: Duration,
    value: V,
}

/// To forget many rows at once is to remember since when: nothing is walked through.
struct Rows<K, V> {
    entries: Cache<K, Entry<V>>,
    touched: fn(Change) -> Touched<K>,
    /// What rows hang on and when it changed last. It stays for longer than any row that is older.
    changed: Expiring<Change, Ticket>,
    /// The number of the newest ticket in it: rows of this one and of newer ones need not be looked up there.
    newest_change: AtomicU64,
    /// The number of the ticket since which not everything had to be forgotten.
    begun: AtomicU64,
    /// What is being loaded, and under which tickets: those who ask at once find each other here. It keeps nothing.
    loads: future::Cache<K, (Ticket, Option<V>)>,
}

impl<K, V> Remembered<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Row,
{
    /// A memory of which the feed knows.
    pub(crate) fn new(feed: &Arc<ChangeFeed>, capacity: usize, touched: fn(Change) -> Touched<K>) -> Self {
        let entries = Cache::new(capacity);
        let changed = Expiring::builder().time_to_live(2 * LONGEST).build();
        let (newest_change, begun) = (AtomicU64::default(), AtomicU64::default());
        let loads = future::Cache::new(0);
        let rows = Arc::new(Rows { entries, touched, changed, newest_change, begun, loads });
        let memory: Arc<dyn Memory> = rows.clone();
        feed.state().memories.push(Arc::downgrade(&memory));
        Self { feed: feed.clone(), rows }
    }

    /// What is remembered under a key and still `good`, else what is loaded, which is remembered from then on. Of those who ask at once one loads.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) async fn get_or_load<E: Clone + Send + Sync + 'static>(
        &self,
        key: K,
        good: impl Fn(&V) -> bool,
        load: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        // Asked before looking: what is found is then at least as new as the read by which the feed is fresh.
        if let Some((_, now)) = self.feed.ticket()
            && let Some(found) = self.rows.get(&key, now).filter(&good)
        {
            return Ok(Some(found));
        }
        // In a box, so that whoever finds it remembered has no room to carry for this.
        Box::pin(self.load(key, good, load)).await
    }

    /// What is loaded, by somebody who asks at the same time or by this one.
    async fn load<E: Clone + Send + Sync + 'static>(
        &self,
        key: K,
        good: impl Fn(&V) -> bool,
        load: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        let Some((ticket, now)) = self.feed.ticket() else {
            let loaded = load.await;
            // What was read past the memory may be newer than it, and nobody should be taken back to what was before.
            self.rows.entries.remove(&key);
            return loaded;
        };
        let (mut load, began) = (pin!(load), AtomicBool::new(false));
        let own = async {
            began.store(true, Ordering::Relaxed);
            Ok::<_, E>((ticket, load.as_mut().await?))
        };
        let found = self.rows.loads.try_get_with_by_ref(&key, own).await;
        let (since, loaded) = found.map_err(|error: Arc<E>| E::clone(&error))?;
        // What somebody else began to load before the last change that is known here may lack it.
        let is_mine = began.load(Ordering::Relaxed);
        let is_as_new = since == ticket && loaded.as_ref().is_none_or(good);
        let loaded = if is_mine || is_as_new { loaded } else { load.await? };
        self.rows.loads.invalidate(&key).await;
        if let Some(value) = &loaded {
            let entry = Entry { ticket, until: now + LONGEST, value: value.clone() };
            self.feed.unless_changed(ticket, || self.rows.entries.insert(key, entry));
        }
        Ok(loaded)
    }
}

impl<K, V> Rows<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Row,
{
    fn get(&self, key: &K, now: Duration) -> Option<V> {
        let Entry { ticket, until, value } = self.entries.get(key)?;
        let begun = Ticket(self.begun.load(Ordering::Acquire));
        (now < until && ticket >= begun && !self.has_changed_since(ticket, &value)).then_some(value)
    }

    /// Whether what a value hangs on changed after this ticket.
    fn has_changed_since(&self, ticket: Ticket, value: &V) -> bool {
        if ticket >= Ticket(self.newest_change.load(Ordering::Acquire)) {
            return false;
        }
        value.hangs_on().and_then(|owner| self.changed.get(&owner)).is_some_and(|changed| ticket < changed)
    }
}

impl<K, V> Memory for Rows<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Row,
{
    fn forget(&self, change: Change, now: Ticket) {
        match (self.touched)(change) {
            Touched::Nothing => {}
            Touched::One(key) => drop(self.entries.remove(&key)),
            Touched::Dependent => {
                self.changed.insert(change, now);
                // Only now, or somebody would not find what is about to be there.
                self.newest_change.store(now.0, Ordering::Release);
            }
            Touched::All => self.forget_all(now),
        }
    }

    fn forget_all(&self, now: Ticket) {
        // Rows of before are left where they are, which is room for others.
        self.begun.store(now.0, Ordering::Release);
    }
}

impl<K, V> Clone for Remembered<K, V> {
    fn clone(&self) -> Self {
        Self { feed: self.feed.clone(), rows: self.rows.clone() }
    }
}

impl<K, V> fmt::Debug for Remembered<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remembered").finish_non_exhaustive()
    }
}

//! Rows of the database that this process remembers, as long as the feed of changes allows.

use std::{fmt, hash::Hash, sync::Arc};

use moka::sync::Cache;

use super::{ChangeFeed, Memory, Ticket};
use crate::store::Change;

/// What a change makes a memory forget.
pub(crate) enum Touched<K, V> {
    /// It remembers nothing of this kind.
    Nothing,
    /// What stands under a key.
    One(K),
    /// Whatever fits.
    Those(Box<dyn Fn(&V) -> bool>),
}

/// Rows by key, so many at most. Without a fresh feed it is empty.
pub(crate) struct Remembered<K, V> {
    feed: Arc<ChangeFeed>,
    rows: Arc<Rows<K, V>>,
}

struct Rows<K, V> {
    entries: Cache<K, V>,
    touched: fn(Change) -> Touched<K, V>,
}

impl<K, V> Remembered<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A memory of which the feed knows.
    pub(crate) fn new(feed: &Arc<ChangeFeed>, capacity: u64, touched: fn(Change) -> Touched<K, V>) -> Self {
        let rows = Arc::new(Rows { entries: Cache::new(capacity), touched });
        let memory: Arc<dyn Memory> = rows.clone();
        feed.state().memories.push(Arc::downgrade(&memory));
        Self { feed: feed.clone(), rows }
    }

    /// What is remembered under a key and still `good`, else what is loaded, which is remembered from then on.
    ///
    /// # Errors
    /// Those of `load`.
    pub(crate) async fn get_or_load<E>(
        &self,
        key: K,
        good: impl Fn(&V) -> bool,
        load: impl Future<Output = Result<Option<V>, E>>,
    ) -> Result<Option<V>, E> {
        // Asked before looking: what is found is then at least as new as the read by which the feed is fresh.
        let Some(ticket) = self.feed.ticket() else { return load.await };
        if let Some(found) = self.rows.entries.get(&key).filter(good) {
            return Ok(Some(found));
        }
        let loaded = load.await?;
        if let Some(value) = &loaded {
            self.put(ticket, key, value.clone());
        }
        Ok(loaded)
    }

    fn put(&self, ticket: Ticket, key: K, value: V) {
        self.feed.unless_changed(ticket, || self.rows.entries.insert(key, value));
    }
}

impl<K, V> Memory for Rows<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn forget(&self, change: Change) {
        match (self.touched)(change) {
            Touched::Nothing => {}
            Touched::One(key) => self.entries.invalidate(&key),
            Touched::Those(fits) => self.forget_those(fits),
        }
    }

    fn forget_all(&self) {
        self.forget_those(|_| true);
    }
}

impl<K, V> Rows<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Nobody puts anything in meanwhile, so that nothing is passed over.
    fn forget_those(&self, fits: impl Fn(&V) -> bool) {
        for (key, value) in &self.entries {
            if fits(&value) {
                self.entries.invalidate(&*key);
            }
        }
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

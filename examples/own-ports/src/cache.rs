//! A cache that is a map: a slot a key, in which one makes the answer while the others wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use flowmastery_core::{
    cache::{Attempt, Cache, Making, MemoryCache, Room},
    error::{BoxError, Result},
};

/// Keeps so many answers in this process.
///
/// Attempts are counted by FlowMastery's own cache: throttles of sign-ins are nothing to write twice, and a cache may hand on what it does not want to do.
#[derive(Debug)]
pub struct MapCache {
    slots: Mutex<HashMap<String, Arc<Slot>>>,
    most: usize,
    attempts: MemoryCache,
}

type Slot = tokio::sync::Mutex<Option<Kept>>;

#[derive(Debug)]
struct Kept {
    bytes: Bytes,
    until: Instant,
}

impl MapCache {
    /// Keeps at most so many answers, beside those that are being made.
    pub fn new(most: usize) -> Self {
        Self { slots: Mutex::default(), most, attempts: MemoryCache::new(0) }
    }

    fn slot(&self, key: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(key) {
            return slot.clone();
        }
        if slots.len() >= self.most {
            make_room(&mut slots, self.most);
        }
        slots.entry(key.to_owned()).or_default().clone()
    }
}

/// Forgets what is over, and everything where that is not enough. A slot that somebody waits at stays, else two would make one answer.
fn make_room(slots: &mut HashMap<String, Arc<Slot>>, most: usize) {
    let now = Instant::now();
    let is_good =
        |slot: &Slot| slot.try_lock().is_ok_and(|kept| kept.as_ref().is_some_and(|kept| kept.until > now));
    slots.retain(|_, slot| Arc::strong_count(slot) > 1 || is_good(slot));
    if slots.len() >= most {
        slots.retain(|_, slot| Arc::strong_count(slot) > 1);
    }
}

#[async_trait]
impl Cache for MapCache {
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes> {
        let slot = self.slot(key);
        // Who gives up while making lets go of it, and the next one makes it.
        let mut kept = slot.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| kept.until > Instant::now()) {
            return Ok(kept.bytes.clone());
        }
        *kept = None;
        let made = make.await?;
        if made.keep {
            *kept = Some(Kept { bytes: made.bytes.clone(), until: Instant::now() + ttl });
        }
        Ok(made.bytes)
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        self.attempts.begin_attempt(attempt).await
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        self.attempts.end_attempt(attempt, failed).await;
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flowmastery_core::cache::Made;

    use super::*;

    #[tokio::test]
    async fn it_never_holds_more_than_it_may() {
        let cache = MapCache::new(10);
        for number in 0..100 {
            let make = async { Ok(Made { bytes: Bytes::from_static(b"made"), keep: true }) };
            cache.get_or_make(&number.to_string(), Duration::from_secs(60), Box::pin(make)).await.unwrap();
            assert!(cache.slots.lock().unwrap().len() <= 10);
        }
    }
}

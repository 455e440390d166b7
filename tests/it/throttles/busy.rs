//! Attempts at an account that are under way, from everywhere, and somebody who signs in from where they did before.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use flowmastery_core::{
    cache::{Attempt, Cache, Making, MemoryCache, Room},
    error::{BoxError, Result},
};
use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, PASSWORD, World},
};

use super::sign_in;

const HOME: &str = "203.0.113.7";

/// A cache in which the limit of an account over all addresses, which is the third, is taken by attempts that do not end.
#[derive(Debug, Default)]
struct Busy {
    inner: MemoryCache,
    is_busy: AtomicBool,
    refused: AtomicUsize,
}

#[async_trait]
impl Cache for Busy {
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes> {
        self.inner.get_or_make(key, ttl, make).await
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        if attempt.limits.len() == 3 && self.is_busy.load(Ordering::Relaxed) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return vec![Room::Free, Room::Free, Room::Soon];
        }
        self.inner.begin_attempt(attempt).await
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        self.inner.end_attempt(attempt, failed).await;
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        self.inner.ping().await
    }
}

#[tokio::test]
async fn attempts_under_way_hold_nobody_up_where_they_signed_in_before() {
    let busy = Arc::new(Busy::default());
    let cache = busy.clone();
    let world = World::with(Backend::Sqlite.store().await, |builder| builder.cache(cache)).await;
    assert_eq!(sign_in(&world, HOME, ADMIN, PASSWORD).await, 200);
    busy.is_busy.store(true, Ordering::Relaxed);
    assert_eq!(sign_in(&world, HOME, ADMIN, PASSWORD).await, 200);
    assert_eq!(busy.refused.load(Ordering::Relaxed), 1, "it did not wait");
    // Somebody else waits, and is told to come again.
    assert_eq!(sign_in(&world, "203.0.113.8", ADMIN, PASSWORD).await, 429);
    assert!(busy.refused.load(Ordering::Relaxed) > 10);
}

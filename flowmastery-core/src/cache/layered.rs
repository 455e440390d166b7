//! A cache in this process in front of one that several hosts share.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Attempt, Cache, Made, Making, MemoryCache, RedisCache, Room};
use crate::error::{BoxError, Result};

/// A cache in this process in front of Redis. While Redis is away, the one in this process does alone.
#[derive(Clone, Debug)]
pub struct LayeredCache {
    near: MemoryCache,
    shared: Arc<RedisCache>,
}

impl LayeredCache {
    /// `near` in front of `shared`.
    pub fn new(near: MemoryCache, shared: RedisCache) -> Self {
        Self { near, shared: Arc::new(shared) }
    }

    async fn shared_or_made(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Made> {
        if let Some(bytes) = self.shared.get(key).await {
            return Ok(Made { bytes, keep: true });
        }
        let made = make.await?;
        if made.keep {
            // Nobody waits for it.
            let (shared, key, bytes) = (self.shared.clone(), key.to_owned(), made.bytes.clone());
            tokio::spawn(async move { shared.put(&key, &bytes, ttl).await });
        }
        Ok(made)
    }
}

#[async_trait]
impl Cache for LayeredCache {
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes> {
        self.near.get_or_make(key, ttl, Box::pin(self.shared_or_made(key, ttl, make))).await
    }

    fn at_hand(&self, key: &str) -> Option<Bytes> {
        self.near.at_hand(key)
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        match self.shared.begin_attempt(attempt).await {
            Some(rooms) => rooms,
            None => self.near.begin_attempt(attempt).await,
        }
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        // Redis may have come or gone since it began; where it was not noted, this changes nothing.
        self.near.end_attempt(attempt, failed).await;
        self.shared.end_attempt(attempt, failed).await;
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        self.shared.ping().await
    }
}

//! The cache of one process.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use moka::{Expiry, future};

use super::Cache;
use crate::error::BoxError;

/// A cache in this process, bounded by bytes.
#[derive(Clone, Debug)]
pub struct MemoryCache {
    entries: future::Cache<String, (Bytes, Duration)>,
}

/// Each entry lives as long as it was put for.
struct PerEntry;

impl Expiry<String, (Bytes, Duration)> for PerEntry {
    fn expire_after_create(&self, _: &String, value: &(Bytes, Duration), _: Instant) -> Option<Duration> {
        Some(value.1)
    }

    fn expire_after_update(
        &self,
        _: &String,
        value: &(Bytes, Duration),
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(value.1)
    }
}

impl MemoryCache {
    /// A cache that holds at most so many bytes of keys and values.
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |key: &String, value: &(Bytes, Duration)| {
            u32::try_from(key.len() + value.0.len()).unwrap_or(u32::MAX)
        };
        let entries = future::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(weigh)
            .expire_after(PerEntry)
            .build();
        Self { entries }
    }
}

impl Default for MemoryCache {
    /// 64 MiB.
    fn default() -> Self {
        Self::new(64 << 20)
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn get(&self, key: &str) -> Option<Bytes> {
        self.entries.get(key).await.map(|(bytes, _)| bytes)
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) {
        self.entries.insert(key.to_owned(), (value, ttl)).await;
    }

    async fn ping(&self) -> Result<(), BoxError> {
        Ok(())
    }
}

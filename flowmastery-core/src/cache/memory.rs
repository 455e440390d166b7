//! The cache of one process.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use foldhash::fast::RandomState;
use futures_util::FutureExt;
use moka::{Expiry, future};

use super::{Attempt, Cache, Made, Making, Room, attempt::Attempts};
use crate::error::{BoxError, Error, Result};

/// A cache in this process, bounded by bytes.
#[derive(Clone, Debug)]
pub struct MemoryCache {
    answers: future::Cache<String, (Bytes, Duration), RandomState>,
    attempts: Attempts,
}

/// Each entry lives for as long as it says.
struct PerEntry;

impl Expiry<String, (Bytes, Duration)> for PerEntry {
    fn expire_after_create(&self, _: &String, value: &(Bytes, Duration), _: Instant) -> Option<Duration> {
        Some(value.1)
    }
}

/// An answer that is not kept.
enum Unkept {
    Newer(Bytes),
    Failed(Error),
}

impl MemoryCache {
    /// A cache that holds at most so many bytes of keys and answers.
    pub fn new(capacity_bytes: u64) -> Self {
        let weigh = |key: &String, value: &(Bytes, Duration)| {
            u32::try_from(key.len() + value.0.len()).unwrap_or(u32::MAX)
        };
        let answers = future::Cache::builder()
            .max_capacity(capacity_bytes)
            .weigher(weigh)
            .expire_after(PerEntry)
            .build_with_hasher(RandomState::default());
        Self { answers, attempts: Attempts::default() }
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
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes> {
        let making = async {
            match make.await {
                Ok(Made { bytes, keep: true }) => Ok((bytes, ttl)),
                Ok(Made { bytes, keep: false }) => Err(Unkept::Newer(bytes)),
                Err(error) => Err(Unkept::Failed(error)),
            }
        };
        let answer: Result<_, Arc<Unkept>> = self.answers.try_get_with_by_ref(key, making).await;
        match answer {
            Ok((bytes, _)) => Ok(bytes),
            Err(unkept) => match unkept.as_ref() {
                Unkept::Newer(bytes) => Ok(bytes.clone()),
                Unkept::Failed(error) => Err(error.clone()),
            },
        }
    }

    fn at_hand(&self, key: &str) -> Option<Bytes> {
        self.answers.get(key).now_or_never()?.map(|(bytes, _)| bytes)
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        self.attempts.begin(attempt).await
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        self.attempts.end(attempt, failed).await;
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        Ok(())
    }
}

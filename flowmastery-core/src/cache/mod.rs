//! The cache port: bytes by key, for a while. A cache that is away is a slow path and never an error.

mod memory;
mod redis;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

pub use self::{memory::MemoryCache, redis::RedisCache};
use crate::error::BoxError;

/// Bytes by key, for a while. Keys hold the client and the version of its data, so nothing is ever stale and nothing needs removing.
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug {
    /// The bytes of a key; `None` when there are none, or when the cache is away.
    async fn get(&self, key: &str) -> Option<Bytes>;

    /// Keeps bytes for at most `ttl`; forgotten silently when the cache is away.
    async fn put(&self, key: &str, value: Bytes, ttl: Duration);

    /// Asks the cache for a trivial answer.
    ///
    /// # Errors
    /// Why it gives none.
    async fn ping(&self) -> Result<(), BoxError>;
}

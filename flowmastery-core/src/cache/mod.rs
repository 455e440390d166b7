//! The cache port: answers by key, and attempts that are counted for throttles. A cache that is away is a slow path and never an error.

mod attempt;
#[cfg(feature = "redis")]
mod layered;
mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::BoxFuture;

pub use self::{
    attempt::{Attempt, Limit, Room, UNDER_WAY},
    memory::MemoryCache,
};
#[cfg(feature = "redis")]
pub use self::{layered::LayeredCache, redis::RedisCache};
use crate::error::{BoxError, Result};

/// An answer that no cache had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// The answer.
    pub bytes: Bytes,
    /// Whether it is what the key stands for. Where things changed while it was made it may be newer than that; then it is answered, but
    /// not kept.
    pub keep: bool,
}

/// How an answer is made.
pub type Making<'m> = BoxFuture<'m, Result<Made>>;

/// Answers by key for a while, and attempts by key. Keys of answers hold the client and the version of its data, so no answer is ever stale and
/// none needs removing. One of your own is proven by `cache_contract!` (feature `testing`).
#[async_trait]
pub trait Cache: Send + Sync + fmt::Debug {
    /// The answer of a key, made where the cache has none and then kept for at most `ttl`. Of those who ask this process at once for
    /// the same key, one makes it and all get it.
    ///
    /// # Errors
    /// Those of `make`, which are not kept.
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes>;

    /// The answer of a key where it is at hand in this process, without waiting for anything: a short way, of which `None` says only that
    /// [`Self::get_or_make`] is to be asked.
    fn at_hand(&self, _key: &str) -> Option<Bytes> {
        None
    }

    /// Notes an attempt under the keys of all of its limits, if each of them has room, which it answers in their order. Hosts that share a
    /// cache count together, and each for itself while that is away.
    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room>;

    /// Says how a noted attempt ended: one that failed goes on to count, another one is taken back.
    async fn end_attempt(&self, attempt: &Attempt, failed: bool);

    /// Asks the cache for a trivial answer.
    ///
    /// # Errors
    /// Why it gives none.
    async fn ping(&self) -> std::result::Result<(), BoxError>;
}

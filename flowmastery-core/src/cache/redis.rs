//! The cache that several hosts share. While Redis is away, reads miss and writes are forgotten; nobody waits long for it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use bytes::Bytes;
use redis::{
    AsyncCommands, Client, RedisResult, SetExpiry, SetOptions,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use secrecy::{ExposeSecret, SecretString};

use super::Cache;
use crate::error::{BoxError, Error, Kind, Result};

/// The longest that a caller waits for Redis.
const PATIENCE: Duration = Duration::from_millis(50);
/// The longest that Redis may take to connect or answer in the background.
const TIMEOUT: Duration = Duration::from_millis(200);
/// At most one warning in this time.
const QUIET: Duration = Duration::from_secs(60);
/// All keys of ours begin with this, since a Redis may be shared.
const PREFIX: &str = "flowmastery:";

/// The cache that several hosts share.
pub struct RedisCache {
    connection: ConnectionManager,
    warned: Mutex<Option<Instant>>,
}

impl RedisCache {
    /// A cache at `redis://[user:password@]host[:port][/db]` or `rediss://…`. It connects when first used, so Redis may be away now.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when this is no address of a Redis; the address is not repeated, for it may hold a password.
    pub fn new(url: &SecretString) -> Result<Self> {
        let invalid = || Error::new(Kind::Invalid, "This is not an address like redis://localhost:6379/0.");
        let client = Client::open(url.expose_secret()).map_err(|_| invalid())?;
        // The defaults try for seconds; a cache that is away must be a miss at once.
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let connection = ConnectionManager::new_lazy_with_config(client, config).map_err(|_| invalid())?;
        Ok(Self { connection, warned: Mutex::new(None) })
    }

    async fn ask<T>(
        &self,
        request: impl Future<Output = RedisResult<T>>,
    ) -> std::result::Result<T, BoxError> {
        match tokio::time::timeout(PATIENCE, request).await {
            Ok(answer) => answer.map_err(Into::into),
            Err(late) => Err(late.into()),
        }
    }

    fn warn(&self, error: &BoxError) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.is_none_or(|at| at.elapsed() >= QUIET) {
            *warned = Some(Instant::now());
            tracing::warn!(error = %error, "Redis is not available (REDIS_URL); answers come without the cache");
        }
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn get(&self, key: &str) -> Option<Bytes> {
        let mut connection = self.connection.clone();
        let answer = self
            .ask(async move { connection.get::<_, Option<Vec<u8>>>(format!("{PREFIX}{key}")).await })
            .await;
        answer.inspect_err(|error| self.warn(error)).ok().flatten().map(Bytes::from)
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Duration) {
        let mut connection = self.connection.clone();
        let millis = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
        let options = SetOptions::default().with_expiration(SetExpiry::PX(millis));
        let set = async move {
            connection.set_options::<_, _, ()>(format!("{PREFIX}{key}"), value.as_ref(), options).await
        };
        if let Err(error) = self.ask(set).await {
            self.warn(&error);
        }
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        let mut connection = self.connection.clone();
        self.ask(async move { connection.ping::<()>().await }).await
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").finish_non_exhaustive()
    }
}

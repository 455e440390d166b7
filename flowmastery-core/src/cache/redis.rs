//! Redis, which several hosts share. While it is away every question is answered at once with nothing, and a task in the background
//! connects again.
//!
//! One connection is shared by all requests. It is given up at the first sign that Redis is away: an error of the connection, or an
//! answer that does not come in time. What Redis refuses, such as a key of another type, is a miss.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use redis::{
    AsyncCommands, AsyncConnectionConfig, Client, Cmd, RedisError, RedisResult, SetExpiry, SetOptions,
    aio::MultiplexedConnection,
};
use secrecy::{ExposeSecret, SecretString};

use super::{Attempt, Room, UNDER_WAY};
use crate::{
    digest::sha256_hex,
    error::{BoxError, Error, Kind, Result},
    outage::Outage,
};

/// The longest that a caller waits for Redis, unless set.
const PATIENCE: Duration = Duration::from_millis(50);
/// The longest that Redis may take where no request waits: to connect, and to store an answer.
const TIMEOUT: Duration = Duration::from_secs(1);
/// How often a Redis that is away is tried again.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// All keys of ours begin with this, since a Redis may be shared.
const PREFIX: &str = "flowmastery:";
/// How long a digest is.
const DIGEST: usize = 64;

/// As `Attempts` does it in one process. A key is a set of attempts by their instants, with a letter before their ids: those that are under
/// way have `p`, those that failed `f`. Answers 0 for free, -1 for soon, else the milliseconds until there is room.
const BEGIN: &str = r"
    local id, at, window, under_way = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
    local rooms, free = {}, true
    for place, key in ipairs(KEYS) do
        redis.call('ZREMRANGEBYSCORE', key, '-inf', at - window)
        local noted, most, failed = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), tonumber(ARGV[4 + place]), {}
        for one = 1, #noted, 2 do
            local score = tonumber(noted[one + 1])
            if string.sub(noted[one], 1, 1) == 'f' or score + under_way <= at then failed[#failed + 1] = score end
        end
        if #noted / 2 < most then rooms[place] = 0
        elseif #failed < most then rooms[place] = -1
        else rooms[place] = failed[#failed - most + 1] + window - at end
        free = free and rooms[place] == 0
    end
    if free then
        for _, key in ipairs(KEYS) do
            redis.call('ZADD', key, at, 'p' .. id)
            redis.call('PEXPIRE', key, window)
        end
    end
    return rooms";

/// In this order, since a key that is empty for a moment is gone with its time.
const END: &str = r"
    local id, failed = ARGV[1], ARGV[2] == '1'
    for _, key in ipairs(KEYS) do
        local at = redis.call('ZSCORE', key, 'p' .. id)
        if at and failed then redis.call('ZADD', key, at, 'f' .. id) end
        redis.call('ZREM', key, 'p' .. id)
    end";

/// Redis as [`super::LayeredCache`] uses it.
pub struct RedisCache {
    link: Arc<Link>,
}

struct Link {
    client: Client,
    patience: Duration,
    state: Mutex<State>,
    /// How many were made.
    connections: AtomicU64,
    outage: Outage,
}

enum State {
    Here { connection: MultiplexedConnection, number: u64 },
    Away { connecting: bool },
}

impl RedisCache {
    /// A Redis at `redis://[user:password@]host[:port][/db]` or `rediss://…`. It connects when first used, so Redis may be away now.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when this is no address of a Redis; the address is not repeated, for it may hold a password.
    pub fn new(url: &SecretString) -> Result<Self> {
        Self::with_patience(url, PATIENCE)
    }

    /// The same where callers wait for so long instead of 50 ms, before they do without.
    ///
    /// # Errors
    /// As [`RedisCache::new`].
    pub fn with_patience(url: &SecretString, patience: Duration) -> Result<Self> {
        let invalid = || Error::new(Kind::Invalid, "This is not an address like redis://localhost:6379/0.");
        let client = Client::open(url.expose_secret()).map_err(|_| invalid())?;
        let state = Mutex::new(State::Away { connecting: false });
        let link =
            Link { client, patience, state, connections: AtomicU64::new(0), outage: Outage::default() };
        Ok(Self { link: Arc::new(link) })
    }

    /// Connects now, for a host that says at start whether its Redis is there; takes about a second at most.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn connect(&self) -> std::result::Result<(), BoxError> {
        self.link.connect().await
    }

    pub(super) async fn get(&self, key: &str) -> Option<Bytes> {
        let key = name(key);
        let get = |mut connection: MultiplexedConnection| async move {
            connection.get::<_, Option<Vec<u8>>>(key).await
        };
        self.ask(self.link.patience, get).await.ok()?.and_then(|stored| open(stored.into()))
    }

    pub(super) async fn put(&self, key: &str, value: &[u8], ttl: Duration) {
        let (key, sealed) = (name(key), [sha256_hex(value).as_bytes(), value].concat());
        let options = SetOptions::default().with_expiration(SetExpiry::PX(millis(ttl)));
        let put = |mut connection: MultiplexedConnection| async move {
            connection.set_options::<_, _, ()>(key, sealed, options).await
        };
        // Nobody waits for this; without it the next one who needs the answer makes it.
        let _ = self.ask(TIMEOUT, put).await;
    }

    /// `None` when it cannot count.
    pub(super) async fn begin_attempt(&self, attempt: &Attempt) -> Option<Vec<Room>> {
        let mut begin = script(BEGIN, attempt);
        begin.arg(attempt.at.as_millis()).arg(millis(attempt.window)).arg(millis(UNDER_WAY));
        for limit in &attempt.limits {
            begin.arg(limit.most);
        }
        let ask = |mut connection: MultiplexedConnection| async move {
            begin.query_async::<Vec<i64>>(&mut connection).await
        };
        let rooms = self.ask(self.link.patience, ask).await.ok()?;
        Some(rooms.into_iter().map(room).collect())
    }

    pub(super) async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        let mut end = script(END, attempt);
        end.arg(u8::from(failed));
        // One whose end Redis does not hear of has failed after a while.
        let _ =
            self.ask(self.link.patience, |mut connection| async move {
                end.query_async::<()>(&mut connection).await
            })
            .await;
    }

    pub(super) async fn ping(&self) -> std::result::Result<(), BoxError> {
        self.ask(self.link.patience, |mut connection| async move { connection.ping::<()>().await }).await
    }

    async fn ask<T, F>(
        &self,
        patience: Duration,
        question: impl FnOnce(MultiplexedConnection) -> F,
    ) -> std::result::Result<T, BoxError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let Some((connection, number)) = self.link.connection() else {
            Link::reconnect(&self.link);
            return Err("Redis is not connected".into());
        };
        let (error, lost): (BoxError, _) = match tokio::time::timeout(patience, question(connection)).await {
            Ok(Ok(answer)) => {
                self.link.recovered();
                return Ok(answer);
            }
            Ok(Err(error)) => {
                let lost = is_lost(&error);
                (error.into(), lost)
            }
            Err(late) => (late.into(), true),
        };
        self.link.warn(&error);
        if lost {
            self.link.give_up(number);
            Link::reconnect(&self.link);
        }
        Err(error)
    }
}

impl Link {
    fn connection(&self) -> Option<(MultiplexedConnection, u64)> {
        match &*self.state() {
            State::Here { connection, number } => Some((connection.clone(), *number)),
            State::Away { .. } => None,
        }
    }

    /// Gives a connection up, unless another one has taken its place.
    fn give_up(&self, lost: u64) {
        let mut state = self.state();
        if matches!(&*state, State::Here { number, .. } if *number == lost) {
            *state = State::Away { connecting: false };
        }
    }

    /// Connects; a Redis is there once it answers as fast as callers wait.
    async fn connect(&self) -> std::result::Result<(), BoxError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(TIMEOUT))
            .set_response_timeout(Some(TIMEOUT));
        let mut connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        tokio::time::timeout(self.patience, connection.ping::<()>()).await??;
        let number = self.connections.fetch_add(1, Ordering::Relaxed);
        *self.state() = State::Here { connection, number };
        self.recovered();
        Ok(())
    }

    /// Tries to connect in the background until that succeeds, unless somebody does already.
    fn reconnect(link: &Arc<Self>) {
        match &mut *link.state() {
            State::Away { connecting } if !*connecting => *connecting = true,
            State::Away { .. } | State::Here { .. } => return,
        }
        let attempts = Attempts(Arc::downgrade(link));
        tokio::spawn(async move {
            while let Some(link) = attempts.0.upgrade() {
                match link.connect().await {
                    Ok(()) => return,
                    Err(error) => link.warn(&error),
                }
                drop(link);
                tokio::time::sleep(TRY_EVERY).await;
            }
        });
    }

    fn recovered(&self) {
        if self.outage.ends() {
            tracing::info!("Redis is available again");
        }
    }

    fn warn(&self, error: &BoxError) {
        if self.outage.begins() {
            tracing::warn!(error = %error, "Redis is not available (REDIS_URL); answers come without the shared cache");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts to connect, which somebody else has to make when they end with their runtime.
struct Attempts(Weak<Link>);

impl Drop for Attempts {
    fn drop(&mut self) {
        if let Some(link) = self.0.upgrade()
            && let State::Away { connecting } = &mut *link.state()
        {
            *connecting = false;
        }
    }
}

/// Whether an error says that the connection is of no use any more.
fn is_lost(error: &RedisError) -> bool {
    error.is_io_error() || error.is_unrecoverable_error()
}

fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// A script over the keys of an attempt; the first argument is its id.
fn script(text: &str, attempt: &Attempt) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(attempt.limits.len());
    for limit in &attempt.limits {
        command.arg(name(&limit.key));
    }
    command.arg(format!("{:032x}", attempt.id));
    command
}

fn room(answer: i64) -> Room {
    match u64::try_from(answer) {
        Ok(0) => Room::Free,
        Ok(wait) => Room::In(Duration::from_millis(wait)),
        Err(_) => Room::Soon,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// What was put, if it is that: others may write to the same Redis.
fn open(stored: Bytes) -> Option<Bytes> {
    let (digest, value) = stored.split_at_checked(DIGEST)?;
    (digest == sha256_hex(value).as_bytes()).then(|| stored.slice(DIGEST..))
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCache").finish_non_exhaustive()
    }
}

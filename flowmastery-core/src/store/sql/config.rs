//! Where the database is, and the limits of the connections to it.

use std::time::Duration;

use secrecy::SecretString;

/// Where the database is, and the limits of the connections to it.
///
/// Those of statements and transactions are kept by Postgres itself; SQLite has no use for them. What they end is
/// [`crate::store::StoreError::Unavailable`]. A connection is tested whenever it is taken: that costs a round trip, and a database that was
/// started again, or moved to another machine, is used at once without an error for those who come after it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqlConfig {
    /// `sqlite://path`, `sqlite::memory:`, `postgres://…`, `postgresql://…` or `postgresql+asyncpg://…`.
    ///
    /// For Postgres `sslmode` in it says how the server is met: `disable`, `prefer` (the default: encrypted where the server can, and
    /// trusted unseen), `require` (encrypted, trusted unseen), `verify-ca` (its certificate is of a known authority) or `verify-full` (and
    /// bears its name). Known are the public authorities and those in the PEM file that `sslrootcert` names.
    pub url: SecretString,
    /// The most connections, 10; on SQLite the most readers, beside the one writer. An in-memory database has one connection. Those of all
    /// hosts together have to stay below the `max_connections` of the server.
    pub max_connections: u32,
    /// How long a call waits for a free connection, and a new connection for the server, before the store counts as unavailable: 5
    /// seconds. In that time a server that is started again is asked again and again.
    pub acquire_timeout: Duration,
    /// After how long without use a connection is closed: 10 minutes, so that a peak does not keep its connections.
    pub idle_timeout: Duration,
    /// How old a connection gets: 30 minutes, so that hosts spread over servers that were added, and memory of old sessions is freed.
    pub max_lifetime: Duration,
    /// How long a statement may run: 30 seconds. Migrations have no such limit.
    pub statement_timeout: Duration,
    /// How long a statement waits for a lock: 10 seconds, which is longer than a host that has stopped may hold one. Migrations wait for
    /// as long as it takes.
    pub lock_timeout: Duration,
    /// How long a transaction may stand still between two statements: 5 seconds. What a host that has stopped, or was cut off, had locked
    /// is free for its successor then; the host itself finds its connection closed when it goes on.
    pub idle_in_transaction_timeout: Duration,
}

impl SqlConfig {
    /// The database at a URL, with the limits that stand beside each field.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            max_connections: 10,
            acquire_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(10 * 60),
            max_lifetime: Duration::from_secs(30 * 60),
            statement_timeout: Duration::from_secs(30),
            lock_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(5),
        }
    }
}

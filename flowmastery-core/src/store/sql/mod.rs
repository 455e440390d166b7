//! The store on SQL: one text and one body for SQLite and Postgres.
//!
//! Statements have `$1` placeholders and run on both through the macros of `pool`; what truly differs stands in `dialect`. Conflicts
//! are mapped by statement, since SQLite names no constraints. A transaction that touches a client's numbers locks its row of
//! `collections` first, so that everything else that it reads stays as it is.

mod aging;
mod change;
mod client;
mod dialect;
mod execution;
mod fault;
mod import;
mod invitation;
mod lease;
mod ledger;
mod listing;
mod lives;
mod metrics;
mod migrate;
mod origin;
mod outbox;
mod password_reset;
mod pool;
mod progress;
mod python;
mod rollup;
mod series;
mod session;
mod user;
mod verification;
mod workflow;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use self::pool::{Pool, fetch_one};
pub use self::{migrate::MigrationStatus, python::PythonSource};
use super::{Store, StoreResult};

/// Where the database is, and how many connections may be open to it.
#[derive(Clone, Debug)]
pub struct SqlConfig {
    /// `sqlite://path`, `sqlite::memory:`, `postgres://…`, `postgresql://…` or `postgresql+asyncpg://…`.
    pub url: SecretString,
    /// The most connections; on SQLite the most readers, beside the one writer. An in-memory database has one connection.
    pub max_connections: u32,
    /// How long a call waits for a free connection before the store counts as unavailable.
    pub acquire_timeout: Duration,
}

impl SqlConfig {
    /// The database at a URL, with 10 connections and 5 seconds of waiting.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self { url: url.into(), max_connections: 10, acquire_timeout: Duration::from_secs(5) }
    }
}

/// The store on SQLite or Postgres.
#[derive(Clone)]
pub struct SqlStore {
    pool: Pool,
}

impl SqlStore {
    /// Connects; a missing SQLite file is made. The schema is as it was: see [`SqlStore::migrate_up`].
    ///
    /// # Errors
    /// [`super::StoreError::Unavailable`] when the database does not answer, [`super::StoreError::Internal`] for a URL that is none of
    /// ours or a refused sign-in. The URL is never repeated.
    pub async fn connect(config: &SqlConfig) -> StoreResult<Self> {
        Ok(Self { pool: Pool::connect(config).await? })
    }

    /// Waits for running statements and closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore").field("database", &self.pool.kind()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for SqlStore {
    async fn ping(&self) -> StoreResult<()> {
        let mut conn = self.pool.read().await?;
        let _: (i64,) = fetch_one!(conn.db(), "SELECT CAST(1 AS BIGINT)")?;
        Ok(())
    }
}

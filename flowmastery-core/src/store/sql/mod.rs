//! The store on SQL: one text and one body for SQLite and Postgres.
//!
//! Statements have `$1` placeholders and run on both through the macros of `pool`; what truly differs stands in `dialect`. Conflicts
//! are mapped by statement, since SQLite names no constraints. A transaction that touches a client's numbers locks its row of
//! `collections` first, so that everything else that it reads stays as it is.

mod aging;
mod audit;
mod change;
mod client;
mod config;
mod dialect;
mod execution;
mod execution_row;
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
#[cfg(feature = "postgres")]
mod postgres;
mod progress;
#[cfg(feature = "postgres")]
mod python;
mod rollup;
#[cfg(feature = "postgres")]
mod row_security;
mod sealed;
mod series;
mod session;
mod sign_in;
#[cfg(feature = "sqlite")]
mod sqlite;
mod user;
mod verification;
mod workflow;

use std::fmt;

use secrecy::SecretString;

use async_trait::async_trait;

use self::pool::{Pool, fetch_one};
#[cfg(feature = "postgres")]
pub use self::python::PythonSource;
pub use self::{config::SqlConfig, migrate::MigrationStatus};
use super::{Store, StoreResult};
use crate::access::scope::TenantScope;

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

    /// Connects to the database of a URL, such as `sqlite://flowmastery.db` or `postgres://user:password@localhost/flowmastery`, and brings its schema
    /// up to date. Several hosts may do so at once.
    ///
    /// # Errors
    /// As [`Self::connect`] and [`Self::migrate_up`].
    pub async fn open(url: impl Into<SecretString>) -> StoreResult<Self> {
        let store = Self::connect(&SqlConfig::new(url)).await?;
        store.migrate_up().await?;
        Ok(store)
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
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let _: (i64,) = fetch_one!(conn.db(), "SELECT CAST(1 AS BIGINT)")?;
        Ok(())
    }
}

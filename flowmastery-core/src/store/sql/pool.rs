//! Connections to either database, and the macros that run one statement on whichever it is.
//!
//! SQLite has one writer, behind which writing transactions queue in order, and several readers; an in-memory database is one
//! connection that never closes. A method holds at most one connection at a time.

use std::{path::Path, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    ConnectOptions, Connection, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool,
    Transaction,
    pool::PoolConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{SqlConfig, dialect, fault::fault, postgres};
use crate::store::{StoreError, StoreResult};

/// How long SQLite waits for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs a statement; how many rows it changed.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::store::sql::pool::Db::Pg(db) => {
                sqlx::query($sql)$(.bind($bind))*.execute(db).await.map(|done| done.rows_affected())
            }
            $crate::store::sql::pool::Db::Lite(db) => {
                sqlx::query($sql)$(.bind($bind))*.execute(db).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::store::sql::fault::fault)
    };
}

macro_rules! fetch {
    ($how:ident, $db:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::store::sql::pool::Db::Pg(db) => sqlx::query_as($sql)$(.bind($bind))*.$how(db).await,
            $crate::store::sql::pool::Db::Lite(db) => sqlx::query_as($sql)$(.bind($bind))*.$how(db).await,
        }
        .map_err($crate::store::sql::fault::fault)
    };
}

/// The only row of a statement.
macro_rules! fetch_one {
    ($($statement:tt)*) => { $crate::store::sql::pool::fetch!(fetch_one, $($statement)*) };
}

/// The row of a statement, if there is one.
macro_rules! fetch_optional {
    ($($statement:tt)*) => { $crate::store::sql::pool::fetch!(fetch_optional, $($statement)*) };
}

/// Every row of a statement.
macro_rules! fetch_all {
    ($($statement:tt)*) => { $crate::store::sql::pool::fetch!(fetch_all, $($statement)*) };
}

pub(super) use {execute, fetch, fetch_all, fetch_one, fetch_optional};

/// A connection in use.
pub(super) enum Db<'c> {
    Pg(&'c mut PgConnection),
    Lite(&'c mut SqliteConnection),
}

/// A connection for single reads.
pub(super) enum Conn {
    Pg(PoolConnection<Postgres>),
    Lite(PoolConnection<Sqlite>),
}

impl Conn {
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Pg(conn) => Db::Pg(conn),
            Self::Lite(conn) => Db::Lite(conn),
        }
    }
}

/// A transaction; dropped, it is undone.
pub(super) enum Tx {
    Pg(Transaction<'static, Postgres>),
    Lite(Transaction<'static, Sqlite>),
}

impl Tx {
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Pg(tx) => Db::Pg(tx),
            Self::Lite(tx) => Db::Lite(tx),
        }
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        match self {
            Self::Pg(tx) => tx.commit().await,
            Self::Lite(tx) => tx.commit().await,
        }
        .map_err(fault)
    }
}

/// The connections to one database.
#[derive(Clone)]
pub(super) enum Pool {
    Pg(PgPool),
    Lite { readers: SqlitePool, writer: SqlitePool },
}

impl Pool {
    pub(super) async fn connect(config: &SqlConfig) -> StoreResult<Self> {
        let url = config.url.expose_secret();
        match url.split_once(':') {
            Some(("sqlite", _)) => Self::connect_sqlite(config).await,
            Some(("postgres" | "postgresql" | "postgresql+asyncpg", _)) => {
                Self::connect_postgres(config).await
            }
            _ => Err(StoreError::Internal(
                "a database URL starts with sqlite:, postgres: or postgresql:".into(),
            )),
        }
    }

    async fn connect_postgres(config: &SqlConfig) -> StoreResult<Self> {
        let options = postgres::connect_options(config)?;
        // A pool tries until its time is over and then says only that; one connection says what is wrong.
        let first = tokio::time::timeout(config.acquire_timeout, options.connect()).await;
        let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(fault)?;
        first.close().await.map_err(fault)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .idle_timeout(config.idle_timeout)
            .max_lifetime(config.max_lifetime)
            .test_before_acquire(true)
            .connect_lazy_with(options);
        Ok(Self::Pg(pool))
    }

    async fn connect_sqlite(config: &SqlConfig) -> StoreResult<Self> {
        let url = config.url.expose_secret();
        let options = SqliteConnectOptions::from_str(url)
            .map_err(fault)?
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(config.acquire_timeout)
                .idle_timeout(config.idle_timeout)
                .max_lifetime(config.max_lifetime)
        };
        if url.contains(":memory:") || url.contains("mode=memory") {
            let only = pool(1).min_connections(1).idle_timeout(None).max_lifetime(None);
            let only = only.connect_with(options).await.map_err(fault)?;
            return Ok(Self::Lite { readers: only.clone(), writer: only });
        }
        make_private(options.get_filename());
        // The writer first: it makes the database and turns the write-ahead log on.
        let writer = pool(1).connect_with(options.clone()).await.map_err(fault)?;
        let readers = pool(config.max_connections).connect_with(options).await.map_err(fault)?;
        Ok(Self::Lite { readers, writer })
    }

    /// The database's name, for logs.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Pg(_) => "postgres",
            Self::Lite { .. } => "sqlite",
        }
    }

    /// A connection for single statements that read.
    pub(super) async fn read(&self) -> StoreResult<Conn> {
        Ok(match self {
            Self::Pg(pool) => Conn::Pg(pool.acquire().await.map_err(fault)?),
            Self::Lite { readers, .. } => Conn::Lite(readers.acquire().await.map_err(fault)?),
        })
    }

    /// A connection for single statements that write.
    pub(super) async fn write(&self) -> StoreResult<Conn> {
        Ok(match self {
            Self::Pg(pool) => Conn::Pg(pool.acquire().await.map_err(fault)?),
            Self::Lite { writer, .. } => Conn::Lite(writer.acquire().await.map_err(fault)?),
        })
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self) -> StoreResult<Tx> {
        Ok(match self {
            Self::Pg(pool) => begin_postgres(pool, "BEGIN").await?,
            Self::Lite { writer, .. } => {
                Tx::Lite(writer.begin_with(dialect::SQLITE_BEGIN).await.map_err(fault)?)
            }
        })
    }

    /// A transaction of which every read sees the same instant.
    pub(super) async fn snapshot(&self) -> StoreResult<Tx> {
        Ok(match self {
            Self::Pg(pool) => begin_postgres(pool, dialect::POSTGRES_SNAPSHOT).await?,
            Self::Lite { readers, .. } => Tx::Lite(readers.begin().await.map_err(fault)?),
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Pg(pool) => pool.close().await,
            Self::Lite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// Begins a transaction in a task of its own, which goes on when the caller is dropped: sqlx 0.9 knows of a transaction only once it has
/// begun, and hands on the connection of one that was dropped half-way with the transaction open.
async fn begin_postgres(pool: &PgPool, statement: &'static str) -> StoreResult<Tx> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await }).await;
    Ok(Tx::Pg(begun.map_err(|error| StoreError::Unavailable(error.into()))?.map_err(fault)?))
}

/// Makes a missing database file readable for its owner only; SQLite gives the files beside it the same mode.
#[cfg(unix)]
fn make_private(file: &Path) {
    use std::os::unix::fs::OpenOptionsExt;
    // Where this fails the file is there, or SQLite fails as well and says why.
    let _ = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
}

#[cfg(not(unix))]
fn make_private(_: &Path) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_postgres_that_is_down_is_said_to_refuse() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!("postgres://user@127.0.0.1:{port}/none");
        let Err(StoreError::Unavailable(cause)) = Pool::connect(&SqlConfig::new(url)).await.map(drop) else {
            panic!("it is unavailable");
        };
        assert!(cause.to_string().contains("refused"), "{cause}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_new_database_file_is_private_and_an_old_one_keeps_its_mode() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("store.db");
        let config = SqlConfig::new(format!("sqlite://{}", file.display()));
        let mode = || fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        Pool::connect(&config).await.unwrap().close().await;
        assert_eq!(mode(), 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        Pool::connect(&config).await.unwrap().close().await;
        assert_eq!(mode(), 0o640);
    }
}

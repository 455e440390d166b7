//! Connections to either database, and the macros that run one statement on whichever it is.
//!
//! SQLite has one writer, behind which writing transactions queue in order, and several readers; an in-memory database is one
//! connection that never closes. A method holds at most one connection at a time.

use std::{path::Path, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection,
    SqlitePool, Transaction,
    pool::PoolConnection,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{
    SqlConfig, dialect,
    fault::fault,
    postgres,
    row_security::{RowSecurity, begin_within},
};
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

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

/// A transaction: dropped, it is undone. Where one statement is all there is to it, it may be a connection alone, on which there is
/// nothing to undo; whoever writes commits it all the same.
pub(super) enum Tx {
    Pg(Transaction<'static, Postgres>),
    Lite(Transaction<'static, Sqlite>),
    PgAlone(PoolConnection<Postgres>),
    LiteAlone(PoolConnection<Sqlite>),
}

impl Tx {
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Pg(tx) => Db::Pg(tx),
            Self::Lite(tx) => Db::Lite(tx),
            Self::PgAlone(conn) => Db::Pg(conn),
            Self::LiteAlone(conn) => Db::Lite(conn),
        }
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        match self {
            Self::Pg(tx) => tx.commit().await,
            Self::Lite(tx) => tx.commit().await,
            Self::PgAlone(_) | Self::LiteAlone(_) => Ok(()),
        }
        .map_err(fault)
    }
}

/// The connections to one database. Whoever takes one says whose data it is for, which Postgres is told where its row security holds.
#[derive(Clone)]
pub(super) enum Pool {
    Pg { pool: PgPool, row_security: RowSecurity },
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
        let mut first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(fault)?;
        let row_security = RowSecurity::default();
        row_security.find_out(&mut first).await?;
        first.close().await.map_err(fault)?;
        let pool = PgPoolOptions::new()
            .max_connections(config.max_connections)
            .acquire_timeout(config.acquire_timeout)
            .idle_timeout(config.idle_timeout)
            .max_lifetime(config.max_lifetime)
            .test_before_acquire(true)
            .connect_lazy_with(options);
        Ok(Self::Pg { pool, row_security })
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
            Self::Pg { .. } => "postgres",
            Self::Lite { .. } => "sqlite",
        }
    }

    /// A connection for single statements that read.
    pub(super) async fn read(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            Self::Pg { pool, row_security } => single(pool, row_security, "BEGIN READ ONLY", scope).await,
            Self::Lite { readers, .. } => Ok(Tx::LiteAlone(readers.acquire().await.map_err(fault)?)),
        }
    }

    /// A connection for a single statement that writes, to be committed after it.
    pub(super) async fn write(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            Self::Pg { pool, row_security } => single(pool, row_security, "BEGIN", scope).await,
            Self::Lite { writer, .. } => Ok(Tx::LiteAlone(writer.acquire().await.map_err(fault)?)),
        }
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            Self::Pg { pool, row_security } => begin_postgres(pool, row_security, "BEGIN", scope).await,
            Self::Lite { writer, .. } => {
                Ok(Tx::Lite(writer.begin_with(dialect::SQLITE_BEGIN).await.map_err(fault)?))
            }
        }
    }

    /// A transaction of which every read sees the same instant.
    pub(super) async fn snapshot(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            Self::Pg { pool, row_security } => {
                begin_postgres(pool, row_security, dialect::POSTGRES_SNAPSHOT, scope).await
            }
            Self::Lite { readers, .. } => Ok(Tx::Lite(readers.begin().await.map_err(fault)?)),
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Pg { pool, .. } => pool.close().await,
            Self::Lite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
        }
    }
}

/// A connection alone where no row security holds, else a transaction inside the scope.
async fn single(
    pool: &PgPool,
    row_security: &RowSecurity,
    begin: &'static str,
    scope: TenantScope,
) -> StoreResult<Tx> {
    if row_security.known() == Some(false) {
        return Ok(Tx::PgAlone(pool.acquire().await.map_err(fault)?));
    }
    begin_postgres(pool, row_security, begin, scope).await
}

/// Begins a transaction in a task of its own, which goes on when the caller is dropped: sqlx 0.9 knows of a transaction only once it has
/// begun, and hands on the connection of one that was dropped half-way with the transaction open.
async fn begin_postgres(
    pool: &PgPool,
    row_security: &RowSecurity,
    begin: &'static str,
    scope: TenantScope,
) -> StoreResult<Tx> {
    let (pool, row_security) = (pool.clone(), row_security.clone());
    let begun = tokio::spawn(async move {
        let holds = match row_security.known() {
            Some(known) => known,
            None => row_security.find_out(&mut *pool.acquire().await.map_err(fault)?).await?,
        };
        let begin = if holds { begin_within(begin, scope) } else { begin.to_owned() };
        pool.begin_with(AssertSqlSafe(begin)).await.map(Tx::Pg).map_err(fault)
    });
    begun.await.map_err(|error| StoreError::Unavailable(error.into()))?
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

//! Connections to either database, and the macros that run one statement on whichever it is.
//!
//! A database whose feature is off has neither variant nor arm: that is said here, in the macros and enums, and nowhere else. A method holds
//! at most one connection at a time.

use secrecy::ExposeSecret;
#[cfg(feature = "postgres")]
use sqlx::{PgConnection, Postgres};
#[cfg(feature = "sqlite")]
use sqlx::{Sqlite, SqliteConnection};
use sqlx::{Transaction, pool::PoolConnection};

use super::SqlConfig;
#[cfg(feature = "postgres")]
use super::postgres::PostgresPool;
#[cfg(feature = "sqlite")]
use super::sqlite::SqlitePools;
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

/// What is the same for both databases, written once: `on_either!(Pool, self, pool => pool.close().await)`.
macro_rules! on_either {
    ($databases:ident, $value:expr, $it:ident => $what:expr $(,)?) => {
        match $value {
            #[cfg(feature = "postgres")]
            $crate::store::sql::pool::$databases::Pg($it) => $what,
            #[cfg(feature = "sqlite")]
            $crate::store::sql::pool::$databases::Lite($it) => $what,
        }
    };
}

/// What differs between the databases: the arms of a `match` on a [`Db`], first Postgres's, then SQLite's. They look like closures so that
/// they are formatted, and are none: what is behind them may wait and return.
macro_rules! by_database {
    ($db:expr, |$pg:pat_param| $on_postgres:expr, |$lite:pat_param| $on_sqlite:expr $(,)?) => {
        match $db {
            #[cfg(feature = "postgres")]
            $crate::store::sql::pool::Db::Pg($pg) => $on_postgres,
            #[cfg(feature = "sqlite")]
            $crate::store::sql::pool::Db::Lite($lite) => $on_sqlite,
        }
    };
}

/// Runs a statement; how many rows it changed.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::sql::pool::on_either!(Db, $db, db => {
            sqlx::query($sql)$(.bind($bind))*.execute(db).await.map(|done| done.rows_affected())
        })
        .map_err($crate::store::sql::fault::fault)
    };
}

macro_rules! fetch {
    ($how:ident, $db:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        $crate::store::sql::pool::on_either!(Db, $db, db => sqlx::query_as($sql)$(.bind($bind))*.$how(db).await)
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

pub(super) use {by_database, execute, fetch, fetch_all, fetch_one, fetch_optional, on_either};

/// A connection in use.
pub(super) enum Db<'c> {
    #[cfg(feature = "postgres")]
    Pg(&'c mut PgConnection),
    #[cfg(feature = "sqlite")]
    Lite(&'c mut SqliteConnection),
}

/// A transaction: dropped, it is undone. Where one statement is all there is to it, it may be a connection alone, on which there is
/// nothing to undo; whoever writes commits it all the same.
pub(super) enum Tx {
    #[cfg(feature = "postgres")]
    Pg(Transaction<'static, Postgres>),
    #[cfg(feature = "sqlite")]
    Lite(Transaction<'static, Sqlite>),
    #[cfg(feature = "postgres")]
    PgAlone(PoolConnection<Postgres>),
    #[cfg(feature = "sqlite")]
    LiteAlone(PoolConnection<Sqlite>),
}

impl Tx {
    pub(super) fn db(&mut self) -> Db<'_> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Pg(tx) => Db::Pg(tx),
            #[cfg(feature = "sqlite")]
            Self::Lite(tx) => Db::Lite(tx),
            #[cfg(feature = "postgres")]
            Self::PgAlone(conn) => Db::Pg(conn),
            #[cfg(feature = "sqlite")]
            Self::LiteAlone(conn) => Db::Lite(conn),
        }
    }

    pub(super) async fn commit(self) -> StoreResult<()> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Pg(tx) => tx.commit().await,
            #[cfg(feature = "sqlite")]
            Self::Lite(tx) => tx.commit().await,
            #[cfg(feature = "postgres")]
            Self::PgAlone(_) => Ok(()),
            #[cfg(feature = "sqlite")]
            Self::LiteAlone(_) => Ok(()),
        }
        .map_err(super::fault::fault)
    }
}

/// The connections to one database. Whoever takes one says whose data it is for, which Postgres is told where its row security holds.
#[derive(Clone)]
pub(super) enum Pool {
    #[cfg(feature = "postgres")]
    Pg(PostgresPool),
    #[cfg(feature = "sqlite")]
    Lite(SqlitePools),
}

impl Pool {
    pub(super) async fn connect(config: &SqlConfig) -> StoreResult<Self> {
        let url = config.url.expose_secret();
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            #[cfg(feature = "sqlite")]
            "sqlite" => SqlitePools::connect(config).await.map(Self::Lite),
            #[cfg(feature = "postgres")]
            "postgres" | "postgresql" | "postgresql+asyncpg" => {
                PostgresPool::connect(config).await.map(Self::Pg)
            }
            _ => Err(StoreError::Internal(UNKNOWN.into())),
        }
    }

    /// The connections, where it is Postgres.
    #[cfg(feature = "postgres")]
    pub(super) fn postgres(&self) -> Option<&PostgresPool> {
        match self {
            Self::Pg(pool) => Some(pool),
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => None,
        }
    }

    /// Whether rows may go by `COPY`, which Postgres refuses where its row security holds.
    pub(super) fn may_copy(&self) -> bool {
        match self {
            #[cfg(feature = "postgres")]
            Self::Pg(pool) => pool.row_security.known() == Some(false),
            #[cfg(feature = "sqlite")]
            Self::Lite(_) => false,
        }
    }

    /// The database's name, for logs.
    pub(super) fn kind(&self) -> &'static str {
        on_either!(Pool, self, pool => pool.kind())
    }

    /// Whether several hosts may share the database.
    pub(super) fn is_shared(&self) -> bool {
        on_either!(Pool, self, pool => pool.is_shared())
    }

    /// A connection for single statements that read.
    pub(super) async fn read(&self, scope: TenantScope) -> StoreResult<Tx> {
        on_either!(Pool, self, pool => pool.read(scope).await)
    }

    /// A connection for a single statement that writes, to be committed after it.
    pub(super) async fn write(&self, scope: TenantScope) -> StoreResult<Tx> {
        on_either!(Pool, self, pool => pool.write(scope).await)
    }

    /// A transaction that writes.
    pub(super) async fn begin(&self, scope: TenantScope) -> StoreResult<Tx> {
        on_either!(Pool, self, pool => pool.begin(scope).await)
    }

    /// As [`Pool::write`], of what n8n would be asked for again.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "SQLite has no roles"))]
    pub(super) async fn write_collected(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Pg(pool) => pool.write(scope).await,
            #[cfg(feature = "sqlite")]
            Self::Lite(pool) => pool.write_collected().await,
        }
    }

    /// As [`Pool::begin`], of what n8n would be asked for again. On SQLite it is safe from the end of the process, but not yet from that of the machine.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables, reason = "SQLite has no roles"))]
    pub(super) async fn begin_collected(&self, scope: TenantScope) -> StoreResult<Tx> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Pg(pool) => pool.begin(scope).await,
            #[cfg(feature = "sqlite")]
            Self::Lite(pool) => pool.begin_collected().await,
        }
    }

    /// A transaction of which every read sees the same instant.
    pub(super) async fn snapshot(&self, scope: TenantScope) -> StoreResult<Tx> {
        on_either!(Pool, self, pool => pool.snapshot(scope).await)
    }

    /// The same for statements that sum rollups, whose plans do not depend on what is bound to them.
    pub(super) async fn summing(&self, scope: TenantScope) -> StoreResult<Tx> {
        on_either!(Pool, self, pool => pool.summing(scope).await)
    }

    pub(super) async fn close(&self) {
        on_either!(Pool, self, pool => pool.close().await);
    }
}

/// What is said of a URL of no database that is compiled in.
const UNKNOWN: &str = match (cfg!(feature = "postgres"), cfg!(feature = "sqlite")) {
    (true, true) => "a database URL starts with sqlite:, postgres: or postgresql:",
    (true, false) => "a database URL starts with postgres: or postgresql: (SQLite is the feature sqlite)",
    (false, _) => "a database URL starts with sqlite: (PostgreSQL is the feature postgres)",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_url_of_no_database_here_is_refused_without_being_repeated() {
        let absent = if cfg!(feature = "sqlite") { "mysql://u:hunter2@h/d" } else { "sqlite://hunter2.db" };
        let Err(StoreError::Internal(cause)) = Pool::connect(&SqlConfig::new(absent)).await.map(drop) else {
            panic!("it is refused");
        };
        let cause = cause.to_string();
        assert!(!cause.contains("hunter2"), "{cause}");
        for (is_here, name) in
            [(cfg!(feature = "postgres"), "postgres:"), (cfg!(feature = "sqlite"), "sqlite:")]
        {
            assert_eq!(cause.contains(name), is_here, "{cause}");
        }
    }
}

//! Postgres: its connections and transactions, and how it is migrated.

mod options;

use std::sync::LazyLock;

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgPool,
    migrate::Migrator,
    postgres::{PgDatabaseError, PgPoolOptions},
};

pub(super) use self::options::read_url;
use self::options::{connect_options, without_limits};
use super::{
    SqlConfig, dialect,
    fault::fault,
    migrate::{self, Way},
    pool::Tx,
    row_security::{RowSecurity, begin_within},
};
use crate::{
    access::scope::TenantScope,
    store::{StoreError, StoreResult},
};

static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrator = sqlx::migrate!("migrations/postgres");
    migrator.dangerous_set_table_name(format!("{}.{}", dialect::SCHEMA, migrate::TABLE));
    migrator.create_schema(dialect::SCHEMA);
    migrator
});

/// The connections to one Postgres, and whether its row security holds for their role.
#[derive(Clone)]
pub(super) struct PostgresPool {
    pub(super) pool: PgPool,
    pub(super) row_security: RowSecurity,
}

impl PostgresPool {
    pub(super) async fn connect(config: &SqlConfig) -> StoreResult<Self> {
        let options = connect_options(config)?;
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
        Ok(Self { pool, row_security })
    }

    pub(super) fn kind(&self) -> &'static str {
        "postgres"
    }

    pub(super) fn is_shared(&self) -> bool {
        true
    }

    pub(super) async fn read(&self, scope: TenantScope) -> StoreResult<Tx> {
        self.single("BEGIN READ ONLY", scope).await
    }

    pub(super) async fn write(&self, scope: TenantScope) -> StoreResult<Tx> {
        self.single("BEGIN", scope).await
    }

    pub(super) async fn begin(&self, scope: TenantScope) -> StoreResult<Tx> {
        self.begin_as("BEGIN", scope).await
    }

    pub(super) async fn snapshot(&self, scope: TenantScope) -> StoreResult<Tx> {
        self.begin_as(dialect::POSTGRES_SNAPSHOT, scope).await
    }

    pub(super) async fn summing(&self, scope: TenantScope) -> StoreResult<Tx> {
        self.begin_as(dialect::POSTGRES_SUMMING, scope).await
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn migrator(&self) -> &'static Migrator {
        &MIGRATIONS
    }

    pub(super) async fn migrate(&self, way: Way) -> StoreResult<()> {
        // A migration that fails leaves its advisory lock on the connection, so this one is thrown away.
        let options = PgPoolOptions::new().max_connections(1);
        let options = options.acquire_timeout(self.pool.options().get_acquire_timeout());
        let once = options.connect_lazy_with(without_limits(&self.pool.connect_options()));
        let done = match way {
            Way::Up => MIGRATIONS.run(&once).await,
            Way::DownTo(target) => MIGRATIONS.undo(&once, target).await,
        };
        once.close().await;
        done.map_err(migrate::fault_of)
    }

    /// A connection alone where no row security holds, else a transaction inside the scope.
    async fn single(&self, begin: &'static str, scope: TenantScope) -> StoreResult<Tx> {
        if self.row_security.known() == Some(false) {
            return Ok(Tx::PgAlone(self.pool.acquire().await.map_err(fault)?));
        }
        self.begin_as(begin, scope).await
    }

    /// Begins a transaction in a task of its own, which goes on when the caller is dropped: sqlx 0.9 knows of a transaction only once it has
    /// begun, and hands on the connection of one that was dropped half-way with the transaction open.
    async fn begin_as(&self, begin: &'static str, scope: TenantScope) -> StoreResult<Tx> {
        let Self { pool, row_security } = self.clone();
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
}

/// Whether the same statement may well succeed a little later.
pub(super) fn is_outage(error: &PgDatabaseError) -> bool {
    is_outage_state(error.code())
}

/// The same by its SQLSTATE.
fn is_outage_state(code: &str) -> bool {
    const STATES: [&str; 6] = [
        "25006", // a server that only reads: the one that writes has moved
        "25P03", // idle in a transaction for too long
        "40001", // not serializable
        "40P01", // a deadlock
        "55P03", // no lock in time
        "57014", // canceled: out of time
    ];
    // Connection faults, no resources, shutting down or starting up; 58 is a fault of the system under the server.
    let classes = ["08", "53", "57P0", "58"];
    STATES.contains(&code) || classes.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_postgres_that_is_down_is_said_to_refuse() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let url = format!("postgres://user@127.0.0.1:{port}/none");
        let Err(StoreError::Unavailable(cause)) = PostgresPool::connect(&SqlConfig::new(url)).await.map(drop)
        else {
            panic!("it is unavailable");
        };
        assert!(cause.to_string().contains("refused"), "{cause}");
    }

    #[test]
    fn outages_are_told_by_their_states() {
        for code in ["08006", "53300", "53100", "57P01", "57P03", "57P05", "58030", "40P01", "55P03"] {
            assert!(is_outage_state(code), "{code}");
        }
        for code in ["42P01", "42501", "23505", "22P02", "28P01", "40002", "57000"] {
            assert!(!is_outage_state(code), "{code}");
        }
    }
}

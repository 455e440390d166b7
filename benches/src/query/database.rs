//! A database of a benchmark's own on either server: the store on it as a host has it, bare connections beside that, and the fastest way to
//! fill it.
//!
//! On Postgres tables belong to one role and the host signs in as another, so that row-level security holds and every transaction says its
//! scope: what a careful operator has, and the slower of the two.

use std::{fmt::Write, sync::Arc};

use flowmastery_core::store::sql::{SqlConfig, SqlStore};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool, QueryBuilder, Sqlite, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tempfile::TempDir;
use url::Url;

use crate::Fallible;

/// As many as the store has.
const CONNECTIONS: u32 = 10;
/// What SQLite takes in one statement.
const MOST_BINDS: usize = 32_000;
/// The variable that names the server of `scripts/bench`.
const SERVER: &str = "FLOWMASTERY_BENCH_POSTGRES";
/// Who the host signs in as.
const ROLE: &str = "flowmastery_bench_query";

/// A value of a row that is filled in.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A table with its columns.
pub(super) type Table = (&'static str, &'static [&'static str]);

/// Connections without a store.
#[derive(Clone, Debug)]
pub(super) enum Bare {
    Pg(PgPool),
    Lite(SqlitePool),
}

/// A database with its store.
#[derive(Debug)]
pub(super) struct Database {
    pub(super) store: Arc<SqlStore>,
    pub(super) bare: Bare,
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    File { _directory: TempDir },
    Server { admin: Url, name: String, owner: Arc<SqlStore>, filling: PgPool },
}

impl Database {
    /// A file in a temporary directory.
    pub(super) async fn sqlite() -> Fallible<Self> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("store.db");
        let url = format!("sqlite://{}", file.display());
        let store = SqlStore::open(url.as_str()).await?;
        let options = SqliteConnectOptions::new().filename(&file);
        let bare = SqlitePoolOptions::new().max_connections(CONNECTIONS).connect_with(options).await?;
        let place = Place::File { _directory: directory };
        Ok(Self { store: Arc::new(store), bare: Bare::Lite(bare), url, place })
    }

    /// A database on the server of `scripts/bench`.
    pub(super) async fn postgres() -> Fallible<Self> {
        let admin = std::env::var_os(SERVER).ok_or(format!("{SERVER} names no server: run scripts/bench"))?;
        let admin = Url::parse(&admin.to_string_lossy())?;
        let name = format!("flowmastery_bench_query_{}", std::process::id());
        let mut server: PgConnection = PgConnectOptions::from_url(&admin)?.connect().await?;
        for statement in [
            format!("DROP ROLE IF EXISTS {ROLE}"),
            format!("CREATE ROLE {ROLE} LOGIN"),
            format!("CREATE DATABASE {name}"),
        ] {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut server).await?;
        }
        server.close().await?;
        let mut owner_url = admin.clone();
        owner_url.set_path(&name);
        let mut url = owner_url.clone();
        url.set_username(ROLE).map_err(|()| "a URL without a host")?;
        let owner = SqlStore::open(owner_url.as_str()).await?;
        let store = SqlStore::connect(&SqlConfig::new(url.as_str())).await?;
        owner.admit(&store).await?;
        let pool = |url: &Url, connections| -> Fallible<PgPool> {
            let options = PgConnectOptions::from_url(url)?.options([("search_path", "flowmastery")]);
            Ok(PgPoolOptions::new().max_connections(connections).connect_lazy_with(options))
        };
        let bare = Bare::Pg(pool(&url, CONNECTIONS)?);
        let filling = pool(&owner_url, 1)?;
        let place = Place::Server { admin, name, owner: Arc::new(owner), filling };
        Ok(Self { store: Arc::new(store), bare, url: url.into(), place })
    }

    /// A second store on it, which can be closed.
    pub(super) async fn another_store(&self) -> Fallible<Arc<SqlStore>> {
        Ok(Arc::new(SqlStore::connect(&SqlConfig::new(self.url.as_str())).await?))
    }

    pub(super) fn name(&self) -> &'static str {
        match self.bare {
            Bare::Pg(_) => "Postgres",
            Bare::Lite(_) => "SQLite",
        }
    }

    /// One of two, for names of rows.
    pub(super) fn pick<T>(&self, postgres: T, sqlite: T) -> T {
        match self.bare {
            Bare::Pg(_) => postgres,
            Bare::Lite(_) => sqlite,
        }
    }

    /// Puts rows into a table.
    pub(super) async fn fill(&self, table: Table, rows: &[Vec<Value>]) -> Fallible<()> {
        match (&self.place, &self.bare) {
            (Place::Server { filling, .. }, _) => copy_in(filling, table, rows).await,
            (Place::File { .. }, Bare::Lite(pool)) => insert(pool, table, rows).await,
            (Place::File { .. }, Bare::Pg(_)) => Err("a file is SQLite's".into()),
        }
    }

    /// What the server's own maintenance does sooner or later: up-to-date statistics, and on Postgres visible rows.
    pub(super) async fn settle(&self) -> Fallible<()> {
        match (&self.place, &self.bare) {
            (Place::Server { filling, .. }, _) => {
                sqlx::raw_sql("VACUUM ANALYZE").execute(filling).await?;
            }
            (Place::File { .. }, Bare::Lite(pool)) => {
                sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(pool).await?;
            }
            (Place::File { .. }, Bare::Pg(_)) => {}
        }
        Ok(())
    }

    /// Closes every connection and drops what was made.
    pub(super) async fn remove(&self) -> Fallible<()> {
        self.store.close().await;
        match &self.bare {
            Bare::Pg(pool) => pool.close().await,
            Bare::Lite(pool) => pool.close().await,
        }
        if let Place::Server { admin, name, owner, filling } = &self.place {
            filling.close().await;
            owner.close().await;
            let mut server: PgConnection = PgConnectOptions::from_url(admin)?.connect().await?;
            for statement in
                [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE IF EXISTS {ROLE}")]
            {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut server).await?;
            }
            server.close().await?;
        }
        Ok(())
    }
}

/// Text of our own making, in which nothing needs escaping but the backslash before bytes.
async fn copy_in(pool: &PgPool, (table, columns): Table, rows: &[Vec<Value>]) -> Fallible<()> {
    let mut text = String::with_capacity(rows.len() * 160);
    for row in rows {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                text.push('\t');
            }
            match value {
                Value::Null => text.push_str("\\N"),
                Value::Bool(value) => text.push(if *value { 't' } else { 'f' }),
                Value::Int(value) => write!(text, "{value}")?,
                Value::Text(value) => text.push_str(value),
                Value::Bytes(bytes) => {
                    text.push_str("\\\\x");
                    bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}"))?;
                }
            }
        }
        text.push('\n');
    }
    let statement = format!("COPY {table} ({}) FROM STDIN", columns.join(", "));
    let mut db = pool.acquire().await?;
    let mut copy = db.copy_in_raw(&statement).await?;
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

async fn insert(pool: &SqlitePool, (table, columns): Table, rows: &[Vec<Value>]) -> Fallible<()> {
    let mut tx = pool.begin().await?;
    for rows in rows.chunks(MOST_BINDS / columns.len()) {
        let head = format!("INSERT INTO {table} ({}) ", columns.join(", "));
        let mut query = QueryBuilder::<Sqlite>::new(head);
        query.push_values(rows, |mut values, row| {
            for value in row {
                match value {
                    Value::Null => values.push_bind(None::<i64>),
                    Value::Bool(value) => values.push_bind(*value),
                    Value::Int(value) => values.push_bind(*value),
                    Value::Text(value) => values.push_bind(value.as_str()),
                    Value::Bytes(bytes) => values.push_bind(bytes.as_slice()),
                };
            }
        });
        query.build().execute(&mut *tx).await?;
    }
    tx.commit().await?;
    Ok(())
}

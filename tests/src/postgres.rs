//! A Postgres for tests, and a fresh migrated database in it for each of them.
//!
//! `FLOWMASTERY_TEST_POSTGRES` names a server that is there already (test runners with a process per test share it); else we start our
//! own on a socket in a temporary directory. Databases are copies of a template that was migrated once.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::OnceLock,
};

use flowmastery_core::{
    entropy::{OsEntropy, random},
    store::sql::{SqlConfig, SqlStore},
};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::OnceCell;

use crate::{own_postgres::OwnPostgres, supervised::given};

/// Postgres's number of the lock under which processes make the template.
const TEMPLATE_LOCK: i64 = 0x464d_5445_5354;

/// The role of a host that owns no tables.
const APPLICATION: &str = "fm_application";

/// The URL of a database on the server.
fn url(database: &str) -> String {
    static OWN: OnceLock<OwnPostgres> = OnceLock::new();
    let own = || OWN.get_or_init(|| OwnPostgres::start(&["synchronous_commit=off", "max_connections=300"]));
    let server = given("FLOWMASTERY_TEST_POSTGRES").unwrap_or_else(|| own().url());
    let mut server = url::Url::parse(&server).expect("FLOWMASTERY_TEST_POSTGRES is a URL");
    server.set_path(database);
    server.into()
}

/// A program of PostgreSQL, which Debian keeps off the PATH.
pub fn tool(name: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|program| program.exists());
    found.sort();
    found.pop().unwrap_or_else(|| name.into())
}

async fn administer() -> PgConnection {
    PgConnection::connect(&url("postgres")).await.expect("the test server answers")
}

async fn run(connection: &mut PgConnection, statement: String) {
    // The names in it are our own: letters, digits and underscores.
    connection.execute(AssertSqlSafe(statement)).await.expect("the test server obeys");
}

/// A name that stands for the migrations as they are, since a server may outlive a change of them.
fn template_name() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations/postgres");
    let files = fs::read_dir(directory).expect("the migrations are there");
    let mut files: Vec<_> = files.map(|file| file.expect("a directory entry").path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        fs::read(file).expect("a migration").hash(&mut hasher);
    }
    format!("fm_template_{:016x}", hasher.finish())
}

async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = template_name();
            let mut admin = administer().await;
            run(&mut admin, format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
            let (exists,): (bool,) =
                sqlx::query_as("SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)")
                    .bind(&name)
                    .fetch_one(&mut admin)
                    .await
                    .expect("the test server answers");
            if !exists {
                let unfinished = format!("{name}_{}", suffix());
                run(&mut admin, format!("CREATE DATABASE {unfinished} TEMPLATE template0")).await;
                let store =
                    SqlStore::connect(&SqlConfig::new(url(&unfinished))).await.expect("a new database");
                store.migrate_up().await.expect("the migrations apply");
                admit(&mut admin, &store, &unfinished).await;
                store.close().await;
                run(&mut admin, format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
            }
            name
        })
        .await
}

/// Lets the second role use the template and what is copied from it.
async fn admit(admin: &mut PgConnection, owner: &SqlStore, database: &str) {
    let exists = "SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)";
    let exists: (bool,) = sqlx::query_as(exists)
        .bind(APPLICATION)
        .fetch_one(&mut *admin)
        .await
        .expect("the test server answers");
    if !exists.0 {
        run(admin, format!("CREATE ROLE {APPLICATION} LOGIN")).await;
    }
    let url = as_application(&url(database));
    let application = SqlStore::connect(&SqlConfig::new(url)).await.expect("a role that may sign in");
    owner.admit(&application).await.expect("the owner may grant");
    application.close().await;
}

/// A URL with the role that owns nothing.
fn as_application(url: &str) -> String {
    let mut url = url::Url::parse(url).expect("a URL");
    url.set_username(APPLICATION).expect("a URL with a host");
    url.into()
}

fn suffix() -> String {
    let bytes: [u8; 8] = random(&OsEntropy).expect("the system has entropy");
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// A database of its own.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// A database with every migration applied.
    pub async fn migrated() -> Self {
        Self::copy_of(template().await).await
    }

    /// A database without anything.
    pub async fn empty() -> Self {
        // With which the second role is made.
        template().await;
        Self::copy_of("template0").await
    }

    async fn copy_of(template: &str) -> Self {
        let name = format!("fm_{}", suffix());
        run(&mut administer().await, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { name }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        url(&self.name)
    }

    /// Where it is for a role that may use the tables, but owns none of them.
    pub fn application_url(&self) -> String {
        as_application(&self.url())
    }

    /// Removes it, and whoever is still connected.
    pub async fn remove(self) {
        run(&mut administer().await, format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}

//! The schemas of the two databases say the same, hold what the seed document names, and go up, down and up again.

use std::collections::{BTreeMap, BTreeSet};

use flowmastery_core::store::{
    StoreError,
    sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::postgres::Database;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

/// Tables with their columns, and whether each may be null.
type Tables = BTreeMap<String, BTreeMap<String, bool>>;

/// What the seed document lists.
const SEED: [(&str, &str); 3] = [
    (
        "users",
        "id email hashed_password role is_active client_id created_by_admin_id last_login created_at updated_at",
    ),
    ("clients", "id name n8n_api_url n8n_api_key_encrypted created_by_admin_id created_at updated_at"),
    (
        "invitations",
        "id email role token status expiry_date client_id invited_by_admin_id accepted_user_id accepted_at created_at",
    ),
];

fn tables(rows: Vec<(String, String, bool)>) -> Tables {
    let mut tables = Tables::new();
    for (table, column, nullable) in rows {
        tables.entry(table).or_default().insert(column, nullable);
    }
    tables
}

struct Sqlite {
    directory: tempfile::TempDir,
}

impl Sqlite {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("schema.db").display())
    }

    async fn store(&self) -> SqlStore {
        SqlStore::connect(&SqlConfig::new(self.url())).await.unwrap()
    }

    async fn tables(&self) -> Tables {
        let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
        let sql = "SELECT t.name, c.name, c.\"notnull\" = 0 AND c.pk = 0 FROM sqlite_master t, pragma_table_info(t.name) c
                   WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name NOT LIKE '!_%' ESCAPE '!'";
        tables(sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap())
    }

    async fn indexes(&self) -> BTreeSet<String> {
        let mut connection = SqliteConnection::connect(&self.url()).await.unwrap();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
        let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
        rows.into_iter().map(|(name,)| name).collect()
    }
}

async fn postgres_tables(database: &Database) -> Tables {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let sql =
        "SELECT table_name::TEXT, column_name::TEXT, is_nullable = 'YES' FROM information_schema.columns
               WHERE table_schema = 'flowmastery' AND table_name NOT LIKE '\\_%'";
    tables(sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap())
}

/// Names of the indexes that no constraint makes.
async fn postgres_indexes(database: &Database) -> BTreeSet<String> {
    let mut connection = PgConnection::connect(&database.url()).await.unwrap();
    let sql = "SELECT indexname::TEXT FROM pg_indexes WHERE schemaname = 'flowmastery'
               AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key'";
    let rows: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    rows.into_iter().map(|(name,)| name).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_columns_and_indexes() {
    let (sqlite, postgres) = (Sqlite::new(), Database::migrated().await);
    sqlite.store().await.migrate_up().await.unwrap();
    let (ours, theirs) = (sqlite.tables().await, postgres_tables(&postgres).await);
    assert!(ours.len() > SEED.len());
    assert_eq!(ours, theirs);
    assert_eq!(sqlite.indexes().await, postgres_indexes(&postgres).await);
    postgres.remove().await;
}

#[tokio::test]
async fn tables_of_the_seed_have_its_columns() {
    let sqlite = Sqlite::new();
    sqlite.store().await.migrate_up().await.unwrap();
    let tables = sqlite.tables().await;
    for (table, columns) in SEED {
        for column in columns.split_whitespace() {
            assert!(tables[table].contains_key(column), "{table}.{column}");
        }
    }
}

#[test]
fn both_databases_have_the_same_migrations_and_each_has_a_way_back() {
    let names = |database: &str| -> BTreeSet<String> {
        let directory = format!("{}/../migrations/{database}", env!("CARGO_MANIFEST_DIR"));
        let files = std::fs::read_dir(directory).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    };
    let (sqlite, postgres) = (names("sqlite"), names("postgres"));
    assert_eq!(sqlite, postgres);
    for up in sqlite.iter().filter(|name| name.ends_with(".up.sql")) {
        assert!(sqlite.contains(&up.replace(".up.", ".down.")), "{up}");
    }
}

/// Goes up, one down, up, all the way down, and up again.
async fn up_and_down(store: &SqlStore) {
    let applied = async || {
        let status = store.migration_status().await.unwrap();
        status.into_iter().map(|migration| migration.applied).collect::<Vec<_>>()
    };
    let known = applied().await.len();
    assert_eq!(applied().await, vec![false; known]);
    store.migrate_down(None).await.unwrap();
    store.migrate_up().await.unwrap();
    store.migrate_up().await.unwrap();
    assert_eq!(applied().await, vec![true; known]);
    store.migrate_down(None).await.unwrap();
    let mut all_but_the_last = vec![true; known];
    all_but_the_last[known - 1] = false;
    assert_eq!(applied().await, all_but_the_last);
    store.migrate_up().await.unwrap();
    store.migrate_down(Some(0)).await.unwrap();
    assert_eq!(applied().await, vec![false; known]);
}

#[tokio::test]
async fn sqlite_goes_up_down_and_up_again() {
    let sqlite = Sqlite::new();
    let store = sqlite.store().await;
    up_and_down(&store).await;
    assert!(sqlite.tables().await.is_empty());
    store.migrate_up().await.unwrap();
    assert!(!sqlite.tables().await.is_empty());
}

#[tokio::test]
async fn postgres_goes_up_down_and_up_again() {
    let database = Database::empty().await;
    let store = SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap();
    up_and_down(&store).await;
    assert!(postgres_tables(&database).await.is_empty());
    store.migrate_up().await.unwrap();
    assert!(!postgres_tables(&database).await.is_empty());
    database.remove().await;
}

/// Migrates a database from ten connections at once.
async fn race(url: String) {
    let migrate = |url: String| async move {
        let mut config = SqlConfig::new(url);
        config.max_connections = 1;
        SqlStore::connect(&config).await.unwrap().migrate_up().await
    };
    let tasks: Vec<_> = (0..10).map(|_| tokio::spawn(migrate(url.clone()))).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn hosts_that_migrate_sqlite_at_once_all_succeed() {
    let sqlite = Sqlite::new();
    race(sqlite.url()).await;
    assert!(!sqlite.tables().await.is_empty());
}

#[tokio::test]
async fn hosts_that_migrate_postgres_at_once_all_succeed() {
    let database = Database::empty().await;
    race(database.url()).await;
    assert!(!postgres_tables(&database).await.is_empty());
    database.remove().await;
}

#[tokio::test]
async fn database_of_a_newer_version_is_refused_by_name() {
    let sqlite = Sqlite::new();
    let store = sqlite.store().await;
    store.migrate_up().await.unwrap();
    let mut connection = SqliteConnection::connect(&sqlite.url()).await.unwrap();
    let newer =
        "INSERT INTO _flowmastery_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'of the future', TRUE, x'00', 0)";
    connection.execute(newer).await.unwrap();
    let refused = store.migrate_up().await;
    assert!(matches!(&refused, Err(StoreError::Conflict(why)) if why.contains("newer")), "{refused:?}");
    let status = store.migration_status().await.unwrap();
    assert!(status.last().is_some_and(|migration| migration.version == 9999 && migration.applied));
}

#[tokio::test]
async fn urls_of_every_spelling_connect_and_others_are_refused_without_repeating_them() {
    let database = Database::migrated().await;
    let asyncpg = database.url().replacen("postgres:", "postgresql+asyncpg:", 1);
    let store = SqlStore::connect(&SqlConfig::new(asyncpg)).await.unwrap();
    assert!(store.migration_status().await.unwrap().iter().all(|migration| migration.applied));
    store.close().await;
    database.remove().await;
    let refused = SqlStore::connect(&SqlConfig::new("mysql://root:secret@localhost/db")).await.unwrap_err();
    assert!(!format!("{refused:?}").contains("secret"));
    let config = SqlConfig::new("postgres://root:secret@localhost/db");
    assert!(!format!("{config:?}").contains("secret"));
}

#[tokio::test]
async fn database_that_does_not_answer_is_unavailable() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("postgres://nobody@localhost/none?host={}", directory.path().display());
    let mut config = SqlConfig::new(url);
    config.acquire_timeout = std::time::Duration::from_millis(200);
    let refused = SqlStore::connect(&config).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}

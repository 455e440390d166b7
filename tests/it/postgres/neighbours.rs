//! A host that has sqlx migrations of its own in the same database: neither sees the other's, up or down, before or after.

use flowmastery_core::store::{
    ClientStore, Store,
    sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::postgres::Database;
use sqlx::{Connection, Executor, PgConnection, PgPool, migrate::Migrator};

use super::*;

/// The migrations of a host, whose tables bear names of ours, and one of whose numbers is one of ours.
async fn host() -> Migrator {
    let directory = tempfile::tempdir().unwrap();
    for (name, sql) in [
        ("0001_users.up.sql", "CREATE TABLE users (id BIGINT PRIMARY KEY, nickname TEXT)"),
        ("0001_users.down.sql", "DROP TABLE users"),
        ("20260101_executions.up.sql", "CREATE TABLE executions (id BIGINT PRIMARY KEY)"),
        ("20260101_executions.down.sql", "DROP TABLE executions"),
    ] {
        std::fs::write(directory.path().join(name), sql).unwrap();
    }
    Migrator::new(directory.path()).await.unwrap()
}

async fn of_host(pool: &PgPool) -> Vec<i64> {
    let rows: Vec<(i64,)> = sqlx::query_as("SELECT version FROM public._sqlx_migrations ORDER BY version")
        .fetch_all(pool)
        .await
        .unwrap();
    rows.into_iter().map(|(version,)| version).collect()
}

async fn ours(store: &SqlStore) -> bool {
    let status = store.migration_status().await.unwrap();
    assert!(
        status.iter().all(|migration| migration.applied == status[0].applied && !migration.name.is_empty())
    );
    status[0].applied
}

#[tokio::test]
async fn migrations_of_a_host_and_ours_go_up_and_down_side_by_side() {
    let database = Database::empty().await;
    // The role of the tests has the name of our schema, which Postgres's default search path would look into first.
    let pool = PgPool::connect(&format!("{}&options[search_path]=public", database.url())).await.unwrap();
    let store = SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap();
    let host = host().await;
    host.run(&pool).await.unwrap();
    store.migrate_up().await.unwrap();
    host.run(&pool).await.unwrap();
    pool.execute("INSERT INTO users VALUES (7, 'theirs')").await.unwrap();
    let id = client(&store).await;
    assert_eq!((of_host(&pool).await, ours(&store).await), (vec![1, 20_260_101], true));

    host.undo(&pool, 0).await.unwrap();
    assert_eq!((of_host(&pool).await, ours(&store).await), (vec![], true));
    assert!(store.find_client(everything(), id).await.unwrap().is_some());

    host.run(&pool).await.unwrap();
    pool.execute("INSERT INTO users VALUES (7, 'theirs')").await.unwrap();
    store.migrate_down(Some(0)).await.unwrap();
    assert_eq!((of_host(&pool).await, ours(&store).await), (vec![1, 20_260_101], false));
    let (nickname,): (String,) = sqlx::query_as("SELECT nickname FROM users").fetch_one(&pool).await.unwrap();
    assert_eq!(nickname, "theirs");

    store.migrate_up().await.unwrap();
    store.ping().await.unwrap();
    pool.close().await;
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_host_whose_tables_are_found_first_elsewhere_does_not_lead_us_astray() {
    let database = Database::empty().await;
    let mut admin = PgConnection::connect(&database.url()).await.unwrap();
    // What an operator may have set for the role or the database.
    admin.execute("CREATE TABLE public.clients (id TEXT)").await.unwrap();
    let (name,): (String,) =
        sqlx::query_as("SELECT current_database()::TEXT").fetch_one(&mut admin).await.unwrap();
    let set = format!(
        "ALTER DATABASE {name} SET search_path = public; ALTER DATABASE {name} SET statement_timeout = 1"
    );
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(set))).await.unwrap();
    let store = SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap();
    store.migrate_up().await.unwrap();
    client(&store).await;
    store.close().await;
    database.remove().await;
}

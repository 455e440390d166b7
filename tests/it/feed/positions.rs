//! Where readers of the feed go on, on Postgres: nothing is missed whatever order transactions end in, and what cannot be known is said.

use std::time::{Duration, Instant};

use flowmastery_core::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::UserId,
    model::{
        client::{ClientName, NewClient},
        email::Email,
        user::NewUser,
    },
    store::{
        Change, ChangeStore, Changes, ClientStore, StoreError, UserStore,
        sql::{SqlConfig, SqlStore},
    },
};
use flowmastery_tests::{own_postgres::OwnPostgres, postgres::Database};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// A store of its own and a connection to the same database.
async fn postgres() -> (Database, SqlStore, PgConnection) {
    let database = Database::migrated().await;
    let (store, connection) = two_users(&database.url()).await;
    (database, store, connection)
}

async fn two_users(url: &str) -> (SqlStore, PgConnection) {
    let store = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
    store.migrate_up().await.unwrap();
    for name in ["anna", "berta"] {
        let email = Email::parse(&format!("{name}@agency.com")).unwrap();
        let created_at = Timestamp::from_millis(0);
        store.create_admin(NewUser { email, hashed_password: "hash".into(), created_at }).await.unwrap();
    }
    (store, PgConnection::connect(url).await.unwrap())
}

/// Deactivates a user by hand, with another search path than ours.
async fn deactivate(connection: &mut PgConnection, user: i64) {
    let statement = format!("UPDATE flowmastery.users SET is_active = FALSE WHERE id = {user}");
    connection.execute(AssertSqlSafe(statement)).await.unwrap();
}

async fn read(store: &SqlStore, since: &Changes) -> Changes {
    let read = store.read_changes(Some(&since.position)).await.unwrap();
    assert!(read.complete);
    read
}

#[tokio::test]
async fn transactions_that_commit_out_of_order_are_all_read_once() {
    let (database, store, mut early) = postgres().await;
    let other = SqlStore::connect(&SqlConfig::new(database.url())).await.unwrap();
    let begun = other.read_changes(None).await.unwrap();
    early.execute("BEGIN").await.unwrap();
    deactivate(&mut early, 1).await;
    let mut late = PgConnection::connect(&database.url()).await.unwrap();
    deactivate(&mut late, 2).await;
    let first = read(&other, &begun).await;
    assert_eq!(first.changes, [Change::User(UserId(2))]);
    let second = read(&other, &first).await;
    assert_eq!(second.changes, []);
    early.execute("COMMIT").await.unwrap();
    let third = read(&other, &second).await;
    assert_eq!(third.changes, [Change::User(UserId(1))]);
    assert_eq!(read(&other, &third).await.changes, []);
    let mut both = read(&store, &begun).await.changes;
    both.sort_unstable();
    assert_eq!(both, [Change::User(UserId(1)), Change::User(UserId(2))]);
    database.remove().await;
}

#[tokio::test]
async fn what_a_transaction_changes_that_is_open_for_long_is_not_missed() {
    let (database, store, mut early) = postgres().await;
    let begun = store.read_changes(None).await.unwrap();
    early.execute("BEGIN").await.unwrap();
    deactivate(&mut early, 1).await;
    let mut late = PgConnection::connect(&database.url()).await.unwrap();
    deactivate(&mut late, 2).await;
    let first = read(&store, &begun).await;
    store.prune_changes(Timestamp::from_millis(i64::MAX), 100).await.unwrap();
    early.execute("COMMIT").await.unwrap();
    assert_eq!(read(&store, &first).await.changes, [Change::User(UserId(1))]);
    database.remove().await;
}

#[tokio::test]
async fn the_feed_of_a_back_up_from_another_server_is_cleared() {
    let (database, store, mut connection) = postgres().await;
    let far = "9000000000000000";
    for statement in [
        format!("INSERT INTO flowmastery.changes VALUES ('{far}', 0, 1, 0)"),
        format!("UPDATE flowmastery.change_horizon SET pruned_to = '{far}'"),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let begun = store.read_changes(None).await.unwrap();
    assert!(!store.read_changes(Some(&begun.position)).await.unwrap().complete);
    store.prune_changes(Timestamp::from_millis(0), 100).await.unwrap();
    deactivate(&mut connection, 2).await;
    let first = read(&store, &begun).await;
    assert_eq!(first.changes, [Change::User(UserId(2))]);
    assert_eq!(read(&store, &first).await.changes, []);
    database.remove().await;
}

/// Until the server is there again.
async fn read_again(store: &SqlStore, since: &Changes) -> Changes {
    let start = Instant::now();
    loop {
        match store.read_changes(Some(&since.position)).await {
            Ok(read) => break read,
            Err(StoreError::Unavailable(_)) if start.elapsed() < Duration::from_secs(10) => {}
            Err(error) => panic!("{:?}: {error:?}", start.elapsed()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_between_two_reads_the_next_one_is_not_complete() {
    // What is not committed is not flushed in this test, so its numbers are given out again.
    let server = OwnPostgres::start(&["wal_writer_delay=10s"]);
    let (store, mut connection) = two_users(&server.url()).await;
    let begun = store.read_changes(None).await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    deactivate(&mut connection, 1).await;
    for _ in 0..20 {
        let mut other = PgConnection::connect(&server.url()).await.unwrap();
        other.execute("BEGIN; SELECT pg_current_xact_id(); ROLLBACK").await.unwrap();
    }
    let before = read(&store, &begun).await;
    assert_eq!(before.changes, []);
    server.kill().await;
    server.start_again().await;
    let mut connection = PgConnection::connect(&server.url()).await.unwrap();
    deactivate(&mut connection, 2).await;
    let first = read_again(&store, &before).await;
    assert!(!first.complete);
    deactivate(&mut connection, 1).await;
    assert_eq!(read(&store, &first).await.changes, [Change::User(UserId(1))]);
    assert!(!read_again(&store, &before).await.complete, "whoever reads later is told as well");
}

#[tokio::test]
async fn a_position_that_the_server_has_not_reached_is_of_another_one() {
    let server = OwnPostgres::start(&[]);
    let (store, mut connection) = two_users(&server.url()).await;
    let (database, ahead, mut other) = postgres().await;
    let life = "SELECT life FROM flowmastery.change_life";
    ahead.read_changes(None).await.unwrap();
    let (same,): (String,) = sqlx::query_as(life).fetch_one(&mut other).await.unwrap();
    let begun = store.read_changes(None).await.unwrap();
    read(&store, &begun).await;
    let number = "SELECT pg_current_xact_id()::TEXT::BIGINT";
    let (reached,): (i64,) = sqlx::query_as(number).fetch_one(&mut connection).await.unwrap();
    while sqlx::query_as::<_, (i64,)>(number).fetch_one(&mut other).await.unwrap().0 <= reached + 100 {}
    let far = ahead.read_changes(None).await.unwrap();
    let copied = format!("UPDATE flowmastery.change_life SET life = '{same}'");
    connection.execute(AssertSqlSafe(copied)).await.unwrap();
    assert!(!store.read_changes(Some(&far.position)).await.unwrap().complete);
    assert!(!store.read_changes(Some(&begun.position)).await.unwrap().complete, "the life is another");
    database.remove().await;
}

#[tokio::test]
async fn who_prunes_while_another_does_waits_for_nobody() {
    let (database, store, mut connection) = postgres().await;
    let begun = store.read_changes(None).await.unwrap();
    deactivate(&mut connection, 1).await;
    for lock in [3, 4] {
        let held = format!("SELECT pg_advisory_lock({}, {lock})", 0x464c_4f57);
        connection.execute(AssertSqlSafe(held)).await.unwrap();
    }
    assert!(!store.prune_changes(Timestamp::from_millis(i64::MAX), 1).await.unwrap());
    assert_eq!(read(&store, &begun).await.changes, [Change::User(UserId(1))]);
    let name = ClientName::parse("Acme").unwrap();
    let now = Timestamp::from_millis(0);
    let new = NewClient { name, created_by_admin_id: None, created_at: now };
    let client = store.create_client(None, new).await.unwrap().id;
    let scope = TenantScope::client(client);
    store.delete_client(scope, client, now).await.unwrap();
    assert_eq!(store.purge_deleted(scope, 10).await.unwrap(), 0);
    connection.execute("SELECT pg_advisory_unlock_all()").await.unwrap();
    assert_eq!(store.purge_deleted(scope, 10).await.unwrap(), 1);
    database.remove().await;
}

//! The limits of sessions as the real server keeps them, and what each that ends a statement means for the caller.

use std::time::{Duration, Instant};

use flowmastery_core::store::{
    ClientStore, ExecutionStore,
    sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::postgres::Database;
use sqlx::{Connection, Executor, PgConnection, migrate::Migrate};

use super::*;

const SHORT: Duration = Duration::from_millis(200);

async fn raw(database: &Database) -> PgConnection {
    PgConnection::connect(&database.url()).await.unwrap()
}

/// A store of its own on the database, with other limits.
async fn store(database: &Database, limits: impl FnOnce(&mut SqlConfig)) -> SqlStore {
    let mut config = SqlConfig::new(database.url());
    limits(&mut config);
    SqlStore::connect(&config).await.unwrap()
}

#[tokio::test]
async fn a_statement_that_waits_too_long_or_runs_too_long_is_an_outage() {
    let database = Database::migrated().await;
    let impatient = store(&database, |config| config.lock_timeout = SHORT).await;
    let hasty = store(&database, |config| config.statement_timeout = SHORT).await;
    let id = client(&impatient).await;
    let mut holder = raw(&database).await;
    let mut held = holder.begin().await.unwrap();
    held.execute("SELECT * FROM flowmastery.collections FOR UPDATE").await.unwrap();
    let why = outage(impatient.set_instance(everything(), id, None, NOW).await);
    assert!(why.contains("lock timeout"), "{why}");
    let why = outage(hasty.set_instance(everything(), id, None, NOW).await);
    assert!(why.contains("statement timeout"), "{why}");
    held.rollback().await.unwrap();
    impatient.set_instance(everything(), id, None, NOW).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_the_server_reports_of_deadlocks_and_lost_connections_is_an_outage() {
    let database = Database::migrated().await;
    let store = store(&database, |_| ()).await;
    let id = client(&store).await;
    let mut admin = raw(&database).await;
    // In place of the statement's own work the server does what the name of the client says.
    let trigger = "CREATE FUNCTION flowmastery.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                       IF NEW.name = OLD.name THEN RETURN NEW; END IF;
                       IF NEW.name = 'cut' THEN PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(9); END IF;
                       RAISE EXCEPTION 'as asked' USING ERRCODE = NEW.name;
                   END $$;
                   CREATE TRIGGER fail BEFORE UPDATE ON flowmastery.clients FOR EACH ROW EXECUTE FUNCTION flowmastery.fail();";
    admin.execute(sqlx::raw_sql(trigger)).await.unwrap();
    for code in ["40P01", "40001", "57P01", "57P03", "53300", "53100", "25006", "08006", "cut"] {
        let name = ClientName::parse(code).unwrap();
        outage(store.rename_client(everything(), id, &name, NOW).await);
        store.find_client(everything(), id).await.unwrap().unwrap();
    }
    let name = ClientName::parse("22012").unwrap();
    let refused = store.rename_client(everything(), id, &name, NOW).await;
    assert!(matches!(refused, Err(StoreError::Internal(_))), "{refused:?}");
}

#[tokio::test]
async fn a_deadlock_ends_for_one_of_two_and_the_other_goes_on() {
    let database = Database::migrated().await;
    let store = store(&database, |_| ()).await;
    let id = client(&store).await;
    let mut rival = raw(&database).await;
    let mut held = rival.begin().await.unwrap();
    // The other way round: the store locks the row of collections first, then that of clients.
    held.execute("UPDATE flowmastery.clients SET name = 'rival'").await.unwrap();
    let ours = store.set_instance(everything(), id, None, NOW);
    let theirs = async {
        waits_for_a_lock(&database).await;
        held.execute("UPDATE flowmastery.collections SET turn = turn").await
    };
    let (ours, theirs) = tokio::join!(ours, theirs);
    assert_ne!(ours.is_ok(), theirs.is_ok());
    if ours.is_err() {
        assert!(outage(ours).contains("deadlock"));
    }
}

async fn waits_for_a_lock(database: &Database) {
    let mut observer = raw(database).await;
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')";
    while !sqlx::query_as::<_, (bool,)>(sql).fetch_one(&mut observer).await.unwrap().0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_host_that_stops_while_it_holds_a_lock_loses_it_to_its_successor() {
    let database = Database::migrated().await;
    let stopped = store(&database, |config| config.idle_in_transaction_timeout = SHORT).await;
    let successor = store(&database, |_| ()).await;
    let id = client(&successor).await;
    let mut observer = raw(&database).await;
    let turn = lease(&stopped, id).await;
    // Goes on only until the row is locked, and no further: as a process does that is sent SIGSTOP.
    let mut collection = Box::pin(stopped.begin_collection(everything(), turn, NOW, NOW));
    let holds = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
                     AND state = 'idle in transaction' AND backend_xid IS NOT NULL)";
    while !sqlx::query_as::<_, (bool,)>(holds).fetch_one(&mut observer).await.unwrap().0 {
        assert!(futures_util::poll!(&mut collection).is_pending());
    }
    let start = Instant::now();
    successor.set_instance(everything(), id, None, NOW).await.unwrap().unwrap();
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // What it does when it is woken up is not stored.
    outage(collection.await);
    let kept = successor.find_client(everything(), id).await.unwrap().unwrap();
    assert_eq!(kept.collection.last_attempt_at, None);
    assert!(SqlConfig::new("").idle_in_transaction_timeout < SqlConfig::new("").lock_timeout);
}

#[tokio::test]
async fn migrations_outlive_the_limits_of_statements() {
    let database = Database::empty().await;
    let limits = |config: &mut SqlConfig| {
        config.statement_timeout = Duration::from_millis(100);
        config.lock_timeout = Duration::from_millis(100);
    };
    let store = store(&database, limits).await;
    let mut holder = raw(&database).await;
    // As another host that migrates for longer than a statement may take.
    holder.lock().await.unwrap();
    let release = async {
        waits_for_a_lock(&database).await;
        holder.execute("SELECT pg_sleep(0.3)").await.unwrap();
        holder.unlock().await.unwrap();
    };
    let (migrated, ()) = tokio::join!(store.migrate_up(), release);
    migrated.unwrap();
}

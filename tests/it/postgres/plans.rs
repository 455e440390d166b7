//! The plans of every statement of the store over a filled database, as the server itself reports them: no big table is read through.

mod filled;
mod log;
mod tour;

use flowmastery_core::store::sql::{SqlConfig, SqlStore};
use flowmastery_tests::own_postgres::OwnPostgres;
use sqlx::{Connection, Executor, PgConnection};

/// Tables that stay small: they have a row for each client, for each of its workflows and lives, or for what waits to be mailed or confirmed;
/// and indexes that have the admins alone, and those who were imported and have not signed in.
const SMALL: [&str; 12] = [
    "clients",
    "collections",
    "workflows",
    "epochs",
    "origins",
    "change_horizon",
    "change_life",
    "outbox",
    "password_resets",
    "_flowmastery_migrations",
    "users_active_admins",
    "users_imported",
];

/// Postgres plans a statement anew for its first five values, and then may keep one plan for all.
const ROUNDS: i64 = 7;

#[tokio::test]
async fn no_statement_reads_a_big_table_through() {
    let server = OwnPostgres::start(log::SETTINGS);
    let mut config = SqlConfig::new(server.url());
    config.max_connections = 1;
    let store = SqlStore::connect(&config).await.unwrap();
    store.migrate_up().await.unwrap();
    let mut admin = PgConnection::connect(&server.url()).await.unwrap();
    filled::fill(&store, &mut admin).await;
    log::begin(&mut admin).await;
    for round in 0..ROUNDS {
        tour::every_method(&store, round).await;
    }
    store.close().await;
    admin.execute("ALTER ROLE flowmastery SET plan_cache_mode = force_generic_plan").await.unwrap();
    let generic = SqlStore::connect(&config).await.unwrap();
    tour::every_method(&generic, ROUNDS).await;
    // Policies add conditions, of which an index must not suffer.
    admin.execute("CREATE ROLE application LOGIN").await.unwrap();
    config.url = server.url().replace("flowmastery@", "application@").into();
    let application = SqlStore::connect(&config).await.unwrap();
    generic.admit(&application).await.unwrap();
    for round in ROUNDS + 1..2 * ROUNDS {
        tour::every_method(&application, round).await;
    }

    let plans = log::plans(&server, &mut admin).await;
    assert!(plans.len() > 100, "{}", plans.len());
    let faults: Vec<_> = plans.iter().flat_map(|plan| plan.reads_through(&SMALL)).collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), plans.len(), faults.join("\n"));
}

#[tokio::test]
async fn what_is_removed_goes_in_bounded_batches_beside_readers() {
    let server = OwnPostgres::start(&[]);
    let store = SqlStore::connect(&SqlConfig::new(server.url())).await.unwrap();
    store.migrate_up().await.unwrap();
    let mut admin = PgConnection::connect(&server.url()).await.unwrap();
    filled::fill(&store, &mut admin).await;
    tour::remove_in_batches(&store).await;
}

//! Postgres killed and started again: unavailable meanwhile, and soon itself again without a new host.

use std::time::{Duration, Instant};

use flowmastery_core::{
    model::client::ClientName,
    store::{
        ClientStore, Store, StoreError,
        sql::{SqlConfig, SqlStore},
    },
};
use flowmastery_tests::own_postgres::OwnPostgres;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_postgres_that_was_killed_is_used_again_within_five_seconds() {
    let server = OwnPostgres::start(&[]);
    let mut config = SqlConfig::new(server.url());
    config.acquire_timeout = Duration::from_millis(500);
    let store = SqlStore::connect(&config).await.unwrap();
    store.migrate_up().await.unwrap();
    let id = client(&store).await;
    for round in 0..2 {
        let name = ClientName::parse(&format!("Round {round}")).unwrap();
        // So that every connection of the pool is one of the server that is killed.
        let pings = futures_util::future::join_all((0..10).map(|_| store.ping())).await;
        assert!(pings.into_iter().all(|ping| ping.is_ok()));
        server.kill().await;
        outage(store.find_client(everything(), id).await);
        outage(store.rename_client(everything(), id, &name, NOW).await);
        server.start_again().await;
        let start = Instant::now();
        loop {
            match store.rename_client(everything(), id, &name, NOW).await {
                Ok(renamed) => break assert_eq!(renamed.unwrap().name, name),
                Err(StoreError::Unavailable(_)) if start.elapsed() < Duration::from_secs(5) => {}
                Err(error) => panic!("{:?}: {error:?}", start.elapsed()),
            }
        }
        // The other connections are as dead as the first one was, and nobody sees that.
        let pings = futures_util::future::join_all((0..10).map(|_| store.ping())).await;
        assert!(pings.into_iter().all(|ping| ping.is_ok()));
    }
}

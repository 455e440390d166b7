//! Collected numbers against a naive oracle: random histories of an n8n, collected in random ways and killed at random moments.
//!
//! A case is a client of its own in a shared database, from a seed: executions that end late, wait, are retried, cancelled, deleted and
//! pruned; an n8n that crashes, is reset, restored from a back-up and moved; clocks that differ; collections that fail, that meet changes
//! between two of their requests, and that are dropped wherever they happen to be. In the end the stored executions and every number are held
//! against what the simulator knows of each run.
//!
//! `FLOWMASTERY_ORACLE_CASES` sets how many cases run on each database (1,000), `FLOWMASTERY_ORACLE_SEED` the first seed (0). A case that
//! fails is named by its seed; what the database does in between is not drawn from it, so that where a kill strikes can differ.

mod case;
mod check;
pub(crate) mod database;
mod n8n;

use std::sync::Arc;

use tokio::{sync::Semaphore, task::JoinSet};

use self::{case::Case, database::Shared};

/// How many cases run at once.
const AT_ONCE: usize = 6;

#[expect(clippy::disallowed_methods, reason = "how many cases is for whoever runs the tests to say")]
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a whole number"))
}

async fn rollups_equal_the_oracle(shared: Shared) {
    let (first, cases) = (setting("FLOWMASTERY_ORACLE_SEED", 0), setting("FLOWMASTERY_ORACLE_CASES", 1000));
    let (shared, room) = (Arc::new(shared), Arc::new(Semaphore::new(AT_ONCE)));
    let mut running = JoinSet::new();
    for seed in first..first + cases {
        let (shared, room) = (shared.clone(), room.clone());
        running.spawn(async move {
            let _turn = room.acquire_owned().await.unwrap();
            let case = tokio::spawn(async move { Case::new(seed, &shared).await.run().await });
            case.await.err().map(|error| (seed, error.to_string()))
        });
    }
    let mut failed = Vec::new();
    while let Some(ended) = running.join_next().await {
        failed.extend(ended.unwrap());
    }
    assert!(
        failed.is_empty(),
        "{} of {cases} cases failed; seeds and what was said: {failed:#?}",
        failed.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollups_equal_the_oracle_on_sqlite() {
    rollups_equal_the_oracle(Shared::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollups_equal_the_oracle_on_postgres() {
    rollups_equal_the_oracle(Shared::postgres().await).await;
}

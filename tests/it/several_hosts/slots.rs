//! The slots of origins, over two connections to one Postgres.

use std::time::Duration;

use flowmastery_core::{clock::Timestamp, store::Term};

use super::host::{Cluster, Host};

const ORIGIN: &str = "https://n8n.acme.com";

/// Ten seconds from so many milliseconds on.
fn term(millis: i64) -> Term {
    let now = Timestamp::from_millis(millis);
    Term { now, until: now.plus(Duration::from_secs(10)) }
}

async fn take(host: &Host, holder: &str, millis: i64) -> bool {
    host.store.take_origin(ORIGIN, holder, term(millis)).await.unwrap()
}

async fn free(host: &Host, holder: &str) {
    host.store.free_origin(ORIGIN, holder).await.unwrap();
}

async fn hosts() -> (Host, Host) {
    let mut cluster = Cluster::new(0, 0).await;
    (cluster.host().await, cluster.host().await)
}

#[tokio::test]
async fn a_slot_is_held_by_one_host_and_that_of_a_killed_one_runs_out() {
    let (ours, theirs) = hosts().await;
    assert!(take(&ours, "ours", 0).await);
    assert!(!take(&theirs, "theirs", 9_999).await);
    assert!(ours.store.keep_origin(ORIGIN, "ours", Timestamp::from_millis(13_000)).await.unwrap());
    assert!(!theirs.store.keep_origin(ORIGIN, "theirs", Timestamp::from_millis(99_000)).await.unwrap());
    free(&theirs, "theirs").await;
    assert!(!take(&theirs, "theirs", 12_999).await);
    assert!(take(&theirs, "theirs", 13_000).await);
    assert!(!ours.store.keep_origin(ORIGIN, "ours", Timestamp::from_millis(99_000)).await.unwrap());
}

#[tokio::test]
async fn a_host_that_asks_much_leaves_the_slot_to_one_that_waits() {
    let (ours, theirs) = hosts().await;
    assert!(take(&ours, "ours", 0).await);
    assert!(!take(&theirs, "theirs", 0).await);
    free(&ours, "ours").await;
    assert!(!take(&ours, "ours", 0).await, "the other one is next");
    assert!(take(&theirs, "theirs", 100).await);
    assert!(!take(&ours, "ours", 100).await);
    free(&theirs, "theirs").await;
    assert!(!take(&theirs, "theirs", 100).await);
    assert!(take(&theirs, "theirs", 600).await, "who is next and does not come loses its turn");
}

#[tokio::test]
async fn a_host_that_waits_no_longer_keeps_nobody_away() {
    let (ours, theirs) = hosts().await;
    assert!(take(&ours, "ours", 0).await);
    assert!(!take(&theirs, "theirs", 0).await);
    free(&theirs, "theirs").await;
    free(&ours, "ours").await;
    assert!(take(&ours, "ours", 0).await);
}

#[tokio::test]
async fn hosts_that_want_a_slot_at_once_get_it_one_by_one() {
    let (ours, theirs) = hosts().await;
    let mut taken = 0;
    for round in 0..20 {
        let (first, second) =
            tokio::join!(take(&ours, "ours", round * 20_000), take(&theirs, "theirs", round * 20_000));
        assert!(!(first && second));
        taken += i32::from(first || second);
    }
    assert_eq!(taken, 20);
}

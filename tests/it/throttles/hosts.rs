//! Hosts that share a Redis count together, and each for itself while that is away.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flowmastery_core::cache::{LayeredCache, MemoryCache, RedisCache};
use flowmastery_tests::{
    backend::Backend,
    redis::Own,
    world::{ADMIN, World},
};
use redis::Commands;

use super::{MINUTE, address, fail, is_held_up, sign_in};

const HOME: &str = "203.0.113.7";

/// What a host waits for Redis.
const AS_EVER: Duration = Duration::from_millis(50);
/// The same where a machine that is busy with other tests is not to look like a Redis that is away.
const PATIENT: Duration = Duration::from_secs(10);

async fn cache(redis: &Own, patience: Duration) -> Arc<LayeredCache> {
    let shared = RedisCache::with_patience(&redis.url().into(), patience).unwrap();
    shared.connect().await.unwrap();
    Arc::new(LayeredCache::new(MemoryCache::default(), shared))
}

/// Two hosts over one database and one Redis.
async fn hosts(redis: &Own, patience: Duration) -> [World; 2] {
    let fresh = Backend::Sqlite.store().await;
    let (one, other) = (cache(redis, patience).await, cache(redis, patience).await);
    let first = World::with(fresh.clone(), |builder| builder.cache(one)).await;
    let second = first.beside(fresh, |builder| builder.cache(other));
    [first, second]
}

#[tokio::test]
async fn hosts_count_failures_together_for_five_minutes() {
    let redis = Own::new();
    let [one, other] = hosts(&redis, PATIENT).await;
    fail(&one, HOME, ADMIN, 5).await;
    fail(&other, HOME, ADMIN, 5).await;
    assert!(is_held_up(&one, HOME, ADMIN).await && is_held_up(&other, HOME, ADMIN).await);
    one.clock.advance(5 * MINUTE);
    assert!(!is_held_up(&one, HOME, ADMIN).await);
    for number in 0..50 {
        fail(&one, &address(number), ADMIN, 1).await;
        fail(&other, &address(number + 100), ADMIN, 1).await;
    }
    assert!(is_held_up(&other, "203.0.113.8", ADMIN).await);
    assert!(!is_held_up(&other, HOME, ADMIN).await, "it signed in from there");
}

#[tokio::test]
async fn of_wrong_passwords_that_race_on_two_hosts_ten_are_verified() {
    let redis = Own::new();
    let hosts = hosts(&redis, PATIENT).await;
    let guesses: Vec<_> = (0..50)
        .map(|guess| {
            let host = hosts[guess % 2].clone();
            tokio::spawn(async move { sign_in(&host, HOME, ADMIN, &format!("guess {guess}")).await })
        })
        .collect();
    let mut verified = 0;
    for guess in guesses {
        verified += u32::from(guess.await.unwrap() == 401);
    }
    assert_eq!(verified, 10);
}

#[tokio::test]
async fn what_redis_holds_names_no_account_and_no_address() {
    let redis = Own::new();
    let [host, _] = hosts(&redis, PATIENT).await;
    fail(&host, HOME, ADMIN, 1).await;
    fail(&host, "2001:db8:1:2::1", ADMIN, 1).await;
    let mut connection = redis::Client::open(redis.url()).unwrap().get_connection().unwrap();
    let keys: Vec<String> = connection.keys("*").unwrap();
    assert_eq!(keys.len(), 5, "{keys:?}");
    for key in keys {
        assert!(!["agency", "203.0", "2001:db8"].iter().any(|part| key.contains(part)), "{key}");
        let left: i64 = connection.pttl(&key).unwrap();
        assert!((1..=300_000).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn without_redis_each_host_counts_for_itself_and_nobody_waits() {
    let mut redis = Own::new();
    let [one, other] = hosts(&redis, AS_EVER).await;
    fail(&one, HOME, ADMIN, 9).await;
    redis.freeze();
    for host in [&one, &other] {
        // The first to notice waits for 50 ms, twice at most; the margin is for a busy machine.
        let start = Instant::now();
        fail(host, HOME, ADMIN, 1).await;
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
        fail(host, HOME, ADMIN, 9).await;
        assert!(is_held_up(host, HOME, ADMIN).await);
    }
    redis.thaw();
}

//! The contract of caches, on the one in this process and on the one before a real Redis, and what becomes of it when Redis is away.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use flowmastery_core::{
    cache::{Attempt, Cache, LayeredCache, Limit, Made, MemoryCache, RedisCache, Room},
    clock::Timestamp,
};
use flowmastery_tests::{
    backend::Backend,
    redis::Own,
    world::{ADMIN, World},
};
use redis::Commands;

const LONG: Duration = Duration::from_secs(60);
/// What a request may wait for Redis, and what a busy machine adds.
const MOMENT: Duration = Duration::from_millis(50 + 200);
/// The longest until Redis is used again.
const RECOVERY: Duration = Duration::from_secs(5);

mod memory {
    use super::*;

    async fn on_fresh_cache(case: impl AsyncFnOnce(Arc<dyn Cache>)) {
        case(Arc::new(MemoryCache::default())).await;
    }

    flowmastery_core::cache_contract!(on_fresh_cache);
}

mod layered_over_redis {
    use super::*;

    /// The Redis of all tests, in which each case has keys of its own.
    async fn on_fresh_cache(case: impl AsyncFnOnce(Arc<dyn Cache>)) {
        case(Arc::new(patient(&flowmastery_tests::redis::url()).await)).await;
    }

    flowmastery_core::cache_contract!(on_fresh_cache);
}

async fn layered(url: &str) -> LayeredCache {
    connected(RedisCache::new(&url.into()).unwrap()).await
}

/// The same for what a machine that is busy with other tests must not disturb.
async fn patient(url: &str) -> LayeredCache {
    connected(RedisCache::with_patience(&url.into(), RECOVERY).unwrap()).await
}

async fn connected(redis: RedisCache) -> LayeredCache {
    redis.connect().await.unwrap();
    LayeredCache::new(MemoryCache::default(), redis)
}

/// What the cache has under a key, else what is given, which it keeps.
async fn get(cache: &dyn Cache, key: &str, made: &'static str) -> Bytes {
    let make = async move { Ok(Made { bytes: Bytes::from_static(made.as_bytes()), keep: true }) };
    cache.get_or_make(key, LONG, Box::pin(make)).await.unwrap()
}

/// An attempt at a second under keys with room for so many.
fn attempt(second: i64, limits: &[(&str, u32)]) -> Attempt {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let limits = limits.iter().map(|(key, most)| Limit { key: (*key).to_owned(), most: *most }).collect();
    let at = Timestamp::from_millis(1_800_000_000_000 + second * 1000);
    Attempt { id: NEXT.fetch_add(1, Ordering::SeqCst).into(), at, window: LONG, limits }
}

/// Fails at a second under a key with room for two, or hears why not.
async fn fail(cache: &dyn Cache, key: &str, second: i64) -> Room {
    let attempt = attempt(second, &[(key, 2)]);
    let room = cache.begin_attempt(&attempt).await[0];
    if room == Room::Free {
        cache.end_attempt(&attempt, true).await;
    }
    room
}

const fn seconds(seconds: u64) -> Room {
    Room::In(Duration::from_secs(seconds))
}

/// Waits until something is so, as long as Redis may take to come back.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < RECOVERY, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn hosts_share_what_one_made_and_count_together() {
    let own = Own::new();
    let (one, other) = (patient(&own.url()).await, patient(&own.url()).await);
    get(&one, "key", "made by one").await;
    let mut redis = redis::Client::open(own.url()).unwrap().get_connection().unwrap();
    until("it is stored", async || redis.exists("flowmastery:key").unwrap()).await;
    assert_eq!(get(&other, "key", "made by the other").await, "made by one");
    let (first, second) = (fail(&one, "c", 0).await, fail(&other, "c", 0).await);
    assert_eq!((first, second), (Room::Free, Room::Free));
    assert_eq!((fail(&one, "c", 0).await, fail(&other, "c", 0).await), (seconds(60), seconds(60)));
    let left: i64 = redis.pttl("flowmastery:c").unwrap();
    assert!(left > 0, "{left}");
}

#[tokio::test]
async fn garbage_under_our_keys_is_a_miss() {
    let own = Own::new();
    let mut redis = redis::Client::open(own.url()).unwrap().get_connection().unwrap();
    let sealed = format!("{}garbage", "0".repeat(64));
    for (key, garbage) in [("a", "short"), ("b", sealed.as_str()), ("c", "")] {
        let () = redis.set(format!("flowmastery:{key}"), garbage).unwrap();
        assert_eq!(get(&patient(&own.url()).await, key, "made").await, "made", "{garbage:?}");
    }
    let () = redis.lpush("flowmastery:list", "garbage").unwrap();
    let () = redis.set("flowmastery:count", "garbage").unwrap();
    let cache = patient(&own.url()).await;
    assert_eq!(get(&cache, "list", "made").await, "made");
    for garbage in ["list", "count"] {
        for expected in [Room::Free, Room::Free, seconds(60)] {
            assert_eq!(fail(&cache, garbage, 0).await, expected, "in this process");
        }
    }
    cache.ping().await.unwrap();
    assert_eq!(fail(&cache, "good", 0).await, Room::Free);
    assert!(redis.exists::<_, bool>("flowmastery:good").unwrap());
}

/// Without Redis everything goes on in this process, at once; when it is back it is used again, by itself.
async fn does_without(own: &mut Own, away: fn(&mut Own), back: fn(&mut Own)) {
    let cache = layered(&own.url()).await;
    assert_eq!(fail(&cache, "counted", 0).await, Room::Free);
    let under_way = attempt(0, &[("counted", 3)]);
    assert_eq!(cache.begin_attempt(&under_way).await, [Room::Free]);
    away(own);
    let start = Instant::now();
    assert_eq!(get(&cache, "key", "made").await, "made");
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..50 {
        assert_eq!(get(&cache, "key", "never made").await, "made");
        assert!(cache.ping().await.is_err());
    }
    cache.end_attempt(&under_way, true).await;
    for expected in [Room::Free, Room::Free, seconds(60)] {
        assert_eq!(fail(&cache, "counted", 0).await, expected);
    }
    assert!(start.elapsed() < MOMENT, "nobody waits any more: {:?}", start.elapsed());
    back(own);
    until("it is used again", async || cache.ping().await.is_ok()).await;
    assert_eq!(fail(&cache, "again", 0).await, Room::Free);
    let mut redis = redis::Client::open(own.url()).unwrap().get_connection().unwrap();
    assert_eq!(redis.zcard::<_, u32>("flowmastery:again").unwrap(), 1);
}

#[tokio::test]
async fn a_redis_that_is_killed_is_done_without_until_it_is_back() {
    does_without(&mut Own::new(), Own::kill, Own::start).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_done_without_until_it_goes_on() {
    does_without(&mut Own::new(), Own::freeze, Own::thaw).await;
}

#[tokio::test]
async fn a_redis_that_never_was_there_is_done_without() {
    // Bound and never accepting: connections hang, which is worse than being refused.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    let redis = RedisCache::new(&url.into()).unwrap();
    assert!(redis.connect().await.is_err());
    let cache = LayeredCache::new(MemoryCache::default(), redis);
    let start = Instant::now();
    assert_eq!(get(&cache, "key", "made").await, "made");
    assert_eq!((fail(&cache, "key", 0).await, cache.ping().await.is_err()), (Room::Free, true));
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
}

#[tokio::test]
async fn health_says_that_redis_is_away_and_requests_go_on() {
    let mut own = Own::new();
    let cache = Arc::new(layered(&own.url()).await);
    let world = World::with(Backend::Sqlite.store().await, |builder| builder.cache(cache)).await;
    let admin = world.sign_in(ADMIN).await;
    let id = world.client(&admin, "Acme Corp").await;
    let cache = async || world.get("/health", &admin).await.json()["cache"]["status"].clone();
    let read = async || world.get(&format!("/api/v1/metrics/client/{id}"), &admin).await;
    let before = read().await;
    before.expect(200);
    assert_eq!(cache().await, "ok");
    own.kill();
    for _ in 0..3 {
        let away = read().await;
        assert_eq!((&away.body, away.header("etag")), (&before.body, before.header("etag")));
    }
    until("it is noticed", async || cache().await == "degraded").await;
    own.start();
    until("it is back", async || cache().await == "ok").await;
    assert_eq!(read().await.body, before.body);
}

#[test]
fn an_address_that_is_no_redis_is_refused_without_repeating_it() {
    let error = RedisCache::new(&"postgres://user:hunter2@host".into()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

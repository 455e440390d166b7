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
    cache::{Cache, LayeredCache, Made, MemoryCache, RedisCache},
    error::{Error, Kind},
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

macro_rules! contract {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(std::sync::Arc::new(super::MemoryCache::default())).await;
            })+
        }
        mod layered {
            $(#[tokio::test]
            async fn $case() {
                super::$case(std::sync::Arc::new(super::layered(&super::shared()).await)).await;
            })+
        }
    };
}

contract! {
    what_was_made_is_kept,
    what_was_made_goes_when_its_time_is_over,
    what_is_not_to_be_kept_is_answered_once,
    an_error_is_answered_and_not_kept,
    one_makes_it_for_all_who_ask_at_once,
    who_gives_up_leaves_it_to_the_next,
    counters_count_up_until_their_window_ends,
    racing_counts_are_all_counted,
}

fn shared() -> String {
    flowmastery_tests::redis::url()
}

async fn layered(url: &str) -> LayeredCache {
    let redis = RedisCache::new(&url.into()).unwrap();
    redis.connect().await.unwrap();
    LayeredCache::new(MemoryCache::default(), redis)
}

/// What the cache has under a key, else what is given, which it keeps.
async fn get(cache: &dyn Cache, key: &str, made: &'static str) -> Bytes {
    get_for(cache, key, made, LONG).await
}

async fn get_for(cache: &dyn Cache, key: &str, made: &'static str, ttl: Duration) -> Bytes {
    let make = async move { Ok(Made { bytes: Bytes::from_static(made.as_bytes()), keep: true }) };
    cache.get_or_make(key, ttl, Box::pin(make)).await.unwrap()
}

async fn what_was_made_is_kept(cache: Arc<dyn Cache>) {
    cache.ping().await.unwrap();
    assert_eq!(get(&*cache, "contract:kept", "first").await, "first");
    assert_eq!(get(&*cache, "contract:kept", "second").await, "first");
    assert_eq!(get(&*cache, "contract:other", "second").await, "second");
}

async fn what_was_made_goes_when_its_time_is_over(cache: Arc<dyn Cache>) {
    let short = Duration::from_millis(1);
    let start = Instant::now();
    get_for(&*cache, "contract:short", "old", short).await;
    while get_for(&*cache, "contract:short", "new", short).await == "old" {
        assert!(start.elapsed() < RECOVERY, "it is still there");
        tokio::task::yield_now().await;
    }
}

async fn what_is_not_to_be_kept_is_answered_once(cache: Arc<dyn Cache>) {
    let make = async { Ok(Made { bytes: Bytes::from_static(b"newer"), keep: false }) };
    assert_eq!(cache.get_or_make("contract:newer", LONG, Box::pin(make)).await.unwrap(), "newer");
    assert_eq!(get(&*cache, "contract:newer", "next").await, "next");
}

async fn an_error_is_answered_and_not_kept(cache: Arc<dyn Cache>) {
    let make = async { Err(Error::not_found("client")) };
    let error = cache.get_or_make("contract:error", LONG, Box::pin(make)).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert_eq!(get(&*cache, "contract:error", "next").await, "next");
}

async fn one_makes_it_for_all_who_ask_at_once(cache: Arc<dyn Cache>) {
    let (made, open) = (Arc::new(AtomicU32::new(0)), Arc::new(tokio::sync::Notify::new()));
    let ask = || {
        let (cache, made, open) = (cache.clone(), made.clone(), open.clone());
        tokio::spawn(async move {
            let make = async move {
                made.fetch_add(1, Ordering::SeqCst);
                open.notified().await;
                Ok(Made { bytes: Bytes::from_static(b"made"), keep: true })
            };
            cache.get_or_make("contract:flight", LONG, Box::pin(make)).await.unwrap()
        })
    };
    let all: Vec<_> = (0..20).map(|_| ask()).collect();
    while made.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    open.notify_one();
    for one in all {
        assert_eq!(one.await.unwrap(), "made");
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

async fn who_gives_up_leaves_it_to_the_next(cache: Arc<dyn Cache>) {
    let (begun, is_begun) = tokio::sync::oneshot::channel();
    let never = {
        let cache = cache.clone();
        tokio::spawn(async move {
            let make = async move {
                begun.send(()).unwrap();
                std::future::pending().await
            };
            cache.get_or_make("contract:given up", LONG, Box::pin(make)).await
        })
    };
    is_begun.await.unwrap();
    let next = tokio::spawn(async move { get(&*cache, "contract:given up", "next").await });
    never.abort();
    assert_eq!(next.await.unwrap(), "next");
}

async fn counters_count_up_until_their_window_ends(cache: Arc<dyn Cache>) {
    assert_eq!(cache.count("contract:count", LONG).await, 1);
    assert_eq!(cache.count("contract:count", LONG).await, 2);
    assert_eq!(cache.count("contract:another count", LONG).await, 1);
    let (window, start) = (Duration::from_millis(20), Instant::now());
    cache.count("contract:short count", window).await;
    while cache.count("contract:short count", window).await > 1 {
        assert!(start.elapsed() < RECOVERY, "counting must not prolong the window");
        tokio::task::yield_now().await;
    }
}

async fn racing_counts_are_all_counted(cache: Arc<dyn Cache>) {
    let count = |cache: Arc<dyn Cache>| async move { cache.count("contract:race", LONG).await };
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(count(cache.clone()))).collect();
    let mut counts = Vec::new();
    for task in tasks {
        counts.push(task.await.unwrap());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=50).collect::<Vec<_>>());
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
    let (one, other) = (layered(&own.url()).await, layered(&own.url()).await);
    get(&one, "key", "made by one").await;
    let mut redis = redis::Client::open(own.url()).unwrap().get_connection().unwrap();
    until("it is stored", async || redis.exists("flowmastery:key").unwrap()).await;
    assert_eq!(get(&other, "key", "made by the other").await, "made by one");
    assert_eq!((one.count("c", LONG).await, other.count("c", LONG).await), (1, 2));
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
        assert_eq!(get(&layered(&own.url()).await, key, "made").await, "made", "{garbage:?}");
    }
    let () = redis.lpush("flowmastery:list", "garbage").unwrap();
    let () = redis.set("flowmastery:count", "garbage").unwrap();
    let cache = layered(&own.url()).await;
    assert_eq!(get(&cache, "list", "made").await, "made");
    assert_eq!((cache.count("list", LONG).await, cache.count("count", LONG).await), (1, 1));
    assert_eq!(cache.count("count", LONG).await, 2, "in this process");
    cache.ping().await.unwrap();
    assert_eq!(cache.count("good", LONG).await, 1);
}

/// Without Redis everything goes on in this process, at once; when it is back it is used again, by itself.
async fn does_without(own: &mut Own, away: fn(&mut Own), back: fn(&mut Own)) {
    let cache = layered(&own.url()).await;
    assert_eq!(cache.count("counted", LONG).await, 1);
    away(own);
    let start = Instant::now();
    assert_eq!(get(&cache, "key", "made").await, "made");
    assert!(start.elapsed() < MOMENT, "{:?}", start.elapsed());
    let start = Instant::now();
    for _ in 0..50 {
        assert_eq!(get(&cache, "key", "never made").await, "made");
        assert!(cache.ping().await.is_err());
    }
    assert_eq!((cache.count("counted", LONG).await, cache.count("counted", LONG).await), (1, 2));
    assert!(start.elapsed() < MOMENT, "nobody waits any more: {:?}", start.elapsed());
    back(own);
    until("it is used again", async || cache.ping().await.is_ok()).await;
    assert_eq!(cache.count("again", LONG).await, 1);
    let mut redis = redis::Client::open(own.url()).unwrap().get_connection().unwrap();
    assert_eq!(redis.get::<_, u32>("flowmastery:again").unwrap(), 1);
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
    assert_eq!((cache.count("key", LONG).await, cache.ping().await.is_err()), (1, true));
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

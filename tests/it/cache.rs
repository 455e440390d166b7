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
                super::$case(std::sync::Arc::new(super::patient(&super::shared()).await)).await;
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
    what_failed_counts_until_its_window_has_passed,
    what_did_not_fail_is_taken_back,
    what_one_limit_refuses_is_counted_by_none,
    what_is_under_way_may_leave_room_or_have_failed,
    of_racing_attempts_as_many_as_fit_are_noted,
}

fn shared() -> String {
    flowmastery_tests::redis::url()
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

async fn what_failed_counts_until_its_window_has_passed(cache: Arc<dyn Cache>) {
    for (second, expected) in [
        (0, Room::Free),
        (50, Room::Free),
        (50, seconds(10)),
        (59, seconds(1)),
        (60, Room::Free),
        (61, seconds(49)),
        (110, Room::Free),
        (119, seconds(1)),
        (200, Room::Free),
    ] {
        assert_eq!(fail(&*cache, "contract:window", second).await, expected, "{second}");
    }
    assert_eq!(fail(&*cache, "contract:another window", 200).await, Room::Free);
}

async fn what_did_not_fail_is_taken_back(cache: Arc<dyn Cache>) {
    for _ in 0..5 {
        let attempt = attempt(0, &[("contract:success", 1)]);
        assert_eq!(cache.begin_attempt(&attempt).await, [Room::Free]);
        cache.end_attempt(&attempt, false).await;
    }
    cache.end_attempt(&attempt(0, &[("contract:never begun", 1)]), true).await;
    assert_eq!(cache.begin_attempt(&attempt(0, &[("contract:never begun", 1)])).await, [Room::Free]);
}

async fn what_one_limit_refuses_is_counted_by_none(cache: Arc<dyn Cache>) {
    for _ in 0..2 {
        assert_eq!(fail(&*cache, "contract:narrow", 0).await, Room::Free);
    }
    for _ in 0..5 {
        let refused = attempt(1, &[("contract:wide", 3), ("contract:narrow", 2), ("contract:other", 3)]);
        assert_eq!(cache.begin_attempt(&refused).await, [Room::Free, seconds(59), Room::Free]);
        cache.end_attempt(&refused, true).await;
    }
    for _ in 0..3 {
        let wide = attempt(1, &[("contract:wide", 3), ("contract:other", 3)]);
        assert_eq!(cache.begin_attempt(&wide).await, [Room::Free, Room::Free]);
        cache.end_attempt(&wide, true).await;
    }
}

async fn what_is_under_way_may_leave_room_or_have_failed(cache: Arc<dyn Cache>) {
    let under_way = attempt(0, &[("contract:under way", 2)]);
    assert_eq!(cache.begin_attempt(&under_way).await, [Room::Free]);
    assert_eq!(fail(&*cache, "contract:under way", 1).await, Room::Free);
    assert_eq!(fail(&*cache, "contract:under way", 9).await, Room::Soon);
    assert_eq!(fail(&*cache, "contract:under way", 10).await, seconds(50), "nobody heard of it");
    cache.end_attempt(&under_way, false).await;
    assert_eq!(fail(&*cache, "contract:under way", 10).await, Room::Free, "but late");
}

async fn of_racing_attempts_as_many_as_fit_are_noted(cache: Arc<dyn Cache>) {
    let begin = |cache: Arc<dyn Cache>| async move {
        let attempt = attempt(0, &[("contract:race", 10), ("contract:race of more", 20)]);
        cache.begin_attempt(&attempt).await == [Room::Free, Room::Free]
    };
    let tasks: Vec<_> = (0..50).map(|_| tokio::spawn(begin(cache.clone()))).collect();
    let mut noted = 0;
    for task in tasks {
        noted += u32::from(task.await.unwrap());
    }
    assert!((1..=10).contains(&noted), "{noted}");
    // Some may have stood in the way of others for a moment, but none does for good.
    while begin(cache.clone()).await {
        noted += 1;
    }
    assert_eq!(noted, 10);
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

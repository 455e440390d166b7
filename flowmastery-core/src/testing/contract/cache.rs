//! The contract of [`crate::cache::Cache`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use flowmastery_core::cache::{Cache, MemoryCache};
//!
//! /// Makes an empty cache, hands it to the case, and clears up.
//! async fn on_fresh_cache(case: impl AsyncFnOnce(Arc<dyn Cache>)) {
//!     case(Arc::new(MemoryCache::default())).await;
//! }
//!
//! flowmastery_core::cache_contract!(on_fresh_cache);
//! # fn main() {}
//! ```
//!
//! Keys of the cases begin with `contract:` and differ from case to case, so that one empty cache may serve them all. Whether hosts count together
//! over a shared cache, and what becomes of them while it is away, is for its own tests: here is one host.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{sync::Semaphore, time::timeout};

use super::suite;
use crate::{
    cache::{Attempt, Cache, Limit, Made, Room},
    clock::Timestamp,
    error::{Error, Kind},
};

const LONG: Duration = Duration::from_secs(60);
/// The longest that anything may take here before its case fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// The longest that what is over may still be there.
const EXPIRY: Duration = Duration::from_secs(5);

/// What the cache has under a key, else what is given, which it keeps.
async fn get(cache: &dyn Cache, key: &str, made: &'static str) -> Bytes {
    get_for(cache, key, made.as_bytes(), LONG).await
}

async fn get_for(cache: &dyn Cache, key: &str, made: &'static [u8], ttl: Duration) -> Bytes {
    let make = async move { Ok(Made { bytes: Bytes::from_static(made), keep: true }) };
    let asked = cache.get_or_make(key, ttl, Box::pin(make));
    timeout(PATIENCE, asked).await.expect("an answer in time").unwrap()
}

async fn what_was_made_is_kept(cache: Arc<dyn Cache>) {
    cache.ping().await.unwrap();
    assert_eq!(get(&*cache, "contract:kept", "first").await, "first");
    assert_eq!(get(&*cache, "contract:kept", "second").await, "first");
    assert_eq!(get(&*cache, "contract:other", "second").await, "second");
}

async fn what_is_at_hand_is_what_was_kept(cache: Arc<dyn Cache>) {
    let at_hand = |key: &str, kept: &'static str| {
        // Nobody has to have anything at hand.
        assert!(cache.at_hand(key).is_none_or(|found| !kept.is_empty() && found == kept), "{key}");
    };
    at_hand("contract:hand", "");
    get(&*cache, "contract:hand", "first").await;
    get(&*cache, "contract:hand", "second").await;
    at_hand("contract:hand", "first");
    at_hand("contract:hand2", "");
    let make = async { Ok(Made { bytes: Bytes::from_static(b"newer"), keep: false }) };
    cache.get_or_make("contract:hand3", LONG, Box::pin(make)).await.unwrap();
    at_hand("contract:hand3", "");
}

async fn keys_are_any_text_and_answers_any_bytes(cache: Arc<dyn Cache>) {
    const EVERY_BYTE: &[u8] = &{
        let (mut bytes, mut next) = ([0; 256], 0_u8);
        while next < 255 {
            bytes[next as usize] = next;
            next += 1;
        }
        bytes[255] = next;
        bytes
    };
    let long = format!("contract:{}", "long ".repeat(400));
    let keys = ["contract:two\r\nlines", "contract:two  words", "contract:ключ \u{1f511} %0a *", &long];
    for (key, answer) in keys.into_iter().zip([EVERY_BYTE, b"", EVERY_BYTE, b"x"]) {
        assert_eq!(get_for(&*cache, key, answer, LONG).await, answer, "{key:?}");
        assert_eq!(get_for(&*cache, key, b"another", LONG).await, answer, "{key:?}");
    }
    assert_eq!(get(&*cache, "contract:two words", "its own").await, "its own");
}

async fn what_was_made_goes_when_its_time_is_over(cache: Arc<dyn Cache>) {
    let short = Duration::from_millis(1);
    let start = Instant::now();
    get_for(&*cache, "contract:short", b"old", short).await;
    while get_for(&*cache, "contract:short", b"new", short).await == "old" {
        assert!(start.elapsed() < EXPIRY, "it is still there");
        tokio::time::sleep(short).await;
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
    let (made, open) = (Arc::new(AtomicU32::new(0)), Arc::new(Semaphore::new(0)));
    let ask = || {
        let (cache, made, open) = (cache.clone(), made.clone(), open.clone());
        tokio::spawn(async move {
            let make = async move {
                made.fetch_add(1, Ordering::SeqCst);
                open.acquire().await.unwrap().forget();
                Ok(Made { bytes: Bytes::from_static(b"made"), keep: true })
            };
            cache.get_or_make("contract:flight", LONG, Box::pin(make)).await.unwrap()
        })
    };
    let all: Vec<_> = (0..20).map(|_| ask()).collect();
    let start = Instant::now();
    while made.load(Ordering::SeqCst) == 0 {
        assert!(start.elapsed() < PATIENCE, "nobody makes it");
        tokio::task::yield_now().await;
    }
    // The others get their chance to make it, too.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    open.add_permits(20);
    for one in all {
        assert_eq!(timeout(PATIENCE, one).await.expect("an answer in time").unwrap(), "made");
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
        let refused =
            attempt(1, &[("contract:wide", 3), ("contract:narrow", 2), ("contract:other limit", 3)]);
        assert_eq!(cache.begin_attempt(&refused).await, [Room::Free, seconds(59), Room::Free]);
        cache.end_attempt(&refused, true).await;
    }
    for _ in 0..3 {
        let wide = attempt(1, &[("contract:wide", 3), ("contract:other limit", 3)]);
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
    while noted <= 10 && begin(cache.clone()).await {
        noted += 1;
    }
    assert_eq!(noted, 10);
}

suite! { $ cache_contract in cache of std::sync::Arc<dyn crate::cache::Cache>:
    what_was_made_is_kept,
    what_is_at_hand_is_what_was_kept,
    keys_are_any_text_and_answers_any_bytes,
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

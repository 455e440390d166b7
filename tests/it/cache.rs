//! The contract of caches, on the one in this process and on a real Redis.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use flowmastery_core::cache::{Cache, MemoryCache, RedisCache};

const LONG: Duration = Duration::from_secs(60);

macro_rules! contract {
    ($($backend:ident: $cache:expr;)*) => {$(
        mod $backend {
            use super::*;

            #[tokio::test]
            async fn what_was_put_is_got() {
                super::what_was_put_is_got($cache).await;
            }

            #[tokio::test]
            async fn what_was_put_goes_when_its_time_is_over() {
                super::what_was_put_goes_when_its_time_is_over($cache).await;
            }
        }
    )*};
}

contract! {
    memory: Arc::new(MemoryCache::default());
    redis: Arc::new(RedisCache::new(&flowmastery_tests::redis::url().into()).unwrap());
}

async fn what_was_put_is_got(cache: Arc<dyn Cache>) {
    cache.ping().await.unwrap();
    assert_eq!(cache.get("contract:put").await, None);
    let bytes = Bytes::from_static(b"\x00\xff bytes, not text");
    cache.put("contract:put", bytes.clone(), LONG).await;
    assert_eq!(cache.get("contract:put").await, Some(bytes));
    assert_eq!(cache.get("contract:other").await, None);
    cache.put("contract:put", Bytes::from_static(b"newer"), LONG).await;
    assert_eq!(cache.get("contract:put").await, Some(Bytes::from_static(b"newer")));
}

async fn what_was_put_goes_when_its_time_is_over(cache: Arc<dyn Cache>) {
    cache.put("contract:short", Bytes::from_static(b"short"), Duration::from_millis(1)).await;
    let start = Instant::now();
    while cache.get("contract:short").await.is_some() {
        assert!(start.elapsed() < Duration::from_secs(10), "it is still there");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_redis_that_is_away_is_a_miss_within_a_moment() {
    // Bound and never accepting: connections hang, which is worse than being refused.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}/0", listener.local_addr().unwrap());
    let cache = RedisCache::new(&url.into()).unwrap();
    let start = Instant::now();
    assert_eq!(cache.get("key").await, None);
    cache.put("key", Bytes::from_static(b"value"), LONG).await;
    assert!(cache.ping().await.is_err());
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn an_address_that_is_no_redis_is_refused_without_repeating_it() {
    let error = RedisCache::new(&"postgres://user:hunter2@host".into()).unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}

//! What is remembered is never older than the feed allows, also when loads and changes race.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    clock::Timestamp,
    id::{ClientId, UserId},
    model::client::{ClientName, NewClient},
    store::sql::{SqlConfig, SqlStore},
};

/// A clock that measures what it is told, and so much more with every look.
#[derive(Debug, Default)]
struct Measured(AtomicU64, AtomicU64);

impl Clock for Measured {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(0)
    }

    fn elapsed(&self) -> Duration {
        let step = self.1.load(Ordering::Relaxed);
        Duration::from_millis(self.0.fetch_add(step, Ordering::Relaxed))
    }
}

/// A host that remembers how often each client was loaded.
struct Host {
    store: Arc<SqlStore>,
    clock: Arc<Measured>,
    feed: Arc<ChangeFeed>,
    clients: Remembered<ClientId, u32>,
}

impl Row for u32 {
    fn hangs_on(&self) -> Option<Change> {
        Some(Change::User(UserId(i64::from(*self))))
    }
}

const FIRST: ClientId = ClientId(1);

impl Host {
    async fn new() -> Self {
        let store = Arc::new(SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap());
        store.migrate_up().await.unwrap();
        let clock = Arc::new(Measured::default());
        let feed = Arc::new(ChangeFeed::new(store.clone(), clock.clone()));
        let clients = Remembered::new(&feed, 10, |change| match change {
            Change::Client(id) => Touched::One(id),
            Change::Session(_) => Touched::Nothing,
            Change::User(_) => Touched::Dependent,
        });
        Self { store, clock, feed, clients }
    }

    /// A client is made, which is a change of it.
    async fn make_client(&self) {
        let name = ClientName::parse("Acme").unwrap();
        let created_at = Timestamp::from_millis(0);
        let new = NewClient { name, created_by_admin_id: None, created_at };
        crate::store::ClientStore::create_client(self.store.as_ref(), None, new).await.unwrap();
    }

    /// What is remembered of the first client, else `load`, while which something happens.
    async fn get(&self, load: u32, meanwhile: impl AsyncFnOnce()) -> u32 {
        let load = async {
            meanwhile().await;
            Ok::<_, ()>(Some(load))
        };
        self.clients.get_or_load(FIRST, |_| true, load).await.unwrap().unwrap()
    }

    async fn plain(&self, load: u32) -> u32 {
        self.get(load, async || {}).await
    }
}

#[tokio::test]
async fn without_a_feed_that_is_read_everything_is_loaded() {
    let host = Host::new().await;
    assert_eq!((host.plain(1).await, host.plain(2).await), (1, 2));
    host.feed.read().await.unwrap();
    assert_eq!((host.plain(3).await, host.plain(4).await), (3, 3));
    host.clock.0.store(999, Ordering::Relaxed);
    assert_eq!(host.plain(5).await, 3);
    host.clock.0.store(1000, Ordering::Relaxed);
    assert_eq!((host.plain(6).await, host.plain(7).await), (6, 7), "the last read is a second ago");
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(8).await, 8, "7 was answered, and nobody is taken back to what was before it");
    assert_eq!(host.plain(9).await, 8);
}

#[tokio::test]
async fn what_changed_is_loaded_again() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(1).await, 1);
    host.make_client().await;
    assert_eq!(host.plain(2).await, 1, "the feed was not read since");
    host.feed.read().await.unwrap();
    assert_eq!((host.plain(3).await, host.plain(4).await), (3, 3));
    for change in [Change::User(UserId(2)), Change::Client(ClientId(9))] {
        host.feed.forget(change);
        assert_eq!(host.plain(5).await, 3, "{change:?} is another");
    }
    for (change, load) in [(Change::Client(FIRST), 6), (Change::User(UserId(6)), 7)] {
        host.feed.forget(change);
        assert_eq!(host.plain(load).await, load, "{change:?}");
    }
    host.feed.forget_all();
    assert_eq!(host.plain(8).await, 8);
}

#[tokio::test]
async fn a_value_from_before_a_change_is_not_remembered_after_it() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    let changed_and_read = async || {
        host.make_client().await;
        host.feed.read().await.unwrap();
    };
    assert_eq!(host.get(1, changed_and_read).await, 1, "it was right when it was asked for");
    assert_eq!(host.plain(2).await, 2);
    host.feed.forget(Change::Client(FIRST));
    assert_eq!(host.get(3, async || host.feed.forget(Change::Client(FIRST))).await, 3);
    assert_eq!(host.plain(4).await, 4);
    host.feed.forget_all();
    assert_eq!(host.get(5, async || host.feed.read().await.unwrap()).await, 5);
    assert_eq!(host.plain(6).await, 5, "a read that finds nothing takes nothing away");
}

#[tokio::test]
async fn after_a_read_that_failed_everything_is_forgotten() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(1).await, 1);
    host.store.migrate_down(Some(0)).await.unwrap();
    assert!(host.feed.read().await.is_err());
    host.store.migrate_up().await.unwrap();
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(2).await, 2);
}

#[tokio::test]
async fn what_was_put_in_after_a_change_stays_though_it_hangs_on_the_same() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(1).await, 1);
    let both = [Change::User(UserId(1)), Change::User(UserId(2))];
    host.feed.apply(Some(&both), None);
    assert_eq!((host.plain(2).await, host.plain(3).await), (2, 2));
    host.feed.forget(Change::User(UserId(1)));
    assert_eq!(host.plain(4).await, 2);
    host.feed.forget(Change::User(UserId(2)));
    assert_eq!(host.plain(5).await, 5);
}

#[tokio::test]
async fn five_minutes_later_it_is_loaded_again_whatever_the_feed_says() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(1).await, 1);
    for (seconds, expected) in [(299, 1), (300, 3)] {
        host.clock.0.store(seconds * 1000, Ordering::Relaxed);
        host.feed.read().await.unwrap();
        assert_eq!(host.plain(3).await, expected, "after {seconds} s");
    }
}

#[tokio::test]
async fn a_read_that_took_a_second_has_failed() {
    let host = Host::new().await;
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(1).await, 1);
    host.clock.1.store(1000, Ordering::Relaxed);
    assert!(host.feed.read().await.is_err());
    assert_eq!(host.plain(2).await, 2, "nothing that is remembered may be used");
    host.clock.1.store(0, Ordering::Relaxed);
    host.feed.read().await.unwrap();
    assert_eq!(host.plain(3).await, 3, "what was remembered before is forgotten");
}

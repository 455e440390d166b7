//! Attempts that are counted under keys: what throttles are made of, and the counts of one process.
//!
//! An attempt is noted before it is made, so that those which race are counted, and taken back or kept when its outcome is known. Windows
//! slide: an attempt counts until the window has passed since it was made.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use moka::{future, policy::EvictionPolicy};

use crate::clock::Timestamp;

/// The most keys at once, of which those go that were not used for the longest.
const KEYS: u64 = 100_000;
/// Longer than any window.
const IDLE: Duration = Duration::from_secs(60 * 60);

/// How long an attempt may be under way. One whose outcome nobody heard by then has failed: a caller may go away on purpose.
pub const UNDER_WAY: Duration = Duration::from_secs(10);

/// How many attempts there may be under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The key.
    pub key: String,
    /// The most that count within the window.
    pub most: u32,
}

/// One attempt.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// By which it is found when it ends.
    pub id: u128,
    /// When.
    pub at: Timestamp,
    /// How long it counts.
    pub window: Duration,
    /// Under which keys, and how many there may be.
    pub limits: Vec<Limit>,
}

/// What a limit says to one more attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// It may be made.
    Free,
    /// So many are under way that it depends on how they end.
    Soon,
    /// So many failed that there is no room for so long.
    In(Duration),
}

/// The attempts of this process, by key.
#[derive(Clone, Debug)]
pub(super) struct Attempts(future::Cache<String, Arc<Log>>);

impl Default for Attempts {
    fn default() -> Self {
        // The least recently used: else what is new goes first, and a flood of keys would keep others from being counted.
        let cache = future::Cache::builder().max_capacity(KEYS).eviction_policy(EvictionPolicy::lru());
        Self(cache.time_to_idle(IDLE).build())
    }
}

impl Attempts {
    /// As [`super::Cache::begin_attempt`].
    pub(super) async fn begin(&self, attempt: &Attempt) -> Vec<Room> {
        let mut rooms = Vec::with_capacity(attempt.limits.len());
        for limit in &attempt.limits {
            // Without making a key: one that is refused must not push out those by which it is.
            let log = self.0.get(limit.key.as_str()).await.unwrap_or_default();
            rooms.push(log.room(attempt, limit.most));
        }
        if rooms.iter().any(|room| *room != Room::Free) {
            return rooms;
        }
        rooms.clear();
        for limit in &attempt.limits {
            let log = self.0.entry_by_ref(limit.key.as_str()).or_default().await.into_value();
            rooms.push(log.note(attempt, limit.most));
        }
        // One that raced may have taken the last room.
        if rooms.iter().any(|room| *room != Room::Free) {
            self.end(attempt, false).await;
        }
        rooms
    }

    /// As [`super::Cache::end_attempt`].
    pub(super) async fn end(&self, attempt: &Attempt, failed: bool) {
        for limit in &attempt.limits {
            if let Some(log) = self.0.get(limit.key.as_str()).await {
                log.end(attempt.id, failed);
            }
        }
    }
}

/// The attempts under one key.
#[derive(Debug, Default)]
struct Log(Mutex<Vec<Noted>>);

#[derive(Clone, Copy, Debug)]
struct Noted {
    id: u128,
    at: Timestamp,
    failed: bool,
}

impl Log {
    /// Notes an attempt if there is room for it.
    fn note(&self, attempt: &Attempt, most: u32) -> Room {
        let mut noted = self.noted();
        let room = Self::room_in(&mut noted, attempt, most);
        if room == Room::Free {
            noted.push(Noted { id: attempt.id, at: attempt.at, failed: false });
        }
        room
    }

    /// What there is to an attempt that is not noted.
    fn room(&self, attempt: &Attempt, most: u32) -> Room {
        Self::room_in(&mut self.noted(), attempt, most)
    }

    fn room_in(noted: &mut Vec<Noted>, attempt: &Attempt, most: u32) -> Room {
        noted.retain(|one| one.at.plus(attempt.window) > attempt.at);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if noted.len() < most {
            return Room::Free;
        }
        let has_failed = |one: &&Noted| one.failed || one.at.plus(UNDER_WAY) <= attempt.at;
        let mut failed: Vec<_> = noted.iter().filter(has_failed).map(|one| one.at).collect();
        failed.sort_unstable();
        // With that one gone, one fewer than the most is left.
        let leaves = failed.len().checked_sub(most).and_then(|place| failed.get(place));
        leaves.map_or(Room::Soon, |at| Room::In(at.plus(attempt.window).since(attempt.at)))
    }

    fn end(&self, id: u128, failed: bool) {
        let mut noted = self.noted();
        if failed {
            noted.iter_mut().filter(|one| one.id == id).for_each(|one| one.failed = true);
        } else {
            noted.retain(|one| one.id != id);
        }
    }

    fn noted(&self) -> MutexGuard<'_, Vec<Noted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn attempts_that_are_refused_make_no_keys_and_push_out_none() {
        let attempts = Attempts::default();
        let attempt = |id: u128, keys: &[&str]| Attempt {
            id,
            at: Timestamp::from_millis(0),
            window: Duration::from_secs(300),
            limits: keys.iter().map(|key| Limit { key: (*key).to_owned(), most: 1 }).collect(),
        };
        let first = attempt(0, &["full"]);
        assert_eq!(attempts.begin(&first).await, [Room::Free]);
        attempts.end(&first, true).await;
        for id in 1..100 {
            let rooms = attempts.begin(&attempt(id, &[&format!("fresh {id}"), "full"])).await;
            assert_eq!(rooms, [Room::Free, Room::In(Duration::from_secs(300))]);
        }
        attempts.0.run_pending_tasks().await;
        assert_eq!(attempts.0.entry_count(), 1);
    }
}

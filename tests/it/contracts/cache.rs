//! Caches that break their contract, one rule each.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use flowmastery_core::{
    cache::{Attempt, Cache, Made, Making, MemoryCache, Room},
    error::{BoxError, Result},
    testing::contract::cache::cases,
};
use tokio::sync::Mutex;

use super::fails;

/// What a cache does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    KeepsNothing,
    KeepsForever,
    KeepsWhatIsNewer,
    KeepsErrors,
    LetsEachMake,
    BlocksWhenAMakerLeaves,
    CutsKeys,
    CutsAnswers,
    HasRoomForAll,
    TakesNothingBack,
    ForgetsWhatFailed,
    CountsWhatItRefuses,
    NeverGivesUpAnAttempt,
}

#[derive(Debug)]
struct Faulty {
    fault: Fault,
    good: MemoryCache,
    kept: Mutex<HashMap<String, Result<Bytes>>>,
}

fn faulty(fault: Fault) -> Arc<dyn Cache> {
    Arc::new(Faulty { fault, good: MemoryCache::default(), kept: Mutex::default() })
}

#[async_trait]
impl Cache for Faulty {
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<Bytes> {
        const LONG: Duration = Duration::from_secs(60);
        match self.fault {
            Fault::KeepsNothing => make.await.map(|made| made.bytes),
            Fault::KeepsForever => self.good.get_or_make(key, LONG, make).await,
            Fault::KeepsWhatIsNewer => {
                let make = async { make.await.map(|made| Made { keep: true, ..made }) };
                self.good.get_or_make(key, ttl, Box::pin(make)).await
            }
            Fault::CutsAnswers => {
                let until_zero = |bytes: Bytes| bytes.split(|byte| *byte == 0).next().unwrap().to_vec();
                let make =
                    async { make.await.map(|made| Made { bytes: until_zero(made.bytes).into(), ..made }) };
                self.good.get_or_make(key, ttl, Box::pin(make)).await
            }
            Fault::CutsKeys => {
                let first = key.split_whitespace().next().unwrap();
                self.good.get_or_make(first, ttl, make).await
            }
            Fault::KeepsErrors | Fault::BlocksWhenAMakerLeaves => {
                let mut kept = self.kept.lock().await;
                if let Some(answer) = kept.get(key) {
                    return answer.clone();
                }
                if self.fault == Fault::BlocksWhenAMakerLeaves {
                    kept.insert(key.to_owned(), Ok(Bytes::from_static(b"being made")));
                }
                let answer = make.await.map(|made| made.bytes);
                kept.insert(key.to_owned(), answer.clone());
                answer
            }
            Fault::LetsEachMake => {
                if let Some(answer) = self.kept.lock().await.get(key) {
                    return answer.clone();
                }
                let answer = make.await.map(|made| made.bytes);
                self.kept.lock().await.insert(key.to_owned(), answer.clone());
                answer
            }
            _ => self.good.get_or_make(key, ttl, make).await,
        }
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        match self.fault {
            Fault::HasRoomForAll => vec![Room::Free; attempt.limits.len()],
            Fault::CountsWhatItRefuses => {
                let mut rooms = Vec::new();
                for limit in &attempt.limits {
                    let alone = Attempt { limits: vec![limit.clone()], ..attempt.clone() };
                    rooms.extend(self.good.begin_attempt(&alone).await);
                }
                rooms
            }
            Fault::NeverGivesUpAnAttempt => {
                let rooms = self.good.begin_attempt(attempt).await;
                let soon = |room| if matches!(room, Room::In(_)) { Room::Soon } else { room };
                rooms.into_iter().map(soon).collect()
            }
            _ => self.good.begin_attempt(attempt).await,
        }
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        match self.fault {
            Fault::TakesNothingBack => self.good.end_attempt(attempt, true).await,
            Fault::ForgetsWhatFailed => self.good.end_attempt(attempt, false).await,
            _ => self.good.end_attempt(attempt, failed).await,
        }
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_cache_that_answers_wrongly_is_caught() {
    use cases::*;
    assert!(fails(what_was_made_is_kept(faulty(Fault::KeepsNothing))).await);
    assert!(fails(keys_are_any_text_and_answers_any_bytes(faulty(Fault::CutsKeys))).await);
    assert!(fails(keys_are_any_text_and_answers_any_bytes(faulty(Fault::CutsAnswers))).await);
    assert!(fails(what_was_made_goes_when_its_time_is_over(faulty(Fault::KeepsForever))).await);
    assert!(fails(what_is_not_to_be_kept_is_answered_once(faulty(Fault::KeepsWhatIsNewer))).await);
    assert!(fails(an_error_is_answered_and_not_kept(faulty(Fault::KeepsErrors))).await);
    assert!(fails(one_makes_it_for_all_who_ask_at_once(faulty(Fault::LetsEachMake))).await);
    assert!(fails(who_gives_up_leaves_it_to_the_next(faulty(Fault::BlocksWhenAMakerLeaves))).await);
}

#[tokio::test]
async fn a_cache_that_counts_wrongly_is_caught() {
    use cases::*;
    assert!(fails(what_failed_counts_until_its_window_has_passed(faulty(Fault::ForgetsWhatFailed))).await);
    assert!(fails(what_did_not_fail_is_taken_back(faulty(Fault::TakesNothingBack))).await);
    assert!(fails(what_one_limit_refuses_is_counted_by_none(faulty(Fault::CountsWhatItRefuses))).await);
    let never = faulty(Fault::NeverGivesUpAnAttempt);
    assert!(fails(what_is_under_way_may_leave_room_or_have_failed(never)).await);
    assert!(fails(of_racing_attempts_as_many_as_fit_are_noted(faulty(Fault::HasRoomForAll))).await);
}

#[tokio::test]
async fn the_same_cache_without_a_fault_is_not() {
    assert!(!fails(cases::what_was_made_is_kept(faulty(Fault::Nothing))).await);
    assert!(!fails(cases::of_racing_attempts_as_many_as_fit_are_noted(faulty(Fault::Nothing))).await);
}

//! The contract of [`crate::store::SessionStore`].

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    id::{SessionId, UserId},
    model::{
        session::{Rotation, TokenHash},
        user::UserPatch,
    },
    store::Store,
};

const WEEK: i64 = 7 * 24 * 60;

/// Rotates `presented` into `next` at a minute.
async fn rotate(store: &Arc<dyn Store>, presented: &str, next: &str, at: i64) -> Rotation {
    store.rotate_refresh(&TokenHash::of(presented), session(next, minute(at))).await.unwrap()
}

async fn is_rotated(store: &Arc<dyn Store>, presented: &str, next: &str, at: i64) -> bool {
    matches!(rotate(store, presented, next, at).await, Rotation::Rotated { .. })
}

async fn is_refused(store: &Arc<dyn Store>, presented: &str, next: &str, at: i64) -> bool {
    matches!(rotate(store, presented, next, at).await, Rotation::Refused)
}

async fn open(store: &Arc<dyn Store>) -> (SessionId, UserId) {
    let anna = admin(store, "anna").await;
    let (id, _) =
        store.open_session(anna.id, &hash_of("anna"), session("first", minute(5))).await.unwrap().unwrap();
    (id, anna.id)
}

async fn sign_in_opens_a_session_and_is_noted(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let (id, user) =
        store.open_session(anna.id, &hash_of("anna"), session("first", minute(5))).await.unwrap().unwrap();
    assert_eq!(user.last_login, Some(minute(5)));
    assert_eq!(store.find_session_user(id, minute(6)).await.unwrap(), Some((user, minute(WEEK + 5))));
}

async fn password_that_was_replaced_meanwhile_opens_no_session(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    store.replace_password_hash(anna.id, &hash_of("anna"), &"newer".into()).await.unwrap();
    let late = store.open_session(anna.id, &hash_of("anna"), session("late", minute(5))).await.unwrap();
    assert!(late.is_none() && is_refused(&store, "late", "next", 6).await);
    assert_eq!(store.find_user(ALL, anna.id).await.unwrap().unwrap().last_login, None);
    assert!(
        store.open_session(anna.id, &"newer".into(), session("first", minute(7))).await.unwrap().is_some()
    );
}

async fn users_who_may_not_sign_in_get_no_session(store: Arc<dyn Store>) {
    assert!(
        store.open_session(UserId(9), &hash_of("anna"), session("none", minute(5))).await.unwrap().is_none()
    );
    let acme = client(&store, "acme").await;
    let (_, carl) = client_user(&store, acme, "carl").await;
    let (_, dora) = client_user(&store, acme, "dora").await;
    let deactivate = UserPatch { is_active: Some(false), role: None };
    store.update_user(ALL, carl.id, deactivate, minute(2)).await.unwrap();
    assert!(
        store.open_session(carl.id, &THEIRS.into(), session("inactive", minute(5))).await.unwrap().is_none()
    );
    store.delete_client(ALL, acme, minute(3)).await.unwrap();
    assert!(
        store.open_session(dora.id, &THEIRS.into(), session("deleted", minute(5))).await.unwrap().is_none()
    );
    assert!(
        is_refused(&store, "inactive", "next", 6).await && is_refused(&store, "deleted", "next", 6).await
    );
}

async fn expired_session_has_no_user_and_cannot_be_refreshed(store: Arc<dyn Store>) {
    let (id, user) = open(&store).await;
    assert!(store.find_session_user(id, minute(WEEK + 4)).await.unwrap().is_some());
    assert!(store.find_session_user(id, minute(WEEK + 5)).await.unwrap().is_none());
    assert!(is_refused(&store, "first", "second", WEEK + 5).await);
    assert!(!store.close_session(ALL, user, id, minute(WEEK + 5)).await.unwrap());
}

async fn closed_session_has_no_user_and_cannot_be_refreshed(store: Arc<dyn Store>) {
    let (id, user) = open(&store).await;
    assert!(store.close_session(ALL, user, id, minute(6)).await.unwrap());
    assert!(!store.close_session(ALL, user, id, minute(6)).await.unwrap());
    assert!(store.find_session_user(id, minute(6)).await.unwrap().is_none());
    assert!(is_refused(&store, "first", "second", 6).await);
}

async fn refresh_prolongs_the_session(store: Arc<dyn Store>) {
    let (id, user) = open(&store).await;
    match rotate(&store, "first", "second", 100).await {
        Rotation::Rotated { session, user: rotated } => assert_eq!((session, rotated.id), (id, user)),
        other => panic!("{other:?}"),
    }
    assert!(store.find_session_user(id, minute(WEEK + 99)).await.unwrap().is_some());
    assert!(is_rotated(&store, "second", "third", WEEK + 99).await);
}

async fn session_ends_thirty_days_after_it_began_however_often_it_is_refreshed(store: Arc<dyn Store>) {
    const DAY: i64 = 24 * 60;
    let anna = admin(&store, "anna").await;
    let first = session("0", minute(0));
    let (id, _) = store.open_session(anna.id, &hash_of("anna"), first).await.unwrap().unwrap();
    for day in (5..30).step_by(5) {
        let (presented, next) =
            (TokenHash::of(&(day - 5).to_string()), session(&day.to_string(), minute(day * DAY)));
        let rotated = store.rotate_refresh(&presented, next).await.unwrap();
        assert!(matches!(rotated, Rotation::Rotated { .. }), "on day {day}: {rotated:?}");
    }
    let (_, until) = store.find_session_user(id, minute(30 * DAY - 1)).await.unwrap().unwrap();
    assert_eq!(until, minute(30 * DAY));
    assert!(store.find_session_user(id, minute(30 * DAY)).await.unwrap().is_none());
    let late = store.rotate_refresh(&TokenHash::of("25"), session("late", minute(30 * DAY))).await.unwrap();
    assert!(matches!(late, Rotation::Refused), "{late:?}");
}

async fn lost_answer_may_be_asked_for_again(store: Arc<dyn Store>) {
    let (id, _) = open(&store).await;
    assert!(is_rotated(&store, "first", "lost", 10).await);
    assert!(is_rotated(&store, "first", "lost too", 11).await);
    assert!(is_rotated(&store, "first", "second", 12).await);
    assert!(is_rotated(&store, "second", "third", 13).await);
    assert!(store.find_session_user(id, minute(14)).await.unwrap().is_some());
}

async fn replay_after_a_successor_was_spent_closes_the_session(store: Arc<dyn Store>) {
    let (id, user) = open(&store).await;
    assert!(is_rotated(&store, "first", "second", 10).await);
    assert!(is_rotated(&store, "second", "third", 11).await);
    match rotate(&store, "first", "stolen", 12).await {
        Rotation::Replayed { session, user: whose } => assert_eq!((session, whose), (id, user)),
        other => panic!("{other:?}"),
    }
    assert!(store.find_session_user(id, minute(12)).await.unwrap().is_none());
    assert!(is_refused(&store, "third", "fourth", 13).await);
    assert!(is_refused(&store, "stolen", "fourth", 13).await);
}

async fn older_successor_may_be_used_in_place_of_the_newest(store: Arc<dyn Store>) {
    let (id, _) = open(&store).await;
    assert!(is_rotated(&store, "first", "older", 10).await);
    assert!(is_rotated(&store, "first", "newest", 11).await);
    assert!(is_rotated(&store, "older", "third", 12).await);
    assert!(is_rotated(&store, "older", "third again", 13).await, "its answer may be lost as well");
    assert!(is_rotated(&store, "third again", "fourth", 14).await);
    assert!(store.find_session_user(id, minute(15)).await.unwrap().is_some());
}

async fn sibling_of_a_used_successor_is_a_replay(store: Arc<dyn Store>) {
    let (id, user) = open(&store).await;
    assert!(is_rotated(&store, "first", "second", 10).await);
    assert!(is_rotated(&store, "first", "stolen", 11).await);
    assert!(is_rotated(&store, "second", "third", 12).await);
    match rotate(&store, "stolen", "forked", 13).await {
        Rotation::Replayed { session, user: whose } => assert_eq!((session, whose), (id, user)),
        other => panic!("{other:?}"),
    }
    assert!(is_refused(&store, "third", "fourth", 14).await);
}

async fn used_successor_that_expired_is_remembered_by_its_siblings(store: Arc<dyn Store>) {
    open(&store).await;
    assert!(is_rotated(&store, "first", "second", 10).await);
    assert!(is_rotated(&store, "first", "stolen", 60).await);
    assert!(is_rotated(&store, "second", "third", 70).await);
    assert!(is_rotated(&store, "third", "fourth", WEEK + 20).await);
    assert!(matches!(rotate(&store, "stolen", "forked", WEEK + 30).await, Rotation::Replayed { .. }));
}

async fn unknown_token_is_refused_and_touches_no_session(store: Arc<dyn Store>) {
    let (id, _) = open(&store).await;
    assert!(is_refused(&store, "guessed", "second", 10).await);
    assert!(store.find_session_user(id, minute(10)).await.unwrap().is_some());
}

async fn expired_token_of_an_open_session_is_refused(store: Arc<dyn Store>) {
    let (id, _) = open(&store).await;
    assert!(is_rotated(&store, "first", "second", WEEK).await);
    assert!(is_rotated(&store, "second", "third", WEEK + 1).await);
    assert!(is_refused(&store, "first", "stolen", WEEK + 10).await);
    assert!(store.find_session_user(id, minute(WEEK + 10)).await.unwrap().is_some());
}

async fn racing_refreshes_are_all_honoured_until_one_is_used(store: Arc<dyn Store>) {
    let (id, _) = open(&store).await;
    let race =
        |store: Arc<dyn Store>, next: String| async move { is_rotated(&store, "first", &next, 10).await };
    let tasks: Vec<_> =
        (0..20).map(|racer| tokio::spawn(race(store.clone(), format!("second of {racer}")))).collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
    assert!(is_rotated(&store, "second of 7", "third", 11).await);
    assert!(matches!(rotate(&store, "first", "stolen", 12).await, Rotation::Replayed { .. }));
    assert!(store.find_session_user(id, minute(12)).await.unwrap().is_none());
}

async fn racing_replays_close_the_session_once(store: Arc<dyn Store>) {
    open(&store).await;
    assert!(is_rotated(&store, "first", "second", 10).await);
    assert!(is_rotated(&store, "second", "third", 10).await);
    let race = |store: Arc<dyn Store>, next: String| async move { rotate(&store, "first", &next, 11).await };
    let tasks: Vec<_> =
        (0..20).map(|racer| tokio::spawn(race(store.clone(), format!("stolen {racer}")))).collect();
    let mut closed = 0;
    for task in tasks {
        match task.await.unwrap() {
            Rotation::Replayed { .. } => closed += 1,
            Rotation::Refused => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(closed, 1);
}

async fn sessions_of_a_deleted_client_are_closed(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let (id, _) = client_user(&store, acme, "carl").await;
    store.delete_client(ALL, acme, minute(5)).await.unwrap();
    assert!(store.find_session_user(id, minute(6)).await.unwrap().is_none());
    assert!(is_refused(&store, "first of carl", "second", 6).await);
}

async fn another_sign_in_keeps_open_sessions(store: Arc<dyn Store>) {
    let (first, user) = open(&store).await;
    let (second, _) =
        store.open_session(user, &hash_of("anna"), session("other", minute(60))).await.unwrap().unwrap();
    assert!(store.find_session_user(first, minute(61)).await.unwrap().is_some());
    assert!(store.close_session(ALL, user, first, minute(62)).await.unwrap());
    assert!(store.find_session_user(second, minute(63)).await.unwrap().is_some());
}

suite! { $ session_contract in session:
    sign_in_opens_a_session_and_is_noted,
    password_that_was_replaced_meanwhile_opens_no_session,
    users_who_may_not_sign_in_get_no_session,
    expired_session_has_no_user_and_cannot_be_refreshed,
    closed_session_has_no_user_and_cannot_be_refreshed,
    refresh_prolongs_the_session,
    session_ends_thirty_days_after_it_began_however_often_it_is_refreshed,
    lost_answer_may_be_asked_for_again,
    replay_after_a_successor_was_spent_closes_the_session,
    older_successor_may_be_used_in_place_of_the_newest,
    sibling_of_a_used_successor_is_a_replay,
    used_successor_that_expired_is_remembered_by_its_siblings,
    unknown_token_is_refused_and_touches_no_session,
    expired_token_of_an_open_session_is_refused,
    racing_refreshes_are_all_honoured_until_one_is_used,
    racing_replays_close_the_session_once,
    sessions_of_a_deleted_client_are_closed,
    another_sign_in_keeps_open_sessions,
}

//! The contract of [`crate::store::PasswordResetStore`].

use std::sync::Arc;

use secrecy::ExposeSecret;

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    model::{
        invitation::EmailStatus,
        session::TokenHash,
        user::{User, UserPatch},
    },
    request::RequestOrigin,
    store::{Reset, Store},
};

/// Makes a password reset of a user, whose mail is sent; whether it was made.
async fn open(store: &Arc<dyn Store>, user: &User, token: &str, at: i64) -> bool {
    let lease = lease_request(store, user.email.as_str(), at).await.lease;
    let opened = store.open_reset(ALL, lease, reset(user.id, token, at)).await.unwrap();
    store.finish_mail(ALL, lease, EmailStatus::Sent).await.unwrap();
    opened
}

async fn expiry(store: &Arc<dyn Store>, token: &str) -> Option<Timestamp> {
    store.find_reset(&TokenHash::of(token)).await.unwrap()
}

async fn confirm(store: &Arc<dyn Store>, token: &str, at: i64) -> Reset {
    let hash = format!("new hash by {token}");
    store
        .confirm_reset(&TokenHash::of(token), &hash.into(), RequestOrigin::default(), minute(at))
        .await
        .unwrap()
}

async fn password(store: &Arc<dyn Store>, user: &User) -> String {
    let record = store.find_for_sign_in(&user.email).await.unwrap().unwrap();
    record.hashed_password.expose_secret().to_owned()
}

async fn reset_sets_the_password_once_and_closes_every_session(store: Arc<dyn Store>) {
    let (anna, berta) = (admin(&store, "anna").await, admin(&store, "berta").await);
    let mut sessions = Vec::new();
    for (user, name, token) in [(&anna, "anna", "a"), (&anna, "anna", "b"), (&berta, "berta", "c")] {
        let opened = store.open_session(user.id, &hash_of(name), session(token, minute(0))).await.unwrap();
        sessions.push(opened.unwrap().0);
    }
    assert!(open(&store, &anna, "token", 1).await);
    assert_eq!(expiry(&store, "token").await, Some(minute(61)));
    assert_eq!(confirm(&store, "token", 2).await, Reset::Done(anna.id));
    assert_eq!(password(&store, &anna).await, "new hash by token");
    assert_eq!(password(&store, &berta).await, "hash of berta");
    for (session, stays) in sessions.into_iter().zip([false, false, true]) {
        let user = store.find_session_user(session, minute(3)).await.unwrap();
        assert_eq!(user.is_some(), stays);
    }
    assert_eq!((expiry(&store, "token").await, confirm(&store, "token", 3).await), (None, Reset::NotFound));
}

async fn reset_is_over_after_its_time(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    open(&store, &anna, "token", 0).await;
    assert_eq!(confirm(&store, "token", 60).await, Reset::Expired);
    assert_eq!(password(&store, &anna).await, "hash of anna");
    assert_eq!(confirm(&store, "token", 59).await, Reset::Done(anna.id));
}

async fn newer_reset_ends_the_older_one_and_comes_a_minute_later(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    assert!(open(&store, &anna, "older", 1).await);
    let lease = lease_request(&store, "anna", 1).await.lease;
    assert!(!store.open_reset(ALL, lease, reset(anna.id, "too soon", 1)).await.unwrap());
    store.finish_mail(ALL, lease, EmailStatus::Sent).await.unwrap();
    assert!(open(&store, &anna, "newer", 2).await);
    for (token, expected) in
        [("too soon", Reset::NotFound), ("older", Reset::NotFound), ("newer", Reset::Done(anna.id))]
    {
        assert_eq!(confirm(&store, token, 3).await, expected, "{token}");
    }
}

async fn mail_of_a_reset_takes_the_place_of_the_wish(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    let first = lease_request(&store, "anna", 0).await;
    assert!(store.open_reset(ALL, first.lease, reset(anna.id, "token", 0)).await.unwrap());
    let again = lease(&store, 1).await.remove(0);
    assert_eq!((first.mail, again.mail), (mail("2"), mail("3")));
    // The first sender comes back late, and must not end the link that the second one is sending.
    assert!(!store.open_reset(ALL, first.lease, reset(anna.id, "late", 5)).await.unwrap());
    assert_eq!((expiry(&store, "late").await, expiry(&store, "token").await), (None, Some(minute(60))));
}

async fn nobody_who_may_not_sign_in_resets_a_password(store: Arc<dyn Store>) {
    let acme = client(&store, "acme").await;
    let ((_, carl), (_, dora)) =
        (client_user(&store, acme, "carl").await, client_user(&store, acme, "dora").await);
    assert!(open(&store, &carl, "carl", 2).await);
    let inactive = |is_active| UserPatch { role: None, is_active: Some(is_active) };
    for user in [&carl, &dora] {
        store.update_user(ALL, user.id, inactive(false), minute(3)).await.unwrap();
    }
    assert!(!open(&store, &dora, "dora", 4).await);
    assert_eq!((expiry(&store, "carl").await, confirm(&store, "carl", 4).await), (None, Reset::NotFound));
    store.update_user(ALL, dora.id, inactive(true), minute(5)).await.unwrap();
    assert!(open(&store, &dora, "dora", 5).await);
    let waiting = lease_request(&store, "dora", 6).await;
    assert!(store.open_reset(ALL, waiting.lease, reset(dora.id, "waiting", 6)).await.unwrap());
    store.delete_client(ALL, acme, minute(7)).await.unwrap();
    assert_eq!(confirm(&store, "waiting", 7).await, Reset::NotFound);
    assert_eq!(lease(&store, 99).await, [], "the mail is gone with its user");
}

async fn racing_confirmations_set_one_password(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await;
    open(&store, &anna, "token", 0).await;
    let race = |store: Arc<dyn Store>, hash: String| async move {
        store
            .confirm_reset(&TokenHash::of("token"), &hash.into(), RequestOrigin::default(), minute(1))
            .await
            .unwrap()
    };
    let racers = (0..10).map(|racer| tokio::spawn(race(store.clone(), format!("hash {racer}"))));
    let tasks: Vec<_> = racers.collect();
    let (mut won, mut lost) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Reset::Done(user) if user == anna.id => won += 1,
            Reset::NotFound => lost += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((won, lost), (1, 9));
}

suite! { $ password_reset_contract in password_reset:
    reset_sets_the_password_once_and_closes_every_session,
    reset_is_over_after_its_time,
    newer_reset_ends_the_older_one_and_comes_a_minute_later,
    mail_of_a_reset_takes_the_place_of_the_wish,
    nobody_who_may_not_sign_in_resets_a_password,
    racing_confirmations_set_one_password,
}

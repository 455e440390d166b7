//! The contract of [`crate::store::SessionStore`] on what users see of their own sessions, and end.

use std::sync::Arc;

use super::{fixtures::*, suite};
use crate::{
    clock::Timestamp,
    id::{SessionId, UserId},
    model::session::{NewSession, Rotation, Session, TokenHash},
    page::Page,
    request::RequestOrigin,
    store::Store,
};

const WEEK: i64 = 7 * 24 * 60;

async fn open(store: &Arc<dyn Store>, user: UserId, new: NewSession) -> SessionId {
    store.open_session(user, &hash_of("anna"), new).await.unwrap().unwrap().0
}

async fn listed(store: &Arc<dyn Store>, user: UserId, at: i64) -> Vec<Session> {
    store.list_sessions(ALL, user, page(9, None), minute(at)).await.unwrap().items
}

async fn sessions_are_listed_with_where_and_when_they_were_used(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await.id;
    let mut expected = Vec::new();
    for (number, address) in [(0, None), (1, Some("192.0.2.7")), (2, Some("2001:db8::7"))] {
        let address = address.map(|text| text.parse().unwrap());
        let origin = RequestOrigin { address, request_id: None };
        let new = NewSession { origin, ..session(&format!("first of {number}"), minute(number)) };
        let id = open(&store, anna, new).await;
        let (at, expires_at) = (minute(number), minute(number + WEEK));
        expected.insert(0, Session { id, created_at: at, last_used_at: at, expires_at, address });
    }
    assert_eq!(listed(&store, anna, 3).await, expected);
    let elsewhere = RequestOrigin { address: Some("198.51.100.1".parse().unwrap()), request_id: None };
    let next = NewSession { origin: elsewhere, ..session("next", minute(50)) };
    let rotated = store.rotate_refresh(&TokenHash::of("first of 1"), next).await.unwrap();
    assert!(matches!(rotated, Rotation::Rotated { .. }));
    expected[1].last_used_at = minute(50);
    expected[1].expires_at = minute(50 + WEEK);
    assert_eq!(listed(&store, anna, 51).await, expected, "the address is where the user signed in");
}

async fn sessions_that_are_over_are_not_listed(store: Arc<dyn Store>) {
    let (anna, berta) = (admin(&store, "anna").await.id, admin(&store, "berta").await.id);
    let (first, second) = (
        open(&store, anna, session("first", minute(0))).await,
        open(&store, anna, session("second", minute(9))).await,
    );
    let ids =
        async |user, at| listed(&store, user, at).await.iter().map(|session| session.id).collect::<Vec<_>>();
    assert_eq!((ids(anna, 10).await, ids(berta, 10).await), (vec![second, first], vec![]));
    assert_eq!(ids(anna, WEEK).await, [second]);
    store.close_session(ALL, anna, second, minute(11)).await.unwrap();
    assert_eq!(ids(anna, 12).await, [first]);
}

async fn sessions_are_listed_in_pages(store: Arc<dyn Store>) {
    let anna = admin(&store, "anna").await.id;
    let mut ids = Vec::new();
    for token in ["a", "b", "c"] {
        ids.insert(0, open(&store, anna, session(token, minute(0))).await);
    }
    let read = async |cursor| -> Page<Session> {
        store.list_sessions(ALL, anna, page(2, cursor), minute(1)).await.unwrap()
    };
    let first = read(None).await;
    let second = read(first.next).await;
    let listed: Vec<_> = first.items.iter().chain(&second.items).map(|session| session.id).collect();
    assert_eq!((listed, second.next), (ids, None));
}

async fn only_an_open_session_of_the_user_is_revoked(store: Arc<dyn Store>) {
    let (anna, berta) = (admin(&store, "anna").await.id, admin(&store, "berta").await.id);
    let (first, second) = (
        open(&store, anna, session("first", minute(0))).await,
        open(&store, anna, session("second", minute(0))).await,
    );
    let revoke =
        async |user, session, at: Timestamp| store.close_session(ALL, user, session, at).await.unwrap();
    assert!(!revoke(berta, first, minute(1)).await, "of somebody else");
    assert!(!revoke(anna, SessionId(99), minute(1)).await, "unknown");
    assert!(!revoke(anna, first, minute(WEEK)).await, "expired");
    assert!(user_of(&store, first, 1).await.is_some());
    assert!(revoke(anna, first, minute(1)).await);
    assert!(!revoke(anna, first, minute(1)).await, "closed");
    assert!(user_of(&store, first, 2).await.is_none() && user_of(&store, second, 2).await.is_some());
    let rotated = store.rotate_refresh(&TokenHash::of("first"), session("next", minute(2))).await.unwrap();
    assert!(matches!(rotated, Rotation::Refused));
}

suite! { $ own_session_contract in own_session:
    sessions_are_listed_with_where_and_when_they_were_used,
    sessions_that_are_over_are_not_listed,
    sessions_are_listed_in_pages,
    only_an_open_session_of_the_user_is_revoked,
}

//! What users see of their sessions, and end.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{access::actor::Actor, id::UserId};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, NOW, PASSWORD},
};
use flowmastery_tower::{Api, Authenticator, Credentials};
use serde_json::{Value, json};

use super::{LOGIN, ME, SESSIONS, delete, log_in, post_from, refresh, text, world};

both_backends! {
    sessions_are_shown_to_their_user_with_where_and_when,
    a_revoked_session_ends_at_once_and_nobody_elses_can_be_revoked,
    sessions_come_in_pages,
    a_host_with_sessions_of_its_own_shows_ours_as_others,
}

async fn sessions_are_shown_to_their_user_with_where_and_when(backend: Backend) {
    let (world, admin) = world(backend).await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    world.clock.advance(Duration::from_secs(60));
    let second = post_from(
        &world,
        "2001:db8::7".parse().unwrap(),
        LOGIN,
        json!({ "email": ADMIN, "password": PASSWORD }),
    );
    let second = second.await.expect(200);
    world.clock.advance(Duration::from_secs(60));
    refresh(&world, &text(&second["refresh_token"])).await.expect(200);
    let listed = world.get(&format!("{SESSIONS}/"), &admin).await.expect(200);
    assert_eq!(
        listed,
        json!([
            {
                "id": 3, "created_at": "2026-03-10T12:08:00.000Z", "last_used_at": "2026-03-10T12:09:00.000Z",
                "expires_at": "2026-03-17T12:09:00.000Z", "address": "2001:db8::7", "current": false,
            },
            {
                "id": 1, "created_at": NOW, "last_used_at": NOW, "expires_at": "2026-03-17T12:07:00.000Z",
                "address": null, "current": true,
            },
        ])
    );
    let own = world.get(SESSIONS, &user).await.expect(200);
    assert_eq!(
        (own[0]["id"].clone(), own[0]["current"].clone(), own[1].clone()),
        (json!(2), json!(true), Value::Null)
    );
}

async fn a_revoked_session_ends_at_once_and_nobody_elses_can_be_revoked(backend: Backend) {
    let (world, admin) = world(backend).await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    let other = log_in(&world, ADMIN).await;
    let path = |id: &str| format!("{SESSIONS}/{id}");
    for (token, id) in
        [(&user, "1"), (&user, "3"), (&admin, "2"), (&admin, "99"), (&admin, "x"), (&admin, "-1")]
    {
        delete(&world, &path(id), token).await.expect(404);
    }
    delete(&world, &path("99?x=1"), &admin).await.expect(404);
    delete(&world, &path("3?x=1"), &admin).await.expect(422);
    world.get(ME, &text(&other["access_token"])).await.expect(200);
    delete(&world, &path("3/"), &admin).await.expect(204);
    world.get(ME, &text(&other["access_token"])).await.expect(401);
    refresh(&world, &text(&other["refresh_token"])).await.expect(401);
    delete(&world, &path("3"), &admin).await.expect(404);
    delete(&world, &path("1"), &admin).await.expect(204);
    world.get(ME, &admin).await.expect(401);
    world.get(ME, &user).await.expect(200);
}

async fn sessions_come_in_pages(backend: Backend) {
    let (world, admin) = world(backend).await;
    for _ in 0..2 {
        log_in(&world, ADMIN).await;
    }
    let ids = |listed: &Value| {
        listed.as_array().unwrap().iter().map(|session| session["id"].clone()).collect::<Vec<_>>()
    };
    let first = world.get(&format!("{SESSIONS}?limit=2"), &admin).await;
    assert_eq!(ids(&first.expect(200)), [3, 2]);
    let link = first.header("link").unwrap();
    let next = link.strip_prefix('<').unwrap().split_once('>').unwrap().0;
    let last = world.get(next, &admin).await;
    assert_eq!((ids(&last.expect(200)), last.header("link")), (vec![json!(1)], None));
}

/// A host that knows its users without sessions of ours.
#[derive(Debug)]
struct Own;

#[async_trait::async_trait]
impl Authenticator for Own {
    async fn authenticate(&self, _: Credentials<'_>) -> flowmastery_core::error::Result<Option<Actor>> {
        Ok(Some(Actor::admin(UserId(1))))
    }
}

async fn a_host_with_sessions_of_its_own_shows_ours_as_others(backend: Backend) {
    let (mut world, _) = world(backend).await;
    world.api = Api::builder(world.app.clone()).authenticator(Arc::new(Own)).build().unwrap();
    let listed = world.get(SESSIONS, "any").await.expect(200);
    assert_eq!((listed[0]["id"].clone(), listed[0]["current"].clone()), (json!(1), json!(false)));
    delete(&world, &format!("{SESSIONS}/1"), "any").await.expect(204);
    assert_eq!(world.get(SESSIONS, "any").await.expect(200), json!([]));
}

//! Sending an invitation again, and taking it back.

use std::time::Duration;

use flowmastery_core::model::invitation::LIFETIME;
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, World},
};
use http::Method;
use serde_json::{Value, json};

use super::{INVITATIONS, accept, delete, token_of, world};

both_backends! {
    an_invitation_sent_again_has_another_link_for_48_hours,
    a_revoked_invitation_is_dead,
    what_is_over_is_neither_sent_again_nor_taken_back,
}

async fn invite(world: &World, admin: &str, email: &str) -> Value {
    world.post(INVITATIONS, admin, json!({ "email": email, "role": "admin" })).await.expect(201)
}

async fn an_invitation_sent_again_has_another_link_for_48_hours(backend: Backend) {
    let (world, admin) = world(backend).await;
    let first = invite(&world, &admin, "berta@agency.com").await;
    world.clock.advance(LIFETIME + Duration::from_secs(60));
    accept(&world, &token_of(&first)).await.expect(410);
    let admin = world.sign_in(ADMIN).await;
    let resend = world.request(Method::POST, &format!("{INVITATIONS}/1/resend/"), Some(&admin), None).await;
    let second = resend.expect(200);
    let mut expected = first.clone();
    expected["expiry_date"] = json!("2026-03-14T12:08:00.000Z");
    expected["accept_url"] = second["accept_url"].clone();
    assert_eq!(second, expected);
    assert_ne!(token_of(&first), token_of(&second));
    accept(&world, &token_of(&first)).await.expect(404);
    world.clock.advance(LIFETIME - Duration::from_secs(1));
    accept(&world, &token_of(&second)).await.expect(201);
}

async fn a_revoked_invitation_is_dead(backend: Backend) {
    let (world, admin) = world(backend).await;
    let made = invite(&world, &admin, "berta@agency.com").await;
    delete(&world, &format!("{INVITATIONS}/1"), &admin).await.expect(204);
    accept(&world, &token_of(&made)).await.expect(404);
    assert_eq!(world.get(INVITATIONS, &admin).await.expect(200)[0]["status"], "revoked");
    let again = invite(&world, &admin, "berta@agency.com").await;
    accept(&world, &token_of(&again)).await.expect(201);
}

async fn what_is_over_is_neither_sent_again_nor_taken_back(backend: Backend) {
    let (world, admin) = world(backend).await;
    let accepted = invite(&world, &admin, "berta@agency.com").await;
    accept(&world, &token_of(&accepted)).await.expect(201);
    invite(&world, &admin, "carl@agency.com").await;
    delete(&world, &format!("{INVITATIONS}/2"), &admin).await.expect(204);
    for (id, taken_back) in [("1", 409), ("2", 404), ("99", 404), ("x", 404)] {
        let path = format!("{INVITATIONS}/{id}");
        let resend = world.request(Method::POST, &format!("{path}/resend"), Some(&admin), None).await;
        resend.expect(404);
        delete(&world, &path, &admin).await.expect(taken_back);
    }
    invite(&world, &admin, "dora@agency.com").await;
    delete(&world, &format!("{INVITATIONS}/99?x=1"), &admin).await.expect(404);
    delete(&world, &format!("{INVITATIONS}/3?x=1"), &admin).await.expect(422);
}

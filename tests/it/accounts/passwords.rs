//! Changing one's own password, and sign-ins while it changes.

use std::sync::Arc;

use flowmastery_core::{
    access::password::{HashCost, PasswordHasher},
    clock::Clock,
    entropy::OsEntropy,
    model::{email::Email, password::Password, user::NewUser},
};
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, Answer, PASSWORD, World},
};
use http::Method;
use serde_json::{Value, json};

use super::{LOGIN, ME, faulty, log_in, post_public, refresh, text, world};

const PASSWORD_PATH: &str = "/api/v1/auth/password";
const NEW: &str = "another good password";

both_backends! {
    a_password_is_changed_and_every_other_session_ends,
    a_wrong_current_password_is_a_fault_of_the_field_and_changes_nothing,
    of_two_changes_at_once_one_is_done,
    sign_ins_at_once_with_a_hash_of_another_kind_are_all_let_in,
}

async fn change(world: &World, token: &str, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    world.request(Method::PUT, PASSWORD_PATH, Some(token), Some(body)).await
}

async fn sign_in(world: &World, password: &str) -> u16 {
    let body = json!({ "email": ADMIN, "password": password });
    post_public(world, LOGIN, body).await.status.as_u16()
}

async fn a_password_is_changed_and_every_other_session_ends(backend: Backend) {
    let (world, admin) = world(backend).await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    let own = log_in(&world, ADMIN).await;
    let token = text(&own["access_token"]);
    change(&world, &token, PASSWORD, NEW).await.expect(204);
    world.get(ME, &token).await.expect(200);
    refresh(&world, &text(&own["refresh_token"])).await.expect(200);
    world.get(ME, &admin).await.expect(401);
    world.get(ME, &user).await.expect(200);
    assert_eq!((sign_in(&world, PASSWORD).await, sign_in(&world, NEW).await), (401, 200));
}

async fn a_wrong_current_password_is_a_fault_of_the_field_and_changes_nothing(backend: Backend) {
    let (world, admin) = world(backend).await;
    assert_eq!(faulty(&change(&world, &admin, NEW, NEW).await), ["current_password"]);
    assert_eq!(faulty(&change(&world, &admin, PASSWORD, "short").await), ["new_password"]);
    let nothing = world.request(Method::PUT, PASSWORD_PATH, Some(&admin), Some(json!({}))).await;
    assert_eq!(faulty(&nothing), ["current_password", "new_password"]);
    world.get(ME, &admin).await.expect(200);
    assert_eq!(sign_in(&world, PASSWORD).await, 200);
}

async fn of_two_changes_at_once_one_is_done(backend: Backend) {
    let (world, admin) = world(backend).await;
    let changes = (0..8).map(|racer| {
        let (world, admin) = (world.clone(), admin.clone());
        tokio::spawn(async move { change(&world, &admin, PASSWORD, &format!("{NEW} {racer}")).await })
    });
    let mut done = Vec::new();
    for (racer, change) in changes.collect::<Vec<_>>().into_iter().enumerate() {
        match change.await.unwrap().status.as_u16() {
            204 => done.push(racer),
            // Too late to read the old hash, or too late to replace it.
            status => assert!([409, 422].contains(&status), "{status}"),
        }
    }
    let [winner] = done[..] else { panic!("{done:?}") };
    assert_eq!(sign_in(&world, &format!("{NEW} {winner}")).await, 200);
}

async fn sign_ins_at_once_with_a_hash_of_another_kind_are_all_let_in(backend: Backend) {
    let (world, _) = world(backend).await;
    let other = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
    let password = Password::choose(PASSWORD.into()).unwrap();
    let hashed_password = other.hash(&password).await.unwrap();
    let email = Email::parse("berta@agency.com").unwrap();
    let created_at = world.clock.now();
    world.store.create_admin(NewUser { email, hashed_password, created_at }).await.unwrap();
    let sign_ins = (0..6).map(|_| {
        let world = world.clone();
        tokio::spawn(async move { log_in(&world, "berta@agency.com").await })
    });
    for sign_in in sign_ins.collect::<Vec<_>>() {
        assert_eq!(sign_in.await.unwrap()["user"]["email"], Value::from("berta@agency.com"));
    }
}

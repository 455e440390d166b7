//! Password resets from the wish to the new password.

use std::time::Duration;

use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, Answer, PASSWORD, World},
};
use http::Method;
use serde_json::{Value, json};

use super::{LIMITS, Post, token};

const RESET: &str = "/api/v1/auth/password-reset";
const CONFIRM: &str = "/api/v1/auth/password-reset/confirm";
const LOGIN: &str = "/api/v1/auth/login";
const NEW: &str = "another good password";
const MINUTE: Duration = Duration::from_secs(60);

async fn post_public(world: &World, path: &str, body: Value) -> Answer {
    world.request(Method::POST, path, None, Some(body)).await
}

async fn ask(world: &World, email: &str) -> Answer {
    let answer = post_public(world, RESET, json!({ "email": email })).await;
    answer.expect(202);
    answer
}

async fn confirm(world: &World, token: &str, password: &str) -> Answer {
    post_public(world, CONFIRM, json!({ "token": token, "password": password })).await
}

async fn sign_in(world: &World, password: &str) -> u16 {
    let body = json!({ "email": ADMIN, "password": password });
    post_public(world, LOGIN, body).await.status.as_u16()
}

/// Asks for a reset of the admin's password; the token that was mailed.
async fn reset_token(post: &mut Post) -> String {
    ask(&post.world, ADMIN).await;
    post.send().await;
    token(&post.server.mail().await, "reset-password")
}

#[tokio::test]
async fn a_password_is_reset_by_mail_and_every_session_ends() {
    let mut post = Post::new().await;
    let other = post.world.sign_in(ADMIN).await;
    ask(&post.world, "Admin@Agency.com").await;
    post.send().await;
    let mail = post.server.mail().await;
    assert_eq!(mail["to"], json!([ADMIN]));
    assert_eq!(mail["headers"]["subject"], "Reset your FlowMastery password");
    let token = token(&mail, "reset-password");
    let link = format!("<a href=\"https://agency.com/reset-password?token={token}\">");
    assert!(mail["html"].as_str().unwrap().contains(&link));
    confirm(&post.world, &token, NEW).await.expect(204);
    assert_eq!((sign_in(&post.world, PASSWORD).await, sign_in(&post.world, NEW).await), (401, 200));
    for session in [&post.admin, &other] {
        post.world.get("/api/v1/auth/me", session).await.expect(401);
    }
    confirm(&post.world, &token, PASSWORD).await.expect(404);
}

#[tokio::test]
async fn nobody_without_an_active_account_gets_a_mail_and_the_answer_does_not_tell() {
    let mut post = Post::new().await;
    let client = post.world.client(&post.admin, "Acme Corp").await;
    let shown = |answer: &Answer| {
        let headers = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
        (headers.map(|(name, value)| (name.clone(), value.clone())).collect::<Vec<_>>(), answer.body.clone())
    };
    post.invite("carl@acme.com").await;
    post.send().await;
    let invited = token(&post.server.mail().await, "accept-invitation");
    let body = json!({ "token": invited, "password": PASSWORD });
    let user = post_public(&post.world, "/api/v1/auth/invitations/accept", body).await.expect(201);
    let path = format!("/api/v1/users/{}", user["user"]["id"]);
    let inactive = Some(json!({ "is_active": false }));
    post.world.request(Method::PATCH, &path, Some(&post.admin), inactive).await.expect(200);
    let known = ask(&post.world, ADMIN).await;
    for email in ["nobody@agency.com", "carl@acme.com"] {
        assert_eq!(shown(&ask(&post.world, email).await), shown(&known));
    }
    post.send().await;
    assert_eq!(post.server.mail().await["to"], json!([ADMIN]));
    post.send_after(MINUTE).await;
    assert_eq!(post.server.mails().await, Vec::<Value>::new());
    assert!(client > 0);
}

#[tokio::test]
async fn a_link_works_for_an_hour() {
    let mut post = Post::new().await;
    let token = reset_token(&mut post).await;
    post.world.clock.advance(60 * MINUTE - Duration::from_millis(1));
    let refused = confirm(&post.world, &token, "hunter2").await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "password");
    post.world.clock.advance(Duration::from_millis(1));
    confirm(&post.world, &token, NEW).await.expect(410);
    assert_eq!(sign_in(&post.world, PASSWORD).await, 200);
}

#[tokio::test]
async fn a_bad_password_or_address_is_said_and_spends_nothing() {
    let mut post = Post::new().await;
    let token = reset_token(&mut post).await;
    for bad in ["hunter2", "passwordpassword"] {
        confirm(&post.world, &token, bad).await.expect(422);
    }
    confirm(&post.world, "a guess", NEW).await.expect(404);
    confirm(&post.world, &token, NEW).await.expect(204);
    let refused = post_public(&post.world, RESET, json!({ "email": "nobody" })).await.expect(422);
    assert_eq!(refused["errors"][0]["field"], "email");
}

#[tokio::test]
async fn a_newer_link_ends_the_older_one_and_there_is_one_a_minute() {
    let mut post = Post::new().await;
    let older = reset_token(&mut post).await;
    for _ in 0..20 {
        ask(&post.world, ADMIN).await;
        post.send().await;
    }
    assert_eq!(post.server.mails().await.len(), 0);
    post.world.clock.advance(MINUTE);
    for _ in 0..20 {
        ask(&post.world, ADMIN).await;
    }
    post.send().await;
    let newer = token(&post.server.mail().await, "reset-password");
    assert_eq!(post.server.mails().await.len(), 0);
    confirm(&post.world, &older, NEW).await.expect(404);
    confirm(&post.world, &newer, NEW).await.expect(204);
}

#[tokio::test]
async fn without_a_mail_server_nothing_is_stored() {
    let world = World::new(Backend::Sqlite.store().await).await;
    ask(&world, ADMIN).await;
    assert_eq!(world.app.outbox().send_due().await.unwrap(), 0);
}

#[tokio::test]
async fn a_wish_waits_for_the_mail_server_and_its_link_is_the_same_while_half_of_its_time_is_left() {
    let mut post = Post::new().await;
    ask(&post.world, ADMIN).await;
    post.server.set_mode("cut").await;
    post.send().await;
    post.send_after(30 * MINUTE).await;
    let [first, second] = [post.server.mail().await, post.server.mail().await];
    assert_eq!(first["headers"]["message-id"], second["headers"]["message-id"]);
    assert_eq!(token(&first, "reset-password"), token(&second, "reset-password"));
    post.server.set_mode("accept").await;
    post.send_after(MINUTE).await;
    let third = post.server.mail().await;
    assert_ne!(first["headers"]["message-id"], third["headers"]["message-id"]);
    confirm(&post.world, &token(&first, "reset-password"), NEW).await.expect(404);
    confirm(&post.world, &token(&third, "reset-password"), NEW).await.expect(204);
}

#[tokio::test]
async fn a_user_who_is_deactivated_while_the_mail_waits_gets_none() {
    let mut post = Post::with(&["--away"], LIMITS).await;
    let berta = "berta@agency.com";
    let email = flowmastery_core::model::email::Email::parse(berta).unwrap();
    let password = flowmastery_core::model::password::Password::choose(PASSWORD.into()).unwrap();
    let user = post.world.app.users().create_admin(email, &password).await.unwrap();
    ask(&post.world, berta).await;
    post.send().await;
    let (path, inactive) = (format!("/api/v1/users/{}", user.id), Some(json!({ "is_active": false })));
    post.world.request(Method::PATCH, &path, Some(&post.admin), inactive).await.expect(200);
    post.server.set_mode("accept").await;
    post.send_after(MINUTE).await;
    post.send_after(MINUTE).await;
    assert_eq!(post.server.mails().await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_the_old_password_does_not_outlive_the_reset_that_it_races_with() {
    let mut post = Post::new().await;
    for round in 0..5 {
        let (old, new) = match round {
            0 => (PASSWORD.to_owned(), format!("{NEW} 0")),
            _ => (format!("{NEW} {}", round - 1), format!("{NEW} {round}")),
        };
        post.world.clock.advance(MINUTE);
        let token = reset_token(&mut post).await;
        let signing_in = (0..40).map(|_| {
            let (world, body) = (post.world.clone(), json!({ "email": ADMIN, "password": old }));
            tokio::spawn(async move { post_public(&world, LOGIN, body).await })
        });
        let signing_in: Vec<_> = signing_in.collect();
        confirm(&post.world, &token, &new).await.expect(204);
        for answer in signing_in {
            // Too many at once are told to come again.
            let answer = answer.await.unwrap();
            if let Some(access) = answer.json()["access_token"].as_str() {
                post.world.get("/api/v1/auth/me", access).await.expect(401);
            }
        }
    }
}

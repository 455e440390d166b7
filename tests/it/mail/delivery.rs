//! What becomes of an invitation's mail, whatever the mail server does.

use std::time::Duration;

use flowmastery_core::{
    access::scope::TenantScope,
    clock::Clock,
    entropy::OsEntropy,
    id::ClientId,
    model::{
        email::Email,
        invitation::{LIFETIME, NewInvitation},
        outbox::SealedMail,
        session::TokenHash,
        user::Role,
    },
    secret::{MailKey, Sealed},
    service::outbox::OutboxLimits,
};
use http::Method;
use serde_json::{Value, json};

use super::{DORA, LIMITS, PATH, Post, token};

const QUARTER: Duration = Duration::from_secs(15 * 60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// After the first try to mail an invitation, with a server that does something else than taking it.
async fn first_try(mode: &str) -> Post {
    let mut post = Post::new().await;
    post.server.set_mode(mode).await;
    post.invite(DORA).await;
    post.send().await;
    post
}

#[tokio::test]
async fn an_invitation_waits_for_its_mail_and_the_mail_leads_to_an_account() {
    let mut post = Post::new().await;
    let made = post.invite(DORA).await;
    assert_eq!((&made["email_status"], &made["accept_url"]), (&json!("queued"), &Value::Null));
    post.send().await;
    assert_eq!(post.status().await, "sent");
    let mail = post.server.mail().await;
    assert_eq!((&mail["from"], &mail["to"]), (&json!("noreply@flowmastery.com"), &json!([DORA])));
    let headers = &mail["headers"];
    assert_eq!(headers["from"], "FlowMastery <noreply@flowmastery.com>");
    assert_eq!(headers["to"], DORA);
    assert_eq!(headers["subject"], "Your invitation to FlowMastery");
    assert_eq!(headers["date"], "Tue, 10 Mar 2026 12:07:00 +0000");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    let id = headers["message-id"].as_str().unwrap();
    assert!(id.starts_with('<') && id.ends_with("@flowmastery.com>"), "{id}");
    assert_eq!(mail["type"], "multipart/alternative");
    let token = token(&mail, "accept-invitation");
    let link = format!("<a href=\"https://agency.com/accept-invitation?token={token}\">");
    assert!(mail["html"].as_str().unwrap().contains(&link));
    let body = json!({ "token": token, "password": "securepassword" });
    let accepted = post.world.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body));
    assert_eq!(accepted.await.expect(201)["user"]["email"], DORA);
    post.send_after(DAY).await;
    assert_eq!(post.server.mails().await, Vec::<Value>::new(), "it was erased");
}

#[tokio::test]
async fn only_the_last_link_of_an_invitation_that_is_sent_again_is_mailed() {
    let mut post = Post::new().await;
    post.invite(DORA).await;
    let resend = format!("{PATH}/1/resend");
    let again = post.world.request(Method::POST, &resend, Some(&post.admin), None).await.expect(200);
    assert_eq!((&again["email_status"], again.get("accept_url")), (&json!("queued"), None));
    post.send().await;
    let first = token(&post.server.mail().await, "accept-invitation");
    assert_eq!(post.status().await, "sent");
    let again = post.world.request(Method::POST, &resend, Some(&post.admin), None).await.expect(200);
    assert_eq!(again["email_status"], "queued");
    post.send().await;
    let second = token(&post.server.mail().await, "accept-invitation");
    for (token, status) in [(first, 404), (second, 201)] {
        let body = json!({ "token": token, "password": "securepassword" });
        let accepted = post.world.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body));
        accepted.await.expect(status);
    }
}

#[tokio::test]
async fn the_mail_of_a_revoked_invitation_is_not_sent() {
    let mut post = Post::new().await;
    post.invite(DORA).await;
    let path = format!("{PATH}/1");
    post.world.request(Method::DELETE, &path, Some(&post.admin), None).await.expect(204);
    post.send_after(DAY).await;
    assert_eq!(post.server.mails().await, Vec::<Value>::new());
    assert_eq!(post.status().await, "failed");
}

#[tokio::test]
async fn a_recipient_that_is_refused_for_good_has_failed_and_is_not_tried_again() {
    let mut post = first_try("refuse").await;
    assert_eq!(post.status().await, "failed");
    post.send_after(DAY).await;
    assert_eq!(post.server.recipients().await, 1);
}

#[tokio::test]
async fn a_mail_that_a_server_will_not_pass_on_waits_for_whoever_mends_that() {
    let mut post = first_try("relay").await;
    assert_eq!(post.status().await, "queued");
    post.server.set_mode("accept").await;
    post.send_after(Duration::from_secs(10)).await;
    assert_eq!(post.status().await, "sent");
}

#[tokio::test]
async fn a_server_that_wants_to_be_asked_again_later_is() {
    let mut post = first_try("greylist").await;
    assert_eq!(post.status().await, "queued");
    post.send_after(Duration::from_secs(9)).await;
    assert_eq!(post.server.recipients().await, 1, "not yet");
    post.send_after(Duration::from_secs(1)).await;
    assert_eq!(post.status().await, "sent");
    assert_eq!(post.server.mails().await.len(), 1);
}

#[tokio::test]
async fn a_mail_whose_fate_is_unknown_goes_again_with_the_same_message_id() {
    let mut post = first_try("cut").await;
    assert_eq!(post.status().await, "queued");
    post.server.set_mode("accept").await;
    post.send_after(Duration::from_secs(10)).await;
    assert_eq!(post.status().await, "sent");
    let [first, second] = <[Value; 2]>::try_from(post.server.mails().await).unwrap();
    assert_eq!(first["headers"]["message-id"], second["headers"]["message-id"]);
    assert_eq!(token(&first, "accept-invitation"), token(&second, "accept-invitation"));
}

#[tokio::test]
async fn a_mail_whose_text_is_refused_has_failed() {
    let mut post = first_try("echo").await;
    assert_eq!(post.status().await, "failed");
    assert_eq!(post.server.recipients().await, 1);
}

#[tokio::test]
async fn a_server_that_hangs_is_left_and_tried_again() {
    let limits = OutboxLimits { patience: Duration::from_millis(300), ..LIMITS };
    let mut post = Post::with(&[], limits).await;
    post.server.set_mode("hang").await;
    post.invite(DORA).await;
    post.send().await;
    assert_eq!(post.status().await, "queued");
    post.server.set_mode("accept").await;
    // A slow machine may need more than one attempt.
    for _ in 0..100 {
        post.send_after(QUARTER).await;
        if post.status().await == "sent" {
            return;
        }
    }
    panic!("it was not sent");
}

#[tokio::test]
async fn a_server_that_is_away_for_almost_a_day_loses_nothing() {
    let mut post = Post::with(&["--away"], LIMITS).await;
    post.invite(DORA).await;
    post.send().await;
    for _ in 0..(23 * 4) {
        post.send_after(QUARTER).await;
        assert_eq!(post.status().await, "queued");
    }
    post.server.set_mode("accept").await;
    post.send_after(QUARTER).await;
    assert_eq!(post.status().await, "sent");
    post.server.mail().await;
}

#[tokio::test]
async fn a_server_that_is_away_for_a_day_is_given_up() {
    let mut post = Post::with(&["--away"], LIMITS).await;
    post.invite(DORA).await;
    post.send().await;
    post.send_after(DAY - Duration::from_millis(1)).await;
    assert_eq!(post.status().await, "queued");
    post.send_after(QUARTER).await;
    assert_eq!(post.status().await, "failed");
    post.server.set_mode("accept").await;
    post.send_after(QUARTER).await;
    assert_eq!(post.server.mails().await, Vec::<Value>::new(), "it was erased");
}

#[tokio::test]
async fn a_mail_that_nobody_sent_in_time_is_not_sent_any_more() {
    let mut post = Post::new().await;
    post.invite(DORA).await;
    // The host was off, and the link is dead.
    post.send_after(2 * DAY).await;
    assert_eq!(post.status().await, "failed");
    assert_eq!(post.server.mails().await, Vec::<Value>::new());
}

#[tokio::test]
async fn only_the_newest_invitation_of_an_address_is_mailed() {
    let mut post = Post::new().await;
    post.invite(DORA).await;
    post.invite(DORA).await;
    post.send().await;
    let listed = post.world.get(super::PATH, &post.admin).await.expect(200);
    assert_eq!((&listed[0]["email_status"], &listed[1]["email_status"]), (&json!("sent"), &json!("failed")));
    assert_eq!(post.server.mails().await.len(), 1);
}

#[tokio::test]
async fn a_mail_whose_key_is_gone_waits_for_it_and_is_given_up() {
    let mut post = Post::new().await;
    let (client, now) = (ClientId(post.world.client(&post.admin, "Acme Corp").await), post.world.clock.now());
    let sealed = Sealed::from_stored("v1:gone:AAAA".to_owned());
    let invitation = NewInvitation {
        email: Email::parse(DORA).unwrap(),
        role: Role::Client,
        client_id: Some(client),
        token: TokenHash::of("token"),
        invited_by_admin_id: None,
        mail: Some(SealedMail { key: MailKey::generate(&OsEntropy).unwrap(), sealed }),
        created_at: now,
        expiry_date: now.plus(LIFETIME),
    };
    post.world.store.create_invitation(TenantScope::client(client), invitation).await.unwrap().unwrap();
    post.send().await;
    assert_eq!(post.status().await, "queued");
    post.send_after(DAY).await;
    assert_eq!(post.status().await, "failed");
    assert_eq!(post.server.recipients().await, 0);
}

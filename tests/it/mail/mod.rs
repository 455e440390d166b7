//! Mails through a real SMTP server: what admins are told of them, that none is lost and none sent twice at once, and what a mail server may
//! do meanwhile.

mod contract;
mod delivery;
mod hosts;
mod resets;
mod smtp;

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    clock::Timestamp,
    entropy::OsEntropy,
    mail::{Mail, SmtpMailer},
    model::email::Email,
    secret::MailKey,
    service::outbox::OutboxLimits,
};
use flowmastery_tests::{
    backend::{Backend, FreshStore},
    smtp::SmtpServer,
    world::{ADMIN, NOW, World},
};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/invitations";
const DORA: &str = "dora@agency.com";

/// Waits that are short where a test waits for them: for a server that hangs.
const LIMITS: OutboxLimits = OutboxLimits {
    patience: Duration::from_secs(10),
    lease: Duration::from_secs(60),
    tick: Duration::from_millis(10),
};

/// A world that sends its mails to a server, and the admin's token. Mails are sent when a test says so.
struct Post {
    world: World,
    admin: String,
    server: SmtpServer,
}

impl Post {
    async fn new() -> Self {
        Self::with(&[], LIMITS).await
    }

    async fn with(arguments: &[&str], limits: OutboxLimits) -> Self {
        let server = SmtpServer::start(arguments).await;
        let world = mailing(Backend::Sqlite.store().await, &server, limits).await;
        let admin = world.sign_in(ADMIN).await;
        Self { world, admin, server }
    }

    async fn invite(&self, email: &str) -> Value {
        let body = json!({ "email": email, "role": "admin" });
        self.world.post(PATH, &self.admin, body).await.expect(201)
    }

    /// What admins see of the newest invitation's mail.
    async fn status(&self) -> String {
        let listed = self.world.get(PATH, &self.admin).await;
        // A token does not live for as long as a mail may wait.
        if listed.status == 401 {
            let admin = self.world.sign_in(ADMIN).await;
            return status_of(&self.world.get(PATH, &admin).await.expect(200));
        }
        status_of(&listed.expect(200))
    }

    async fn send(&self) {
        self.world.app.outbox().send_due().await.unwrap();
    }

    async fn send_after(&self, wait: Duration) {
        self.world.clock.advance(wait);
        self.send().await;
    }
}

fn status_of(listed: &Value) -> String {
    listed[0]["email_status"].as_str().unwrap().to_owned()
}

/// A world over a store that sends its mails to a server.
async fn mailing(fresh: FreshStore, server: &SmtpServer, limits: OutboxLimits) -> World {
    let mailer = Arc::new(SmtpMailer::new(&server.config()).unwrap());
    World::with(fresh, |builder| builder.mailer(mailer).outbox_limits(limits)).await
}

/// The token of the link that a mail carries.
fn token(mail: &Value, page: &str) -> String {
    let text = mail["plain"].as_str().unwrap();
    let (_, rest) = text.split_once(&format!("https://agency.com/{page}?token=")).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

fn any_mail() -> Mail {
    Mail {
        key: MailKey::generate(&OsEntropy).unwrap(),
        date: Timestamp::parse(NOW).unwrap(),
        to: Email::parse(DORA).unwrap(),
        subject: "A subject".to_owned(),
        text: "A text with a link: https://agency.com/?token=a-secret-token\n".to_owned(),
        html: "<p>A text</p>".to_owned(),
    }
}

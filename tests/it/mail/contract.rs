//! The contract of mailers, on the SMTP mailer and a real server.

use std::sync::Arc;

use async_trait::async_trait;
use flowmastery_core::{
    mail::{Mailer, SmtpMailer},
    model::email::Email,
    testing::contract::mailer::{Delivered, MailFixture},
};
use flowmastery_tests::smtp::SmtpServer;
use serde_json::Value;
use tokio::sync::Mutex;

struct Fixture {
    mailer: SmtpMailer,
    server: Mutex<SmtpServer>,
}

#[async_trait]
impl MailFixture for Fixture {
    fn mailer(&self) -> &dyn Mailer {
        &self.mailer
    }

    fn refused(&self) -> Email {
        Email::parse("nobody@agency.com").unwrap()
    }

    async fn set_away(&self, is_away: bool) {
        self.server.lock().await.set_mode(if is_away { "gone" } else { "accept" }).await;
    }

    async fn quote_texts(&self) -> bool {
        self.server.lock().await.set_mode("echo").await;
        true
    }

    async fn delivered(&self) -> Vec<Delivered> {
        self.server.lock().await.mails().await.iter().map(read).collect()
    }
}

fn read(mail: &Value) -> Delivered {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Delivered {
        recipients: mail["to"].as_array().unwrap().iter().map(text).collect(),
        headers: mail["headers"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        text: text(&mail["plain"]),
        html: text(&mail["html"]),
    }
}

async fn on_fresh_post(case: impl AsyncFnOnce(Arc<dyn MailFixture>)) {
    let server = SmtpServer::start(&[]).await;
    let mailer = SmtpMailer::new(&server.config()).unwrap();
    case(Arc::new(Fixture { mailer, server: Mutex::new(server) })).await;
}

flowmastery_core::mailer_contract!(on_fresh_post);

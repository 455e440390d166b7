//! The dashboard in a real browser, over the standalone program and over axum.

mod axe;
mod hosts;
mod journey;
mod pictures;
mod tour;

use flowmastery_core::clock::{Clock, SystemClock, Timestamp};
use flowmastery_tests::{chromium::Tab, world::ADMIN};

use self::hosts::Host;
use crate::standalone::harness::PASSWORD;

fn now() -> Timestamp {
    SystemClock.now()
}

impl Host {
    /// Opens a page below the dashboard's path.
    async fn open(&self, tab: &Tab, path: &str) {
        tab.open(&format!("{}{path}", self.dashboard)).await;
    }

    /// Signs in as the admin.
    async fn sign_in(&self, tab: &Tab) {
        self.open(tab, "").await;
        enter(tab, ADMIN, PASSWORD).await;
        assert_eq!(tab.heading().await, "Clients");
    }

    /// Makes a client and connects it to the n8n; its settings are shown then.
    async fn connect(&self, tab: &Tab, name: &str) {
        self.make(tab, name).await;
        self.enter_key(tab, &self.n8n.key()).await;
        assert!(tab.text().await.contains("Address and key are good"), "{}", tab.text().await);
    }

    async fn make(&self, tab: &Tab, name: &str) {
        self.open(tab, "/clients/new").await;
        tab.fill("input[name=name]", name).await;
        tab.press("main button").await;
        assert_eq!(tab.heading().await, name);
    }

    async fn enter_key(&self, tab: &Tab, key: &str) {
        tab.fill("input[name=n8n_api_url]", &self.n8n.url()).await;
        tab.fill("input[name=n8n_api_key]", key).await;
        tab.press("form[action$='/n8n'] button").await;
    }

    /// Invites somebody to the numbers of the first client, and returns the link that the mail has.
    async fn invite(&mut self, tab: &Tab, email: &str) -> String {
        self.open(tab, "/people").await;
        tab.fill("form[action$='/invite'] input[name=email]", email).await;
        tab.pick("form[action$='/invite'] [name=client_id]", "1").await;
        tab.press("form[action$='/invite'] button").await;
        assert!(tab.text().await.contains("The invitation is on its way"), "{}", tab.text().await);
        let mail = self.smtp.mail().await;
        assert_eq!(mail["headers"]["to"], email);
        let text = mail["plain"].as_str().unwrap();
        let link = text.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        assert!(link.starts_with(&format!("{}/accept-invitation?token=", self.dashboard)), "{link}");
        link.to_owned()
    }
}

/// Fills in the form of signing in.
async fn enter(tab: &Tab, email: &str, password: &str) {
    tab.fill("input[name=email]", email).await;
    tab.fill("input[name=password]", password).await;
    tab.press("main button").await;
}

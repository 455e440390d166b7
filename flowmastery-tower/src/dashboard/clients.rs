//! The pages on which admins make clients and set them up.

use askama::Template;
use flowmastery_core::{
    clock::Timestamp,
    model::client::{Client, Connection},
};

use super::{Chrome, words};

/// Where a client is made.
#[derive(Template)]
#[template(path = "client-new.html")]
pub(crate) struct NewClientPage {
    pub(crate) chrome: Chrome,
    /// What was entered before.
    pub(crate) name: String,
}

/// Where a client is named, connected to its n8n, and deleted.
#[derive(Template)]
#[template(path = "client-settings.html")]
pub(crate) struct ClientSettingsPage {
    chrome: Chrome,
    id: i64,
    name: String,
    url: String,
    has_key: bool,
    state: &'static str,
    tone: &'static str,
    collected: String,
    error: Option<String>,
    /// How far the back-fill is.
    progress: Option<String>,
}

impl ClientSettingsPage {
    /// The page of a client; `url` is what was entered, where that was refused.
    pub(crate) fn new(chrome: Chrome, client: &Client, url: Option<String>, now: Timestamp) -> Self {
        let stored = || client.n8n_api_url.as_ref().map(ToString::to_string).unwrap_or_default();
        Self {
            id: client.id.0,
            name: client.name.to_string(),
            url: url.unwrap_or_else(stored),
            has_key: client.has_n8n_api_key,
            state: words::state(client.sync.status),
            tone: words::tone(client.sync.status),
            collected: words::ago(client.sync.last_success_at, now),
            error: client.sync.last_error.clone(),
            progress: client.sync.progress.as_ref().map(words::progress),
            chrome,
        }
    }
}

/// What is said of the test of an n8n.
pub(crate) fn tested(connection: &Connection) -> String {
    format!("The n8n was tested: {}", connection.message)
}

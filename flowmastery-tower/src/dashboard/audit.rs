//! The page of who did what.

use askama::Template;
use flowmastery_core::model::audit::{AuditAction, AuditEntry};
use jiff::tz::TimeZone;

use super::{Chrome, words};

struct Row {
    at: String,
    action: String,
    who: String,
    subject: String,
    address: String,
}

/// Who did what, newest first.
#[derive(Template)]
#[template(path = "audit.html")]
pub(crate) struct AuditPage {
    chrome: Chrome,
    entries: Vec<Row>,
    /// The action that is chosen.
    action: String,
    /// The query of the page after this one.
    next: Option<String>,
}

impl AuditPage {
    /// The page of these entries.
    pub(crate) fn new(
        chrome: Chrome,
        entries: &[AuditEntry],
        (action, next): (String, Option<String>),
    ) -> Self {
        let row = |entry: &AuditEntry| Row {
            at: words::instant(Some(entry.at), &TimeZone::UTC),
            action: entry.action.clone(),
            who: match (&entry.actor_email, entry.actor_id) {
                (Some(email), _) => email.clone(),
                (None, Some(id)) => format!("User {id}"),
                (None, None) => "–".to_owned(),
            },
            subject: match (&entry.subject_kind, entry.subject_id) {
                (Some(kind), Some(id)) => format!("{kind} {id}"),
                (Some(kind), None) => kind.clone(),
                _ => "–".to_owned(),
            },
            address: entry.address.clone().unwrap_or_else(|| "–".to_owned()),
        };
        Self { entries: entries.iter().map(row).collect(), action, next, chrome }
    }

    fn actions(&self) -> &'static [&'static str] {
        AuditAction::NAMES
    }
}

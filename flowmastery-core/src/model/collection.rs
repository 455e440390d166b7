//! How the collection of a client stands, and what readers are told of it.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    model::{
        client::{Progress, Sync},
        freshness::{ConnectionStatus, Freshness, FreshnessStatus},
    },
};

/// How the collection of a client stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Counts up with every change of the client's numbers.
    pub data_version: i64,
    /// When the numbers last changed.
    pub changed_at: Option<Timestamp>,
    /// When a collection last succeeded from end to end.
    pub last_success_at: Option<Timestamp>,
    /// Why the last collection failed; `None` when it succeeded or none was tried.
    pub failure: Option<Failure>,
    /// How far the first back-fill is; `None` before the first page and once it is complete.
    pub progress: Option<Progress>,
}

/// Why a collection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is in the way; never [`ConnectionStatus::Ok`].
    pub status: ConnectionStatus,
    /// The same as a sentence that may be shown.
    pub message: String,
}

impl CollectionRecord {
    /// Whether no collection was ever tried to its end, so that a reader should wait for the first.
    pub fn is_untried(&self) -> bool {
        self.last_success_at.is_none() && self.failure.is_none()
    }

    /// How fresh the numbers are at `now`, for a client with or without an n8n that is collected from every `interval`.
    pub fn freshness(&self, configured: bool, now: Timestamp, interval: Duration) -> Freshness {
        let status = self.status(configured, now, interval);
        let message = self.message(status);
        Freshness { status, last_success_at: self.last_success_at, message, gaps: Vec::new() }
    }

    /// The same for admins, as part of the client.
    pub fn sync(&self, configured: bool, now: Timestamp, interval: Duration) -> Sync {
        Sync {
            status: self.status(configured, now, interval),
            last_success_at: self.last_success_at,
            last_error: self.failure.as_ref().map(|failure| failure.message.clone()),
            progress: self.progress,
        }
    }

    fn status(&self, configured: bool, now: Timestamp, interval: Duration) -> FreshnessStatus {
        if !configured {
            return FreshnessStatus::NotConfigured;
        }
        match (self.failure.as_ref().map(|failure| failure.status), self.last_success_at) {
            (Some(ConnectionStatus::AuthFailed), _) => FreshnessStatus::AuthFailed,
            (Some(ConnectionStatus::MissingScope), _) => FreshnessStatus::MissingScope,
            (Some(ConnectionStatus::NotN8n), _) => FreshnessStatus::NotN8n,
            (Some(ConnectionStatus::Unreachable | ConnectionStatus::Ok), _) => FreshnessStatus::Unreachable,
            (None, None) => FreshnessStatus::Collecting,
            (None, Some(last)) if now.since(last) <= interval * 2 => FreshnessStatus::Live,
            (None, Some(_)) => FreshnessStatus::Stale,
        }
    }

    fn message(&self, status: FreshnessStatus) -> String {
        let last = match self.last_success_at {
            Some(last) => format!("the numbers are those of {last}"),
            None => "there are no numbers yet".to_owned(),
        };
        match status {
            FreshnessStatus::Live => "The numbers are up to date.".to_owned(),
            FreshnessStatus::Stale => format!("No collection has run for a while; {last}."),
            FreshnessStatus::NotConfigured => format!("No n8n is configured for this client; {last}."),
            FreshnessStatus::Collecting => match self.progress {
                Some(progress) => {
                    format!("The first collection is under way: {} executions so far.", progress.executions)
                }
                None => "The first collection has not finished yet.".to_owned(),
            },
            FreshnessStatus::AuthFailed
            | FreshnessStatus::MissingScope
            | FreshnessStatus::Unreachable
            | FreshnessStatus::NotN8n => {
                let reason = self.failure.as_ref().map_or("", |failure| failure.message.as_str());
                format!("{reason} Until then {last}.").trim_start().to_owned()
            }
        }
    }
}

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
    /// Whether everything that n8n had was read once; not so before the first collection ended, and again after the address changed.
    pub back_filled: bool,
    /// When a collection was last begun.
    pub last_attempt_at: Option<Timestamp>,
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
    /// How long a reader at `now` should wait for the first collection, of at most `patience` from its beginning; zero once it ended.
    pub fn wait_for_first(&self, now: Timestamp, patience: Duration) -> Duration {
        if self.back_filled || self.failure.is_some() {
            return Duration::ZERO;
        }
        patience.saturating_sub(self.last_attempt_at.map_or(Duration::ZERO, |begun| now.since(begun)))
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
            (None, Some(_)) if !self.back_filled => FreshnessStatus::Collecting,
            (None, Some(last)) if now.since(last) <= interval * 2 => FreshnessStatus::Live,
            (None, Some(_)) => FreshnessStatus::Stale,
        }
    }

    fn message(&self, status: FreshnessStatus) -> String {
        let last = match self.last_success_at {
            Some(last) => format!("The numbers are those of {last}."),
            None => "There are no numbers yet.".to_owned(),
        };
        match status {
            FreshnessStatus::Live => "The numbers are up to date.".to_owned(),
            FreshnessStatus::Stale => format!("No collection has run for a while. {last}"),
            FreshnessStatus::NotConfigured => format!("No n8n is configured for this client. {last}"),
            FreshnessStatus::Collecting => match self.progress {
                Some(progress) => {
                    format!(
                        "The first collection is under way: {} executions so far. {last}",
                        progress.executions
                    )
                }
                None => format!("The first collection has not finished yet. {last}"),
            },
            FreshnessStatus::AuthFailed
            | FreshnessStatus::MissingScope
            | FreshnessStatus::Unreachable
            | FreshnessStatus::NotN8n => {
                let reason = self.failure.as_ref().map_or("", |failure| failure.message.as_str());
                format!("{reason} {last}").trim_start().to_owned()
            }
        }
    }
}

//! How the collection of a client stands, and what readers are told of it.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    model::{
        client::{Progress, Sync},
        freshness::{ConnectionStatus, Freshness, FreshnessStatus, Gap},
    },
};

/// How the collection of a client stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CollectionRecord {
    /// Counts up with every change of the client's numbers.
    pub data_version: i64,
    /// When the numbers last changed.
    pub changed_at: Option<Timestamp>,
    /// Whether everything that n8n had was read once; not so before the first walk over it ended, and again after the instance changed.
    pub back_filled: bool,
    /// When a collection was last begun.
    pub last_attempt_at: Option<Timestamp>,
    /// When a collection last succeeded from end to end.
    pub last_success_at: Option<Timestamp>,
    /// When executions of another FlowMastery were taken over; `None` when none were.
    pub imported_at: Option<Timestamp>,
    /// Why the last collection failed; `None` when it succeeded or none was tried.
    pub failure: Option<Failure>,
    /// How far the first back-fill is; `None` before the first page and once it is complete.
    pub progress: Option<Progress>,
    /// Spans that n8n pruned before they could be collected, oldest first.
    pub gaps: Vec<Gap>,
    /// When n8n was last found to have another database than before; `None` when it never was.
    pub epoch_begun_at: Option<Timestamp>,
}

/// For how long readers are told that n8n has another database than before.
const NEWS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Why a collection failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is in the way; never [`ConnectionStatus::Ok`].
    pub status: ConnectionStatus,
    /// The same as a sentence that may be shown.
    pub message: String,
}

impl CollectionRecord {
    /// Whether there are numbers: before, every count is null.
    pub fn has_numbers(&self) -> bool {
        self.last_success_at.or(self.imported_at).is_some()
    }

    /// How long a reader at `now` should wait for the first collection of an instance, of at most `patience` from its beginning; zero once
    /// it ended, though a long back-fill may still go on.
    pub fn wait_for_first(&self, now: Timestamp, patience: Duration) -> Duration {
        let was_collected = self.last_success_at.is_some() && (self.back_filled || self.progress.is_some());
        if was_collected || self.failure.is_some() {
            return Duration::ZERO;
        }
        patience.saturating_sub(self.last_attempt_at.map_or(Duration::ZERO, |begun| now.since(begun)))
    }

    /// How fresh the numbers are at `now`, for a client with or without an n8n that is collected from every `interval`.
    pub fn freshness(&self, configured: bool, now: Timestamp, interval: Duration) -> Freshness {
        let status = self.status(configured, now, interval);
        let message = format!("{}{}", self.message(status), self.news(now));
        Freshness { status, last_success_at: self.last_success_at, message, gaps: self.gaps.clone() }
    }

    /// The last instant at which [`CollectionRecord::freshness`] says what it says at `now`, if nothing happens; `None` when it goes on
    /// saying that.
    pub fn freshness_until(&self, configured: bool, now: Timestamp, interval: Duration) -> Option<Timestamp> {
        let is_live = self.status(configured, now, interval) == FreshnessStatus::Live;
        let live = self.last_success_at.filter(|_| is_live).map(|last| last.plus(interval * 2));
        let news = self.epoch_begun_at.map(|begun| begun.plus(NEWS)).filter(|end| *end >= now);
        live.into_iter().chain(news).min()
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

    /// What readers should know of the numbers besides.
    fn news(&self, now: Timestamp) -> String {
        let mut news = String::new();
        if let Some(begun) = self.epoch_begun_at.filter(|begun| now.since(*begun) <= NEWS) {
            news.push_str(&format!(
                " Since {begun} n8n has another database than before (it was reset, restored or replaced); what ran before stays counted."
            ));
        }
        if !self.gaps.is_empty() {
            news.push_str(
                " n8n removed executions before they could be collected; the spans are listed as gaps.",
            );
        }
        news
    }

    fn message(&self, status: FreshnessStatus) -> String {
        let last = match (self.last_success_at, self.imported_at) {
            (Some(last), _) => format!("The numbers are those of {last}."),
            (None, Some(at)) => format!("The numbers are those that were imported at {at}."),
            (None, None) => "There are no numbers yet.".to_owned(),
        };
        match status {
            FreshnessStatus::Live => "The numbers are up to date.".to_owned(),
            FreshnessStatus::Stale => format!("No collection has run for a while. {last}"),
            FreshnessStatus::NotConfigured => format!("No n8n is configured for this client. {last}"),
            FreshnessStatus::Collecting => match self.progress {
                Some(progress) => {
                    let back_to =
                        progress.oldest.map_or_else(String::new, |oldest| format!(", back to {oldest}"));
                    format!(
                        "The first collection is under way: {} executions so far{back_to}. {last}",
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

//! What operators are told of back-fills while they go on.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{clock::Timestamp, id::ClientId, model::client::Progress};

/// How long nothing more is said of a client.
const PAUSE: Duration = Duration::from_secs(10);

/// When something was last said of the first back-fill of each client, while that goes on.
#[derive(Debug, Default)]
pub(super) struct Said(Mutex<HashMap<ClientId, Timestamp>>);

impl Said {
    /// Says how far the first back-fill of a client is, unless that was said just now.
    pub(super) fn progress(&self, client: ClientId, progress: Progress, now: Timestamp) {
        if !self.is_due(client, now) {
            return;
        }
        let Progress { executions, oldest } = progress;
        let back_to = oldest.map(tracing::field::display);
        tracing::info!(client.id = client.0, executions, back_to, "a first back-fill goes on");
    }

    /// Says that a first back-fill is at its end, if it was spoken of.
    pub(super) fn end(&self, client: ClientId, executions: i64) {
        if self.said().remove(&client).is_some() {
            tracing::info!(client.id = client.0, executions, "a first back-fill is complete");
        }
    }

    fn is_due(&self, client: ClientId, now: Timestamp) -> bool {
        let mut said = self.said();
        let is_due = said.get(&client).is_none_or(|last| now.since(*last) >= PAUSE);
        if is_due {
            // Those that were given up are not kept for ever.
            said.retain(|_, last| now.since(*last) < PAUSE * 360);
            said.insert(client, now);
        }
        is_due
    }

    fn said(&self) -> std::sync::MutexGuard<'_, HashMap<ClientId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_is_spoken_of_every_ten_seconds_at_most() {
        let said = Said::default();
        let at = |seconds| Timestamp::from_millis(1_798_732_800_000 + seconds * 1000);
        let heard = (0..25).filter(|second| said.is_due(ClientId(1), at(*second)));
        assert_eq!(heard.collect::<Vec<_>>(), [0, 10, 20]);
        assert!(said.is_due(ClientId(2), at(21)), "another client");
        said.end(ClientId(1), 5);
        assert!(said.is_due(ClientId(1), at(25)), "another back-fill");
    }
}

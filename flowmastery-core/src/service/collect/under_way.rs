//! The collections of this process that have not ended, and their leases, which are renewed together.
//!
//! A client stands here once: who asks for it meanwhile joins. One whose turn is over, since another host or a new configuration took the
//! next one, is ended where the renewal finds that out, if it did not notice itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{CONCURRENCY, Collector, LEASE, pull::End};
use crate::{
    access::scope::TenantScope,
    error::causes,
    id::ClientId,
    store::{Due, Turn},
};

/// How often the leases of what is under way are renewed.
const RENEWAL: Duration = Duration::from_secs(3);

/// The collections that have not ended.
#[derive(Default)]
pub(super) struct UnderWay(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    by_client: HashMap<ClientId, Entry>,
    /// Whether there is a task that renews their leases.
    renewing: bool,
}

struct Entry {
    /// Closed at its end, with how it ended.
    done: watch::Receiver<End>,
    /// Ends it between two pages.
    cancel: CancellationToken,
    /// As what it was begun; what is asked for is taken for sound.
    due: Due,
    /// Its lease, once it has one.
    turn: Option<Turn>,
}

impl UnderWay {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more may be started. Those whose last collection failed share half of the slots, so that servers that hang leave the other
    /// half to those that answer. What a host left that is gone has as many slots of its own: nothing that is slow here keeps it waiting.
    pub(super) fn room(&self, due: Due) -> usize {
        let entries = self.entries();
        let count = |which: Due| entries.by_client.values().filter(|entry| entry.due == which).count();
        let (failing, all) = (count(Due::Failing), count(Due::Failing) + count(Due::Sound));
        match due {
            Due::Abandoned => CONCURRENCY.saturating_sub(count(Due::Abandoned)),
            Due::Sound => CONCURRENCY.saturating_sub(all),
            Due::Failing => CONCURRENCY.saturating_sub(all).min((CONCURRENCY / 2).saturating_sub(failing)),
        }
    }

    /// Ends the collection of a client between two pages, and forgets it.
    pub(super) fn cancel(&self, client: ClientId) {
        if let Some(entry) = self.entries().by_client.remove(&client) {
            entry.cancel.cancel();
        }
    }
}

impl Collector {
    /// Starts a collection of a client, leased already or to be leased, or joins the one that is under way here; what it returns closes
    /// when that ends.
    pub(super) fn start(&self, client: ClientId, turn: Option<Turn>, due: Due) -> watch::Receiver<End> {
        let mut entries = self.0.under_way.entries();
        if let Some(entry) = entries.by_client.get(&client) {
            if turn.is_none() {
                return entry.done.clone();
            }
            // It has no turn yet, or one that is over: its lease ran out.
            entry.cancel.cancel();
        }
        let (end, done) = watch::channel(End::Noted);
        let cancel = self.0.stop.child_token();
        entries.by_client.insert(client, Entry { done: done.clone(), cancel: cancel.clone(), due, turn });
        if !std::mem::replace(&mut entries.renewing, true) {
            self.0.tasks.spawn(self.clone().renew());
        }
        drop(entries);
        let this = self.clone();
        self.0.tasks.spawn(async move {
            let registered = Registered { collector: &this, client, done: end.subscribe() };
            let ended = this.collect(&registered, (due, turn), &cancel).await;
            drop(registered);
            match ended {
                Ok(ended) => {
                    end.send_replace(ended);
                    this.0.freed.notify_one();
                }
                // The next look waits for its time, so that nothing spins.
                Err(error) => {
                    let cause = causes(&error);
                    tracing::error!(client.id = client.0, error = %error, cause, "a collection could not be stored");
                }
            }
        });
        done
    }

    /// Renews the leases of what is under way, until nothing is.
    async fn renew(self) {
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => {}
                () = tokio::time::sleep(RENEWAL) => {}
            }
            let turns: Vec<Turn> = {
                let mut entries = self.0.under_way.entries();
                // What stops gives its leases back by itself.
                if entries.by_client.is_empty() || self.0.stop.is_cancelled() {
                    entries.renewing = false;
                    return;
                }
                entries.by_client.values().filter_map(|entry| entry.turn).collect()
            };
            if turns.is_empty() {
                continue;
            }
            let until = self.0.clock.now().plus(LEASE);
            match self.0.store.renew_leases(TenantScope::ALL, &turns, until).await {
                Ok(ours) => self.end_others(&turns, &ours),
                Err(error) => {
                    let cause = causes(&error);
                    tracing::warn!(error = %error, cause, "the leases of collections could not be renewed");
                }
            }
        }
    }

    /// Ends the collections whose turn is over.
    fn end_others(&self, asked: &[Turn], ours: &[Turn]) {
        let entries = self.0.under_way.entries();
        for entry in entries.by_client.values() {
            let lost = entry.turn.filter(|turn| asked.contains(turn) && !ours.contains(turn));
            if let Some(turn) = lost {
                tracing::debug!(client.id = turn.client.0, "a collection whose lease is gone is ended");
                entry.cancel.cancel();
            }
        }
    }
}

/// Takes a collection off the list of those under way, however it ends.
pub(super) struct Registered<'a> {
    collector: &'a Collector,
    pub(super) client: ClientId,
    done: watch::Receiver<End>,
}

impl Registered<'_> {
    /// Has the lease of its turn renewed from now on.
    pub(super) fn leased(&self, turn: Turn) {
        let mut entries = self.collector.0.under_way.entries();
        // Another one may have taken its place.
        let entry =
            entries.by_client.get_mut(&self.client).filter(|entry| entry.done.same_channel(&self.done));
        if let Some(entry) = entry {
            entry.turn = Some(turn);
        }
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        let mut entries = self.collector.0.under_way.entries();
        if entries.by_client.get(&self.client).is_some_and(|entry| entry.done.same_channel(&self.done)) {
            entries.by_client.remove(&self.client);
        }
    }
}

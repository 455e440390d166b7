//! What is noted in the audit log beside requests: attempts that changed nothing, by people who are not signed in or not permitted.
//!
//! Nobody waits for it and nothing fails by it: a store that is away is a warning. Whoever floods us must not fill the disk, so a minute has
//! room for so many, and one entry counts what was left out.

mod limit;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::limit::{LeftOut, Limit};
use crate::{
    clock::Clock,
    error::causes,
    model::audit::{AuditAction, AuditDetail},
    outage::Outage,
    store::{NewAuditEntry, Store},
};

/// How often it is looked for what was left out.
const TICK: Duration = Duration::from_secs(60);

/// Notes attempts beside requests. Clones share everything.
#[derive(Clone)]
pub(crate) struct AuditNotes(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    limit: Mutex<Limit>,
    outage: Outage,
    tasks: TaskTracker,
}

impl AuditNotes {
    pub(crate) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            store,
            clock,
            limit: Mutex::default(),
            outage: Outage::default(),
            tasks: TaskTracker::new(),
        }))
    }

    /// Notes an attempt, if this minute has room for it.
    pub(crate) fn note(&self, entry: NewAuditEntry) {
        let (left_out, has_room) = {
            let mut limit = self.limit();
            (limit.begin_minute(self.0.clock.elapsed()), limit.take(&entry))
        };
        self.note_left_out(left_out);
        if has_room {
            self.write(entry);
        }
    }

    /// Counts what is left out until `stop` is cancelled.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(TICK) => {}
            }
            let left_out = self.limit().begin_minute(self.0.clock.elapsed());
            self.note_left_out(left_out);
        }
    }

    /// Counts what is left out up to now, and waits for what is being written.
    pub(crate) async fn settle(&self) {
        let left_out = self.limit().end();
        self.note_left_out(left_out);
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn limit(&self) -> MutexGuard<'_, Limit> {
        self.0.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_left_out(&self, left_out: LeftOut) {
        if left_out.is_empty() {
            return;
        }
        let counted = left_out
            .into_iter()
            .fold(AuditDetail::default(), |detail, (action, count)| detail.with(action.as_str(), count));
        self.write(NewAuditEntry::new(AuditAction::LeftOut, self.0.clock.now()).saying(counted));
    }

    fn write(&self, entry: NewAuditEntry) {
        let inner = self.0.clone();
        let write = async move {
            let action = entry.action.as_str();
            match inner.store.note(entry).await {
                Ok(()) if inner.outage.ends() => tracing::info!("attempts are noted in the audit log again"),
                Ok(()) => {}
                Err(error) if inner.outage.begins() => {
                    let cause = causes(&error);
                    tracing::warn!(action, error = %error, cause, "an attempt could not be noted in the audit log");
                }
                Err(error) => {
                    tracing::debug!(action, error = %error, "an attempt could not be noted in the audit log");
                }
            }
        };
        // Its end is waited for when the host stops.
        drop(self.0.tasks.spawn(write));
    }
}

impl fmt::Debug for AuditNotes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditNotes").finish_non_exhaustive()
    }
}

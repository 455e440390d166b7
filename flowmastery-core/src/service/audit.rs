//! The audit log: who did what, for admins to read; what the host was refused to do for somebody; and the end of old entries.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    access::{actor::Actor, permission::Permission},
    audit::AuditNotes,
    clock::Clock,
    error::{Result, causes},
    id::ClientId,
    model::audit::{AuditAction, AuditEntry, AuditFilter, AuditPosition, AuditSubject},
    page::{Page, PageRequest},
    store::{NewAuditEntry, Store},
};

/// How often it is looked for entries that are old enough.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How many entries go at once.
const BATCH: u32 = 1000;

/// The audit log.
#[derive(Clone, Debug)]
pub struct Audit {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) notes: AuditNotes,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Duration,
}

impl Audit {
    /// Entries, newest first.
    ///
    /// # Errors
    /// [`crate::error::Kind::Forbidden`] for all but admins.
    pub async fn list(
        &self,
        actor: Actor,
        filter: &AuditFilter,
        page: PageRequest<AuditPosition>,
    ) -> Result<Page<AuditEntry, AuditPosition>> {
        actor.require(Permission::ViewAudit)?;
        Ok(self.store.list_audit(actor.scope(), filter, page).await?)
    }

    /// Notes that somebody was refused what their role does not allow, or the record of another client. It is written beside the caller,
    /// who neither waits for it nor fails by it; of very many a minute only some are kept, and the others counted.
    ///
    /// `attempt` says what was tried without values that callers choose, such as a method with the template of a path.
    pub fn denied(&self, actor: Actor, attempt: &str, target: Option<ClientId>) {
        let entry = NewAuditEntry::new(AuditAction::Denied, self.clock.now()).by(actor.scope().author());
        let mut entry = entry.of(actor.client_id()).with("attempt", attempt);
        if let Some(target) = target {
            entry = entry.on(AuditSubject::Client(target));
        }
        self.notes.note(entry);
    }

    /// Removes entries that are old enough, a batch at a time; how many went. Several hosts may do so at once.
    ///
    /// # Errors
    /// [`crate::error::Kind::Unavailable`] when the store is away; what is left goes the next time.
    pub async fn sweep(&self, stop: &CancellationToken) -> Result<u64> {
        let before = self.clock.now().minus(self.retention);
        let mut removed = 0;
        while !stop.is_cancelled() {
            let gone = self.store.remove_old_audit(before, BATCH).await?;
            removed += gone;
            if gone < u64::from(BATCH) {
                break;
            }
        }
        Ok(removed)
    }

    /// Keeps the log until `stop` is cancelled.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        tokio::join!(self.notes.run(stop), self.age_out(stop));
    }

    /// Waits for what is being noted.
    pub(crate) async fn settle(&self) {
        self.notes.settle().await;
    }

    async fn age_out(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.sweep(stop).await {
                let cause = causes(&error);
                tracing::warn!(error = %error, cause, "old entries of the audit log could not be removed");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }
}

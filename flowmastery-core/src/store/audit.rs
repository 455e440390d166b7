//! The audit log: entries are added and, when they are old, removed; nothing changes one.
//!
//! Whatever changes something writes its entry itself, in the same transaction, so that there is neither without the other. Only what
//! changes nothing is noted here.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::{ClientId, UserId},
    model::audit::{AuditAction, AuditDetail, AuditEntry, AuditFilter, AuditPosition, AuditSubject},
    page::{Page, PageRequest},
    request::RequestOrigin,
};

/// An entry to be stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewAuditEntry {
    /// When.
    pub at: Timestamp,
    /// What was done.
    pub action: AuditAction,
    /// Who did it.
    pub actor: Option<UserId>,
    /// From where.
    pub origin: RequestOrigin,
    /// For whose scope to see.
    pub client: Option<ClientId>,
    /// To what.
    pub subject: Option<AuditSubject>,
    /// What else is to be known.
    pub detail: AuditDetail,
}

impl NewAuditEntry {
    /// What the host itself does.
    pub fn new(action: AuditAction, at: Timestamp) -> Self {
        let (origin, detail) = (RequestOrigin::default(), AuditDetail::default());
        Self { at, action, actor: None, origin, client: None, subject: None, detail }
    }

    /// The same done by somebody, as far as that is known.
    #[must_use]
    pub fn by(mut self, author: Option<Author>) -> Self {
        if let Some(Author { user, origin }) = author {
            (self.actor, self.origin) = (Some(user), origin);
        }
        self
    }

    /// The same done by nobody who is known, from somewhere.
    #[must_use]
    pub fn seen_from(mut self, origin: RequestOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// The same for a client's scope to see.
    #[must_use]
    pub fn of(mut self, client: impl Into<Option<ClientId>>) -> Self {
        self.client = client.into();
        self
    }

    /// The same done to something.
    #[must_use]
    pub fn on(mut self, subject: AuditSubject) -> Self {
        self.subject = Some(subject);
        self
    }

    /// The same with what else is to be known.
    #[must_use]
    pub fn saying(mut self, detail: AuditDetail) -> Self {
        self.detail = detail;
        self
    }

    /// The same with one more thing that is to be known.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.detail = self.detail.with(name, value);
        self
    }
}

/// The audit log.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an entry for what changed nothing. Whose it is the entry says, so there is no scope.
    async fn note(&self, entry: NewAuditEntry) -> StoreResult<()>;

    /// Entries, newest first; those of no client are for whoever sees every client.
    async fn list_audit(
        &self,
        scope: TenantScope,
        filter: &AuditFilter,
        page: PageRequest<AuditPosition>,
    ) -> StoreResult<Page<AuditEntry, AuditPosition>>;

    /// Removes at most `rows` of the entries from before an instant, the oldest first; how many went. Those of the database's last
    /// [`KEPT_AT_LEAST_DAYS`] days stay.
    async fn remove_old_audit(&self, before: Timestamp, rows: u32) -> StoreResult<u64>;
}

/// For how long entries stay whatever is asked for; the migration `audit_log` says the same.
pub const KEPT_AT_LEAST_DAYS: u64 = 30;

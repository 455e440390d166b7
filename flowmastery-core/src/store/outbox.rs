//! The outbox: mails that wait for the mail server.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    model::{
        invitation::EmailStatus,
        outbox::{LeasedMail, MailLease, NewResetRequest},
    },
};

/// Mails that wait for the mail server. An invitation's is stored together with it, by [`super::InvitationStore::create_invitation`].
#[async_trait]
pub trait OutboxStore: Send + Sync {
    /// Stores a wish for a password reset, or leaves everything as it is when one waits for the same address, with the same work either
    /// way. There is no scope: whose address it is, is not known yet.
    ///
    /// Whether there was room, of which there is for so many.
    async fn queue_reset_request(&self, request: NewResetRequest, room: u32) -> StoreResult<bool>;

    /// Leases mails that are due, the longest waiting first, each to one caller at a time: until `until` nobody else gets them, unless
    /// the lease is ended before.
    async fn lease_mails(
        &self,
        scope: TenantScope,
        (now, until): (Timestamp, Timestamp),
        limit: u16,
    ) -> StoreResult<Vec<LeasedMail>>;

    /// Erases a mail that went or never will, and notes that on its invitation, in one transaction; nothing when the lease is over.
    async fn finish_mail(&self, scope: TenantScope, lease: MailLease, status: EmailStatus)
    -> StoreResult<()>;

    /// Notes why a mail did not go and when it is tried again; nothing when the lease is over.
    async fn postpone_mail(
        &self,
        scope: TenantScope,
        lease: MailLease,
        next_attempt: Timestamp,
        error: &str,
    ) -> StoreResult<()>;
}

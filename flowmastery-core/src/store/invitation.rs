//! Invitations.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{InvitationId, SessionId},
    model::{
        invitation::{Invitation, NewInvitation, Renewal},
        session::{NewSession, TokenHash},
        user::User,
    },
    page::{Page, PageRequest},
};

/// An invitation with the name of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredInvitation {
    /// The invitation; its status is `Expired` once its time is over.
    pub invitation: Invitation,
    /// Name of its client.
    pub client_name: Option<String>,
}

/// What became of accepting an invitation.
#[derive(Clone, Debug)]
pub enum Accepted {
    /// The account is made and signed in.
    Accepted {
        /// The new session.
        session: SessionId,
        /// The new account.
        user: User,
    },
    /// Its time is over.
    Expired,
    /// Unknown, accepted, revoked, or its client is deleted.
    NotFound,
    /// The address has an account by now.
    AccountExists,
}

/// What became of revoking an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// Its link is dead, and a mail that waited is erased.
    Revoked,
    /// Unknown inside the scope, revoked before, or its client is deleted.
    NotFound,
    /// Somebody accepted it: there is an account.
    Accepted,
}

/// Invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Stores an invitation with its mail, and revokes every pending one for the same address and erases its mail, in one transaction;
    /// `None` when its client is not in the scope or deleted.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] when the address has an account.
    async fn create_invitation(
        &self,
        scope: TenantScope,
        invitation: NewInvitation,
    ) -> StoreResult<Option<Invitation>>;

    /// Invitations, newest first; one whose time is over at `now` shows as expired.
    async fn list_invitations(
        &self,
        scope: TenantScope,
        page: PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<Invitation>>;

    /// An invitation by the hash of its token, which is the key to it; those of deleted clients are gone.
    async fn find_invitation(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> StoreResult<Option<StoredInvitation>>;

    /// An invitation by id.
    async fn find_invitation_by_id(
        &self,
        scope: TenantScope,
        id: InvitationId,
        now: Timestamp,
    ) -> StoreResult<Option<Invitation>>;

    /// Gives an invitation that is pending or expired another token, time and mail, in one transaction; the token before is dead, and its mail
    /// erased. `None` when there is no such invitation.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] when the address has an account by now.
    async fn renew_invitation(
        &self,
        scope: TenantScope,
        id: InvitationId,
        renewal: Renewal,
    ) -> StoreResult<Option<Invitation>>;

    /// Revokes an invitation that is pending or expired, and erases its mail, in one transaction.
    async fn revoke_invitation(
        &self,
        scope: TenantScope,
        id: InvitationId,
        now: Timestamp,
    ) -> StoreResult<Revocation>;

    /// Makes the account and its first session and spends the invitation, in one transaction that happens once, however many race.
    async fn accept_invitation(
        &self,
        token: &TokenHash,
        hashed_password: &SecretString,
        session: NewSession,
    ) -> StoreResult<Accepted>;
}

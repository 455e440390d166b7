//! Sessions and their refresh tokens.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{SessionId, UserId},
    model::{
        session::{NewSession, Rotation, Session, TokenHash},
        user::User,
    },
    page::{Page, PageRequest},
};

/// Sessions. They belong to users, not to tenants; the token that names one is the key to it.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Opens a session for a user whose password just verified against a stored hash, and notes the sign-in, in one transaction; `None`
    /// when the user may no longer sign in, or the stored hash is another one by now.
    async fn open_session(
        &self,
        user: UserId,
        verified: &SecretString,
        session: NewSession,
    ) -> StoreResult<Option<(SessionId, User)>>;

    /// The user of an open session, as stored now, and when the session expires unless it is prolonged; `None` when it is closed or
    /// expired, the user inactive or deleted, or the client deleted.
    async fn find_session_user(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> StoreResult<Option<(User, Timestamp)>>;

    /// Spends a refresh token and stores its successor, valid until `next.expires_at`, in one transaction.
    ///
    /// A token that was spent already is honoured while none of its successors is spent (the answer may have been lost), and of
    /// several successors the one that is spent first; every other use is a replay, which closes the session.
    async fn rotate_refresh(&self, presented: &TokenHash, next: NewSession) -> StoreResult<Rotation>;

    /// The open sessions of a user inside the scope, newest first.
    async fn list_sessions(
        &self,
        scope: TenantScope,
        user: UserId,
        page: PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<Session>>;

    /// Closes a session of this user inside the scope; whether it was one, and open.
    async fn close_session(
        &self,
        scope: TenantScope,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> StoreResult<bool>;
}

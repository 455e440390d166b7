//! Sessions and their refresh tokens.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::Author,
    clock::Timestamp,
    id::{SessionId, UserId},
    model::{
        session::{NewSession, Rotation, TokenHash},
        user::User,
    },
};

/// Sessions. They belong to users, not to tenants; the token that names one is the key to it.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Opens a session for a user who just signed in and notes the sign-in; `None` when the user may no longer sign in.
    async fn open_session(&self, user: UserId, session: NewSession)
    -> StoreResult<Option<(SessionId, User)>>;

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

    /// Closes a session for whoever signs out; whether it was open.
    async fn close_session(&self, session: SessionId, author: Author, now: Timestamp) -> StoreResult<bool>;
}

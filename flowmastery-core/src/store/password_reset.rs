//! Password resets: the tokens in mailed links.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::UserId,
    model::{
        outbox::{MailLease, NewReset},
        session::TokenHash,
    },
    request::RequestOrigin,
};

/// What became of a password reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The password is another one, and the user signed out everywhere.
    Done(UserId),
    /// Its time is over.
    Expired,
    /// Unknown, spent, ended by a newer one, or of a user who may not sign in.
    NotFound,
}

/// Password resets. The token that names one is the key to it.
#[async_trait]
pub trait PasswordResetStore: Send + Sync {
    /// Stores a password reset in place of the user's older one, and its mail in place of the wish for it, in one transaction. Whether it
    /// did: not when the lease is over, the user may not sign in, or has an older one from within [`crate::model::outbox::RESET_GAP`].
    async fn open_reset(&self, scope: TenantScope, lease: MailLease, reset: NewReset) -> StoreResult<bool>;

    /// When a password reset expires; `None` where [`Self::confirm_reset`] would find none.
    async fn find_reset(&self, token: &TokenHash) -> StoreResult<Option<Timestamp>>;

    /// Spends a password reset, sets the password and closes every session of the user, in one transaction that happens once, however
    /// many race.
    async fn confirm_reset(
        &self,
        token: &TokenHash,
        hashed_password: &SecretString,
        origin: RequestOrigin,
        now: Timestamp,
    ) -> StoreResult<Reset>;
}

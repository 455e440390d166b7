//! The tokens of a session: signing in, refreshing and accepting an invitation make them in the same way.

use std::sync::Arc;

use crate::{
    access::token::TokenCodec,
    clock::Timestamp,
    entropy::Entropy,
    error::Result,
    id::SessionId,
    model::{
        session::{NewSession, OpaqueToken, SignedIn, TokenLifetimes},
        user::User,
    },
    request::RequestOrigin,
};

/// Makes the tokens of a session.
#[derive(Clone, Debug)]
pub(crate) struct TokenIssuer {
    pub(crate) codec: TokenCodec,
    pub(crate) lifetimes: TokenLifetimes,
    pub(crate) entropy: Arc<dyn Entropy>,
}

impl TokenIssuer {
    /// A refresh token with the row that stands for it.
    pub(crate) fn refresh(&self, origin: RequestOrigin, now: Timestamp) -> Result<(OpaqueToken, NewSession)> {
        let token = OpaqueToken::generate(self.entropy.as_ref())?;
        let expires_at = now.plus(self.lifetimes.refresh);
        let lasts = self.lifetimes.session;
        let session = NewSession { refresh: token.hash(), origin, created_at: now, expires_at, lasts };
        Ok((token, session))
    }

    /// The answer for a session that was stored.
    pub(crate) fn signed_in(
        &self,
        session: (SessionId, User),
        refresh: &OpaqueToken,
        now: Timestamp,
    ) -> Result<SignedIn> {
        let (id, user) = session;
        let access_token = self.codec.sign(&user, id, (now, now.plus(self.lifetimes.access)))?;
        Ok(SignedIn {
            access_token,
            token_type: "bearer",
            expires_in: self.lifetimes.access.as_secs(),
            refresh_token: refresh.expose().into(),
            refresh_lifetime: self.lifetimes.refresh,
            user,
        })
    }
}

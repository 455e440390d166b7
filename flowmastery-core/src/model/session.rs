//! Sessions: what one sign-in opens, and the hashes of the tokens that keep it going.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::{
    clock::Timestamp,
    digest::sha256_hex,
    entropy::{Entropy, random},
    error::Result,
    id::{SessionId, UserId},
    model::user::User,
    request::RequestOrigin,
};

/// How long a network is known from which a user opened a session.
pub const NETWORK_KNOWN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An opaque token with 256 random bits: what a refresh and an invitation carry.
#[derive(Clone, Debug)]
pub struct OpaqueToken(SecretString);

impl OpaqueToken {
    /// A new token.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn generate(entropy: &dyn Entropy) -> Result<Self> {
        let bytes = zeroize::Zeroizing::new(random::<32>(entropy)?);
        Ok(Self(URL_SAFE_NO_PAD.encode(*bytes).into()))
    }

    /// The token in clear, to be handed out once.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(self.expose())
    }
}

/// SHA-256 of an opaque token in lower-case hex: what is stored instead of the token. A token has 256 random bits, so a plain
/// hash is enough.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TokenHash(String);

impl TokenHash {
    /// The hash of a token that somebody presented, of whatever form.
    pub fn of(token: &str) -> Self {
        Self(sha256_hex(token.as_bytes()))
    }

    /// The stored form: 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A session to be stored.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Hash of its first refresh token.
    pub refresh: TokenHash,
    /// From where.
    pub origin: RequestOrigin,
    /// When.
    pub created_at: Timestamp,
    /// When its refresh token stops working.
    pub expires_at: Timestamp,
    /// How long the session lasts at most, however often it is refreshed.
    pub lasts: Duration,
}

impl NewSession {
    /// The same for a session that began then: it ends in time.
    #[must_use]
    pub fn of_session_from(self, begun: Timestamp) -> Self {
        Self { expires_at: self.expires_at.min(begun.plus(self.lasts)), ..self }
    }
}

/// An open session, as its user sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// Never used again.
    pub id: SessionId,
    /// When its user signed in.
    pub created_at: Timestamp,
    /// When it was last refreshed; before that, when its user signed in.
    pub last_used_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// From where its user signed in; null where the host did not know.
    pub address: Option<IpAddr>,
}

/// What became of a presented refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// It was good: the next one is stored, and the session's user is this.
    Rotated {
        /// The session that goes on.
        session: SessionId,
        /// Its user, active.
        user: User,
    },
    /// It was spent long ago: somebody else has a copy, so the whole session is closed.
    Replayed {
        /// The session that was closed.
        session: SessionId,
        /// Whose it was.
        user: UserId,
    },
    /// Unknown, expired, of a closed session or of a user who may not sign in.
    Refused,
}

/// How long tokens live.
#[derive(Clone, Copy, Debug)]
pub struct TokenLifetimes {
    /// Of an access token; 30 minutes unless set.
    pub access: Duration,
    /// Of a refresh token; 7 days unless set.
    pub refresh: Duration,
    /// Of a session, however often it is refreshed; 30 days unless set.
    pub session: Duration,
}

impl Default for TokenLifetimes {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 3600);
        Self { access: Duration::from_secs(30 * 60), refresh: 7 * day, session: 30 * day }
    }
}

/// What signing in, refreshing and accepting an invitation answer.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// A JWT for the `Authorization: Bearer` header.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub access_token: SecretString,
    /// Always `bearer`.
    pub token_type: &'static str,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Good for one refresh.
    #[serde(serialize_with = "expose")]
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub refresh_token: SecretString,
    /// How long the refresh token lives; its holder is not told.
    #[serde(skip)]
    pub refresh_lifetime: Duration,
    /// Who signed in.
    pub user: User,
}

fn expose<S: serde::Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

//! Access tokens: JWTs signed with HS256, naming a user and a session.
//!
//! The algorithm is fixed, `kid`, `typ`, `iss`, `aud` and `exp` are mandatory, and expiry is checked against the [`Clock`](crate::clock::Clock)
//! without leeway. A token says who somebody claims to be; whether the session still stands is asked of the store.

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    entropy::{Entropy, random},
    error::{Error, Kind, Result},
    id::{ClientId, SessionId, UserId},
    model::{
        session::TokenHash,
        user::{Role, User},
    },
};

const ISSUER: &str = "flowmastery";
const AUDIENCE: &str = "flowmastery";
const ACCESS: &str = "access";

/// What an access token states.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Claims {
    sub: String,
    role: Role,
    client_id: Option<ClientId>,
    sid: SessionId,
    typ: String,
    iss: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: String,
}

/// Whom a good access token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSubject {
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
}

struct SigningKey {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl SigningKey {
    fn new(secret: &SecretString) -> Self {
        let bytes = secret.expose_secret().as_bytes();
        let mut kid = TokenHash::of(&format!("kid:{}", secret.expose_secret())).as_str().to_owned();
        kid.truncate(16);
        Self { kid, encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes) }
    }
}

/// Signs access tokens with the current key, and reads those of any key of the ring.
#[derive(Clone)]
pub struct TokenCodec {
    keys: Arc<[SigningKey]>,
    validation: Arc<Validation>,
    entropy: Arc<dyn Entropy>,
}

impl TokenCodec {
    /// A codec that signs with `current`, and still reads what `previous` ones signed.
    pub fn new(current: &SecretString, previous: &[SecretString], entropy: Arc<dyn Entropy>) -> Self {
        let keys = std::iter::once(current).chain(previous).map(SigningKey::new).collect();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // The library would ask the system's clock; `read` asks ours.
        validation.validate_exp = false;
        Self { keys, validation: Arc::new(validation), entropy }
    }

    /// A token for a user's session.
    ///
    /// # Errors
    /// As [`Entropy::fill`]; [`Kind::Internal`] when it cannot be signed.
    pub fn sign(&self, user: &User, session: SessionId, at: (Timestamp, Timestamp)) -> Result<SecretString> {
        let Some(key) = self.keys.first() else {
            return Err(Error::new(Kind::Internal, "There is no signing key."));
        };
        let claims = Claims {
            sub: user.id.to_string(),
            role: user.role,
            client_id: user.client_id,
            sid: session,
            typ: ACCESS.to_owned(),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            iat: at.0.as_seconds(),
            exp: at.1.as_seconds(),
            jti: format!("{:032x}", u128::from_be_bytes(random(self.entropy.as_ref())?)),
        };
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        encode(&header, &claims, &key.encoding).map(SecretString::from).map_err(Error::internal)
    }

    /// Whom a token names, when it is good at `now`.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for every other token; which check failed is not said.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<TokenSubject> {
        self.verify(token, now).ok_or_else(|| {
            Error::new(Kind::Unauthenticated, "The access token is not valid or has expired; sign in again.")
        })
    }

    fn verify(&self, token: &str, now: Timestamp) -> Option<TokenSubject> {
        let kid = decode_header(token).ok()?.kid?;
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        let claims = decode::<Claims>(token, &key.decoding, &self.validation).ok()?.claims;
        let good = claims.typ == ACCESS && now.as_seconds() < claims.exp;
        good.then_some(())?;
        Some(TokenSubject { user: claims.sub.parse().ok()?, session: claims.sid })
    }
}

impl fmt::Debug for TokenCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("TokenCodec").field("kids", &kids).finish_non_exhaustive()
    }
}

//! Access tokens: JWTs signed with HS256, naming a user and a session.
//!
//! The algorithm is fixed, `kid`, `typ`, `iss`, `aud` and `exp` are mandatory, and expiry is checked against the [`Clock`](crate::clock::Clock)
//! without leeway. A token says who somebody claims to be; whether the session still stands is asked of the store.

use std::{fmt, sync::Arc};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::verified::{Stated, Verified};
use crate::{
    clock::Timestamp,
    digest::sha256_hex,
    entropy::{Entropy, random},
    error::{Error, Kind, Result},
    id::{ClientId, SessionId, UserId},
    model::user::{Role, User},
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
        let mut kid = sha256_hex(format!("kid:{}", secret.expose_secret()).as_bytes());
        kid.truncate(16);
        Self { kid, encoding: EncodingKey::from_secret(bytes), decoding: DecodingKey::from_secret(bytes) }
    }
}

/// Signs access tokens with the current key, and reads those of any key of the ring.
#[derive(Clone)]
pub struct TokenCodec {
    keys: Arc<[SigningKey]>,
    validation: Arc<Validation>,
    verified: Arc<Verified>,
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
        Self { keys, validation: Arc::new(validation), verified: Arc::new(Verified::new()), entropy }
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
        if let Some(known) = self.verified.find(token, now.as_seconds()) {
            return Some(known.subject);
        }
        let kid = decode_header(token).ok()?.kid?;
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        let claims = decode::<Claims>(token, &key.decoding, &self.validation).ok()?.claims;
        let good = claims.typ == ACCESS && now.as_seconds() < claims.exp;
        good.then_some(())?;
        let subject = TokenSubject { user: claims.sub.parse().ok()?, session: claims.sid };
        self.verified.remember(token, Stated { subject, expires: claims.exp });
        Some(subject)
    }
}

impl fmt::Debug for TokenCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<_> = self.keys.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("TokenCodec").field("kids", &kids).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::{entropy::OsEntropy, model::email::Email};

    const SECRET: &str = "a secret of more than thirty-two characters";
    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

    fn codec(current: &str, previous: &[&str]) -> TokenCodec {
        let previous: Vec<SecretString> = previous.iter().map(|secret| SecretString::from(*secret)).collect();
        TokenCodec::new(&current.into(), &previous, Arc::new(OsEntropy))
    }

    fn token(codec: &TokenCodec) -> String {
        let user = User {
            id: UserId(7),
            email: Email::parse("anna@acme.com").unwrap(),
            role: Role::Client,
            is_active: true,
            client_id: Some(ClientId(3)),
            created_at: NOW,
            last_login: None,
        };
        codec.sign(&user, SessionId(9), (NOW, NOW.plus(60 * SECOND))).unwrap().expose_secret().to_owned()
    }

    /// A token with changed claims and header, signed with our key.
    fn forged(change: impl Fn(&mut Value), header: Header) -> String {
        let mut claims = json!({
            "sub": "7", "role": "client", "client_id": 3, "sid": 9, "typ": "access", "iss": ISSUER, "aud": AUDIENCE,
            "iat": NOW.as_seconds(), "exp": NOW.as_seconds() + 60, "jti": "x",
        });
        change(&mut claims);
        encode(&header, &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
    }

    fn our_header() -> Header {
        Header { kid: Some(SigningKey::new(&SECRET.into()).kid), ..Header::new(Algorithm::HS256) }
    }

    #[test]
    fn a_token_names_its_user_and_session_until_it_expires() {
        let codec = codec(SECRET, &[]);
        let token = token(&codec);
        let subject = TokenSubject { user: UserId(7), session: SessionId(9) };
        assert_eq!(codec.read(&token, NOW).unwrap(), subject);
        assert_eq!(codec.read(&token, NOW.plus(59 * SECOND)).unwrap(), subject);
        assert_eq!(codec.read(&token, NOW.plus(60 * SECOND)).unwrap_err().kind(), Kind::Unauthenticated);
    }

    #[test]
    fn a_token_of_the_previous_key_is_read_and_of_a_foreign_one_not() {
        let token = token(&codec(SECRET, &[]));
        assert!(codec("the newer secret key of this host, long", &[SECRET]).read(&token, NOW).is_ok());
        assert!(codec("the newer secret key of this host, long", &[]).read(&token, NOW).is_err());
    }

    #[test]
    fn every_mandatory_claim_is_insisted_on() {
        let codec = codec(SECRET, &[]);
        assert!(
            codec.read(&forged(|_| {}, our_header()), NOW).is_ok(),
            "the forgery is good but for its changes"
        );
        for claim in ["sub", "sid", "typ", "iss", "aud", "exp"] {
            let without = forged(|claims| drop(claims.as_object_mut().unwrap().remove(claim)), our_header());
            assert!(codec.read(&without, NOW).is_err(), "without {claim}");
        }
        for (claim, value) in [
            ("typ", json!("refresh")),
            ("iss", json!("other")),
            ("aud", json!("other")),
            ("sub", json!("admin")),
        ] {
            let other = forged(|claims| claims[claim] = value.clone(), our_header());
            assert!(codec.read(&other, NOW).is_err(), "with another {claim}");
        }
    }

    #[test]
    fn another_algorithm_or_key_id_is_refused() {
        let codec = codec(SECRET, &[]);
        let kid = our_header().kid;
        let hs512 = Header { kid: kid.clone(), ..Header::new(Algorithm::HS512) };
        assert!(codec.read(&forged(|_| {}, hs512), NOW).is_err());
        assert!(codec.read(&forged(|_| {}, Header::new(Algorithm::HS256)), NOW).is_err(), "without a key id");
        // {"alg":"none","typ":"JWT","kid":…} without a signature.
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        let header = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT", "kid": kid}).to_string());
        let good = token(&codec);
        let claims = good.split('.').nth(1).unwrap();
        assert!(codec.read(&format!("{header}.{claims}."), NOW).is_err());
    }

    #[test]
    fn a_cut_or_changed_token_is_refused() {
        let codec = codec(SECRET, &[]);
        let token = token(&codec);
        assert!(codec.read(&token, NOW).is_ok(), "and is remembered from now on");
        for cut in 0..token.len() {
            assert!(codec.read(token.get(..cut).unwrap(), NOW).is_err(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_but_one_that_we_signed(
            text in "\\PC{0,64}|[A-Za-z0-9_-]{0,24}\\.[A-Za-z0-9_-]{0,48}\\.[A-Za-z0-9_-]{0,43}",
            at in 0..200usize,
            other in any::<char>(),
        ) {
            let codec = codec(SECRET, &[]);
            prop_assert!(codec.read(&text, NOW).is_err());
            let good = token(&codec);
            prop_assert!(codec.read(&good, NOW).is_ok(), "and is remembered from now on");
            let mut changed: Vec<char> = good.chars().collect();
            if changed[at] != other {
                changed[at] = other;
                prop_assert!(codec.read(&changed.into_iter().collect::<String>(), NOW).is_err());
            }
        }
    }
}

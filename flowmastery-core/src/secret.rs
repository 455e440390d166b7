//! The vault: n8n keys and waiting mails sealed with AES-256-GCM, bound to their row and column, under a ring of keys with ids.
//!
//! A sealed text is `v1:<key id>:<base64url(nonce || ciphertext || tag)>`. The additional data is
//! `<table.column>:<client id or mail key>`, so that a text copied to another row or column does not open. The newest key seals, any key of the
//! ring opens. Key material is zeroized when dropped and never shown.

pub mod python;

use std::{fmt, sync::Arc};

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    digest::{hex, sha256_hex},
    entropy::{Entropy, random},
    error::{Error, Kind, Result},
    id::ClientId,
};

const VERSION: &str = "v1";
const NONCE_BYTES: usize = 12;

/// A sealed secret as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(String);

impl Sealed {
    /// A stored text; whether it opens is seen when it is opened.
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The text to store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(..)")
    }
}

/// Where a sealed secret lives: it opens nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Table and column.
    column: &'static str,
    /// Which row.
    row: Row,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Row {
    Client(ClientId),
    Mail(MailKey),
}

/// What a waiting mail is known by, outside the database too: 128 random bits, as 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MailKey(u128);

impl MailKey {
    /// A new key.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn generate(entropy: &dyn Entropy) -> Result<Self> {
        random(entropy).map(u128::from_be_bytes).map(Self)
    }

    /// The key of a stored text; `None` for what we never store.
    pub fn from_stored(text: &str) -> Option<Self> {
        u128::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for MailKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl Place {
    /// The n8n key of a client.
    pub const fn n8n_key(client: ClientId) -> Self {
        Self { column: "clients.n8n_api_key_encrypted", row: Row::Client(client) }
    }

    /// A mail that waits to be sent. Its row has no number yet when it is sealed, so it is bound to its key.
    pub const fn mail(key: MailKey) -> Self {
        Self { column: "outbox.sealed_mail", row: Row::Mail(key) }
    }

    fn aad(self) -> String {
        match self.row {
            Row::Client(client) => format!("{}:{client}", self.column),
            Row::Mail(key) => format!("{}:{key}", self.column),
        }
    }
}

/// One key of the ring.
#[derive(Clone)]
pub struct VaultKey {
    id: String,
    bytes: Zeroizing<[u8; 32]>,
}

impl VaultKey {
    /// A key with an id of 1 to 32 letters, digits, `-` and `_`, from 32 bytes in Base64.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with what is wrong; the key is not repeated.
    pub fn from_base64(id: &str, key: &SecretString) -> Result<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || id.len() > 32 || !id.bytes().all(fits) {
            return Err(Error::new(Kind::Invalid, "A key id has 1 to 32 letters, digits, - and _."));
        }
        let decoded = STANDARD.decode(key.expose_secret()).map(Zeroizing::new);
        let Some(decoded) = decoded.ok().filter(|bytes| bytes.len() == 32) else {
            return Err(Error::new(Kind::Invalid, "A key is 32 bytes in Base64."));
        };
        let mut bytes = Zeroizing::new([0; 32]);
        bytes.copy_from_slice(&decoded);
        Ok(Self { id: id.to_owned(), bytes })
    }

    /// The key that follows from the signing secret by HKDF-SHA256, so that several hosts agree without another setting. Its id
    /// follows from the secret as well: after a change of secrets the older one is found.
    ///
    /// # Errors
    /// [`Kind::Internal`] never in practice: the length is within what HKDF gives.
    pub fn derive(secret: &SecretString) -> Result<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes())
            .expand(b"flowmastery vault v1", bytes.as_mut())
            .map_err(|_| Error::new(Kind::Internal, "The key could not be derived."))?;
        let id = Zeroizing::new(format!("vault-key-id:{}", secret.expose_secret()));
        let digest = sha256_hex(id.as_bytes());
        Ok(Self { id: format!("derived-{digest:.8}"), bytes })
    }

    /// A ring of these keys, and behind them those that follow from signing secrets, in their order; what is named twice counts once.
    ///
    /// # Errors
    /// As [`VaultKey::derive`].
    pub fn ring<'s>(
        keys: Vec<Self>,
        secrets: impl IntoIterator<Item = &'s SecretString>,
    ) -> Result<Vec<Self>> {
        let mut ring = keys;
        for secret in secrets {
            let key = Self::derive(secret)?;
            if ring.iter().all(|other| other.id != key.id) {
                ring.push(key);
            }
        }
        Ok(ring)
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Seals and opens secrets.
#[derive(Clone)]
pub struct Vault {
    keys: Arc<[VaultKey]>,
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    /// A vault over a ring of keys, newest first.
    ///
    /// # Errors
    /// [`Kind::Invalid`] without a key, or with two of one id.
    pub fn new(keys: Vec<VaultKey>, entropy: Arc<dyn Entropy>) -> Result<Self> {
        let mut ids: Vec<_> = keys.iter().map(|key| key.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if keys.is_empty() || ids.len() != keys.len() {
            return Err(Error::new(Kind::Invalid, "A key ring has at least one key, and each id once."));
        }
        Ok(Self { keys: keys.into(), entropy })
    }

    /// Seals a secret for its place, under the newest key.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn seal(&self, place: Place, secret: &SecretString) -> Result<Sealed> {
        let Some(key) = self.keys.first() else {
            return Err(Error::new(Kind::Internal, "The key ring is empty."));
        };
        let nonce = random::<NONCE_BYTES>(self.entropy.as_ref())?;
        let aad = place.aad();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: aad.as_bytes() };
        let ciphertext = cipher(key)?
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Error::new(Kind::Internal, "The secret could not be sealed."))?;
        let sealed = [nonce.as_slice(), &ciphertext].concat();
        Ok(Sealed(format!("{VERSION}:{}:{}", key.id, URL_SAFE_NO_PAD.encode(sealed))))
    }

    /// Opens what was sealed for this place, under whichever key of the ring.
    ///
    /// # Errors
    /// [`Kind::Internal`] when the key is not in the ring, or the text was changed or belongs to another place.
    pub fn open(&self, place: Place, sealed: &Sealed) -> Result<SecretString> {
        let broken = || Error::new(Kind::Internal, "A stored key cannot be opened; set it again.");
        let mut parts = sealed.0.splitn(3, ':');
        let (Some(VERSION), Some(id), Some(body)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(broken());
        };
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(broken)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| broken())?;
        let (nonce, ciphertext) = body.split_first_chunk::<NONCE_BYTES>().ok_or_else(broken)?;
        let aad = place.aad();
        let payload = Payload { msg: ciphertext, aad: aad.as_bytes() };
        let opened = cipher(key)?.decrypt(&Nonce::from(*nonce), payload).map_err(|_| broken())?;
        let opened = Zeroizing::new(opened);
        std::str::from_utf8(&opened).map(SecretString::from).map_err(|_| broken())
    }

    /// Whether a text was sealed under the newest key; it may not open all the same.
    pub fn is_newest(&self, sealed: &Sealed) -> bool {
        let id = sealed.0.split(':').nth(1);
        self.keys.first().is_some_and(|newest| id == Some(newest.id.as_str()))
    }

    /// A keyed digest by which equal texts of one column are known without the text: 64 hex digits, under the newest key.
    ///
    /// # Errors
    /// [`Kind::Internal`] never in practice: the ring has a key, and the length is within what HKDF gives.
    pub fn digest(&self, column: &'static str, text: &str) -> Result<String> {
        let failed = || Error::new(Kind::Internal, "The digest could not be made.");
        let key = self.keys.first().ok_or_else(failed)?;
        let mut bytes = [0; 32];
        Hkdf::<Sha256>::new(Some(b"flowmastery digest v1"), key.bytes.as_slice())
            .expand_multi_info(&[column.as_bytes(), b":", text.as_bytes()], &mut bytes)
            .map_err(|_| failed())?;
        Ok(hex(&bytes))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// The cipher, of the key in its place: no copy of it is left behind.
fn cipher(key: &VaultKey) -> Result<Aes256Gcm> {
    Aes256Gcm::new_from_slice(key.bytes.as_slice()).map_err(Error::internal)
}

#[cfg(test)]
mod tests;

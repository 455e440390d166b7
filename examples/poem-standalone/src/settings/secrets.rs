//! Settings with key material: what signs tokens, and what seals n8n keys.

use flowmastery_core::{error::Error, secret::VaultKey};
use secrecy::{ExposeSecret, SecretString};

use super::{reader::Reader, table::Setting};

/// The least length of a secret that is not for development.
pub(crate) const LEAST_LENGTH: usize = 32;

/// Secrets that stand in documentation; everybody knows them.
const SAMPLES: [&str; 4] = ["your-secret-key", "change-in-production", "changeme", "change-me"];

const SECRET_KEY: Setting = Setting {
    name: "SECRET_KEY",
    default: "",
    accepts: "at least 32 random characters, for example from `openssl rand -base64 48`",
    meaning: "signs access tokens; unset while DEBUG: made on first start and kept in a file beside the database",
    secret: true,
};
const SECRET_KEY_PREVIOUS: Setting = Setting {
    name: "SECRET_KEY_PREVIOUS",
    default: "",
    accepts: "the SECRET_KEY of before",
    meaning: "tokens that it signed are accepted while they last; n8n keys that were sealed under it still open",
    secret: true,
};
const ENCRYPTION_KEYS: Setting = Setting {
    name: "ENCRYPTION_KEYS",
    default: "",
    accepts: "id:key pairs separated by commas, newest first; a key is 32 bytes in Base64, from `openssl rand -base64 32`; in front the word derived for the key that follows from SECRET_KEY",
    meaning: "seal n8n keys and waiting mails; unset: keys that follow from SECRET_KEY and SECRET_KEY_PREVIOUS, which open what they sealed in any case",
    secret: true,
};

/// Stands in a list of keys for the one that follows from the secret.
const DERIVED: &str = "derived";

pub(super) static TABLE: [Setting; 3] = [SECRET_KEY, SECRET_KEY_PREVIOUS, ENCRYPTION_KEYS];

/// Key material.
#[derive(Debug)]
pub(crate) struct SecretSettings {
    /// Signs tokens; none: see [`crate::key_file`].
    pub(crate) secret_key: Option<SecretString>,
    /// Signed tokens before.
    pub(crate) previous: Option<SecretString>,
    /// Seal what is stored.
    pub(crate) encryption_keys: EncryptionKeys,
}

/// What seals, newest first, before the keys that follow from the secrets.
#[derive(Debug, Default)]
pub(crate) struct EncryptionKeys {
    /// Whether the key that follows from the secret comes first all the same: for hosts that are to know a new key before it seals.
    derived_first: bool,
    keys: Vec<VaultKey>,
}

impl EncryptionKeys {
    /// The keys in their order.
    ///
    /// # Errors
    /// As [`VaultKey::derive`].
    pub(crate) fn with(&self, secret: &SecretString) -> Result<Vec<VaultKey>, Error> {
        let derived = self.derived_first.then(|| VaultKey::derive(secret)).transpose()?;
        Ok(derived.into_iter().chain(self.keys.iter().cloned()).collect())
    }
}

impl SecretSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            secret_key: reader.secret(&SECRET_KEY),
            previous: reader.secret(&SECRET_KEY_PREVIOUS),
            encryption_keys: reader.try_parse(&ENCRYPTION_KEYS, parse_keys).unwrap_or_default(),
        }
    }

    /// Outside of development a secret must be there, and be one.
    pub(super) fn check_for_production(&self, reader: &mut Reader<'_>) {
        let fault = match &self.secret_key {
            None => "it is unset, and DEBUG is not on",
            Some(key) if is_sample(key) => "it is a sample from documentation, and DEBUG is not on",
            Some(key) if is_short(key) => "it has fewer than 32 characters, and DEBUG is not on",
            Some(_) => return,
        };
        let mut message = format!("{fault}; accepted: {}.", SECRET_KEY.accepts);
        if self.secret_key.is_none() {
            message.push_str(
                " If a flowmastery.key was made before, set SECRET_KEY to what it holds, so that stored n8n keys can still be opened.",
            );
        }
        reader.fault(&SECRET_KEY, &message);
    }

    /// Whether the secret would be refused outside of development.
    pub(crate) fn is_weak(&self) -> bool {
        self.secret_key.as_ref().is_some_and(|key| is_sample(key) || is_short(key))
    }
}

fn is_short(key: &SecretString) -> bool {
    key.expose_secret().chars().count() < LEAST_LENGTH
}

fn is_sample(key: &SecretString) -> bool {
    let key = key.expose_secret().to_ascii_lowercase();
    SAMPLES.iter().any(|sample| key.contains(sample))
}

fn parse_keys(text: &str) -> Result<EncryptionKeys, String> {
    let mut keys = Vec::new();
    let mut ids = Vec::new();
    let mut entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).peekable();
    let derived_first = entries.next_if_eq(&DERIVED).is_some();
    for pair in entries {
        let Some((id, key)) = pair.split_once(':') else {
            return Err(format!("a pair has no colon; accepted: {}.", ENCRYPTION_KEYS.accepts));
        };
        if ids.contains(&id) {
            return Err("an id is there twice.".to_owned());
        }
        ids.push(id);
        keys.push(VaultKey::from_base64(id, &key.into()).map_err(|error| error.to_string())?);
    }
    Ok(EncryptionKeys { derived_first, keys })
}

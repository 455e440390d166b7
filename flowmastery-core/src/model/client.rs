//! Clients: the organisations whose n8n instances are watched.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::{
    clock::Timestamp,
    error::FieldError,
    id::{ClientId, UserId},
    model::{
        freshness::{ConnectionStatus, FreshnessStatus},
        instance::InstanceUrl,
    },
    secret::Sealed,
};

/// A client's name: 1 to 255 characters after trimming, no control characters. Names need not be unique.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClientName(String);

impl ClientName {
    /// The most characters of a name.
    pub const MAX_CHARS: usize = 255;

    /// Checks a name.
    ///
    /// # Errors
    /// A fault of `name` when it is empty, too long or has control characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let name = text.trim();
        let chars = name.chars().count();
        if chars == 0 || chars > Self::MAX_CHARS {
            return Err(FieldError::new("name", "A name has 1 to 255 characters."));
        }
        if name.chars().any(char::is_control) {
            return Err(FieldError::new("name", "A name has no control characters."));
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A name that was checked before it was stored, for stores.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A client, as shown. The n8n key is never part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Client {
    /// Never used again, not even after deletion.
    pub id: ClientId,
    /// Need not be unique.
    pub name: ClientName,
    /// Base address of the client's n8n, without `/api/v1`; null until configured.
    pub n8n_api_url: Option<InstanceUrl>,
    /// Whether a key for that n8n is stored.
    pub has_n8n_api_key: bool,
    /// When the client was made.
    pub created_at: Timestamp,
    /// When its name or n8n configuration last changed.
    pub updated_at: Timestamp,
    /// How collection goes.
    pub sync: Sync,
}

/// How the collection of a client's executions goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sync {
    /// The state that metrics report as their freshness.
    pub status: FreshnessStatus,
    /// When a collection last succeeded; null before the first time.
    pub last_success_at: Option<Timestamp>,
    /// Why the last collection failed, as a sentence; null when it succeeded.
    pub last_error: Option<String>,
    /// How far the first back-fill is; null when none is under way.
    pub progress: Option<Progress>,
}

/// How far the first collection of everything that n8n still has is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Progress {
    /// Executions read so far.
    pub executions: i64,
    /// Start of the oldest execution read so far; back-fill goes from new to old.
    pub oldest: Option<Timestamp>,
}

/// A client to be stored.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// Need not be unique.
    pub name: ClientName,
    /// The admin who made it; `None` when the host itself did.
    pub created_by_admin_id: Option<UserId>,
    /// When.
    pub created_at: Timestamp,
}

/// An n8n instance and the key that opens it.
#[derive(Clone, Debug)]
pub struct Instance {
    /// Base address.
    pub url: InstanceUrl,
    /// The API key, in clear only in memory.
    pub key: SecretString,
}

impl Instance {
    /// The most characters of an n8n key; today's have some 270.
    const MAX_KEY_CHARS: usize = 4096;

    /// Checks a key.
    ///
    /// # Errors
    /// A fault of `n8n_api_key`, which does not repeat it.
    pub fn check_key(key: &SecretString) -> Result<(), FieldError> {
        let text = key.expose_secret();
        if (1..=Self::MAX_KEY_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Ok(());
        }
        let message = "A key has 1 to 4,096 visible ASCII characters, without spaces.";
        Err(FieldError::new("n8n_api_key", message))
    }
}

/// An n8n instance and its key as stored.
#[derive(Clone, Debug)]
pub struct SealedInstance {
    /// Base address.
    pub url: InstanceUrl,
    /// The API key, sealed for this client and column.
    pub key: Sealed,
}

/// What a test of a client's n8n found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Connection {
    /// Whether n8n answers as it should, or what is in the way.
    pub status: ConnectionStatus,
    /// The same as a sentence.
    pub message: String,
}

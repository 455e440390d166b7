//! E-mail addresses, compared without regard to case.

use std::{fmt, str::FromStr};

use email_address::{EmailAddress, Options};
use serde::{Deserialize, Serialize};

use crate::error::FieldError;

/// An e-mail address in lower case.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(extend("format" = "email")))]
#[serde(try_from = "String")]
pub struct Email(String);

impl Email {
    /// Reads an address such as `anna@acme.com`; surrounding white space and case do not matter.
    ///
    /// # Errors
    /// A fault of `email` when it is no address, has a display name, or no domain with a dot (`localhost` is accepted).
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let text = text.trim();
        let options = Options::default().without_display_text().without_domain_literal();
        match EmailAddress::parse_with_options(text, options) {
            Ok(address) => Ok(Self(address.as_str().to_lowercase())),
            Err(_) => Err(FieldError::new("email", "This is not an e-mail address.")),
        }
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Email {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|fault| fault.message)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Email({})", self.0)
    }
}

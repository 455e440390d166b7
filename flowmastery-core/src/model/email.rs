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
        let reachable = |domain: &str| domain.contains('.') || domain.eq_ignore_ascii_case("localhost");
        match EmailAddress::parse_with_options(text, options) {
            Ok(address) if reachable(address.domain()) => Ok(Self(address.as_str().to_lowercase())),
            _ => Err(FieldError::new("email", "This is not an e-mail address.")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_surrounding_space_do_not_matter() {
        let email = Email::parse("  Anna.Maier+n8n@ACME.com\n").unwrap();
        assert_eq!(email.as_str(), "anna.maier+n8n@acme.com");
        assert_eq!(email, "anna.maier+n8n@acme.com".parse().unwrap());
        assert_eq!(email.to_string(), email.as_str());
    }

    #[test]
    fn what_is_no_address_is_a_fault_of_email() {
        let refused = [
            "",
            "anna",
            "@acme.com",
            "anna@",
            "a b@acme.com",
            "Anna <anna@acme.com>",
            "anna@[127.0.0.1]",
            "a@b@c.d",
        ];
        for text in refused {
            assert_eq!(Email::parse(text).unwrap_err().field, "email", "{text:?}");
        }
    }

    #[test]
    fn an_address_cannot_carry_a_second_header_line() {
        for text in [
            "anna@acme.com\r\nBcc: eve@evil.com",
            "anna\n@acme.com",
            "\"a\r\nb\"@acme.com",
            "anna@acme.com\0",
        ] {
            assert!(Email::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_domain_has_a_dot_or_is_the_machine_itself() {
        assert!(Email::parse("admin@localhost").is_ok());
        assert!(Email::parse("admin@intranet").is_err());
    }

    #[test]
    fn json_holds_the_address_in_lower_case_and_nothing_that_is_none() {
        let email: Email = serde_json::from_str("\"Anna@Acme.com\"").unwrap();
        assert_eq!(serde_json::to_string(&email).unwrap(), "\"anna@acme.com\"");
        assert!(serde_json::from_str::<Email>("\"anna\"").is_err());
    }
}

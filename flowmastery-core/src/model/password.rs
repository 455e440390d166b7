//! Passwords: 12 to 128 characters of any kind, but not one of the most common.
//!
//! There are no rules about what a password is made of: length is what helps. Only an exact match with the list of common ones, upper
//! and lower case alike, is refused. A fault never repeats the password.

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::error::FieldError;

/// Common passwords of 12 characters and more in lower case, one a line, ascending.
const COMMON: &str = include_str!("password/common.txt");

/// A password that somebody chose and that passed the rules of its day.
#[derive(Clone, Debug)]
pub struct Password(SecretString);

impl Password {
    /// The fewest characters of a password.
    pub const MIN_CHARS: usize = 12;
    /// The most characters of a password.
    pub const MAX_CHARS: usize = 128;

    /// Checks a new password. Old ones are verified without this.
    ///
    /// # Errors
    /// A fault of `password` that does not repeat it.
    pub fn choose(password: SecretString) -> Result<Self, FieldError> {
        let fault = |message: &str| Err(FieldError::new("password", message));
        match password.expose_secret().chars().count() {
            0..Self::MIN_CHARS => fault("A password has at least 12 characters."),
            Self::MIN_CHARS..=Self::MAX_CHARS if is_common(password.expose_secret()) => {
                fault("This is one of the most common passwords; choose another one.")
            }
            Self::MIN_CHARS..=Self::MAX_CHARS => Ok(Self(password)),
            _ => fault("A password has at most 128 characters."),
        }
    }

    /// One that is somebody's already, whatever the rules for new ones say of it.
    pub(crate) fn of_old(password: SecretString) -> Self {
        Self(password)
    }

    /// The password, to be hashed.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

fn is_common(password: &str) -> bool {
    let folded = Zeroizing::new(password.to_lowercase());
    COMMON.lines().any(|common| common == folded.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(password: &str) -> Option<String> {
        Password::choose(password.into()).err().map(|fault| {
            assert_eq!(fault.field, "password");
            fault.message
        })
    }

    #[test]
    fn the_password_of_the_seed_is_accepted() {
        assert_eq!(fault("securepassword"), None);
    }

    #[test]
    fn length_is_counted_in_characters_not_bytes() {
        assert_eq!(fault(&"ä".repeat(11)).unwrap(), "A password has at least 12 characters.");
        assert_eq!(fault(&"ä".repeat(12)), None);
        assert_eq!(fault(&"🔑".repeat(128)), None);
        assert_eq!(fault(&"🔑".repeat(129)).unwrap(), "A password has at most 128 characters.");
        assert!(fault("").is_some());
    }

    #[test]
    fn any_characters_make_a_password() {
        for password in ["            ", "\0\n\t\u{7f}<>&\"'\\;\u{202e}", "zzzzzzzzzzzz", "пароль пароль"]
        {
            assert_eq!(fault(password), None, "{password:?}");
        }
    }

    #[test]
    fn common_passwords_are_refused_in_any_case_and_only_as_a_whole() {
        for common in ["password1234", "PassWord1234", "QWERTYUIOP12", "123456789012", "CONTRASEÑA123"] {
            let message = fault(common).unwrap();
            assert!(!message.to_lowercase().contains(&common.to_lowercase()), "{message}");
        }
        assert_eq!(fault("password1234 "), None);
        assert_eq!(fault("my password1234"), None);
    }

    #[test]
    fn the_list_is_ascending_without_duplicates_in_lower_case_and_long_enough_to_matter() {
        let list: Vec<_> = COMMON.lines().collect();
        assert!(list.len() >= 150);
        assert!(list.is_sorted_by(|a, b| a < b));
        for common in list {
            assert_eq!(common, common.to_lowercase());
            assert!(
                (Password::MIN_CHARS..=Password::MAX_CHARS).contains(&common.chars().count()),
                "{common}"
            );
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_password() {
        let shown = format!("{:?}", Password::choose("securepassword".into()).unwrap());
        assert!(!shown.contains("secure"), "{shown}");
    }
}

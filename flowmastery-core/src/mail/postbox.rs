//! Where services put letters: it seals them for the outbox, opens them again, and wakes whoever sends them.

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;

use super::letter::Letter;
use crate::{
    entropy::Entropy,
    error::{Error, Result},
    model::{email::Email, outbox::SealedMail},
    secret::{MailKey, Place, Vault},
};

/// Where services put letters.
#[derive(Clone)]
pub struct Postbox {
    vault: Vault,
    entropy: Arc<dyn Entropy>,
    is_served: bool,
    filled: Arc<Notify>,
}

impl Postbox {
    /// A postbox; `is_served` says whether there is a mail server.
    pub fn new(vault: Vault, entropy: Arc<dyn Entropy>, is_served: bool) -> Self {
        Self { vault, entropy, is_served, filled: Arc::default() }
    }

    /// Whether there is a mail server; without, nothing is to be put in.
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    /// Seals a letter under a new key, to be stored.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    pub fn seal(&self, letter: &Letter) -> Result<SealedMail> {
        let key = MailKey::generate(self.entropy.as_ref())?;
        let text: SecretString = serde_json::to_string(letter).map_err(Error::internal)?.into();
        Ok(SealedMail { key, sealed: self.vault.seal(Place::mail(key), &text)? })
    }

    /// Opens a stored letter.
    ///
    /// # Errors
    /// [`crate::error::Kind::Internal`] when its key is not in the ring, or it is not what was stored.
    pub fn open(&self, mail: &SealedMail) -> Result<Letter> {
        let text = self.vault.open(Place::mail(mail.key), &mail.sealed)?;
        // The cause would repeat what was sealed.
        serde_json::from_str(text.expose_secret())
            .map_err(|_| Error::internal("a stored mail is not of a kind that is known"))
    }

    /// What an address is known by while a wish of it waits.
    ///
    /// # Errors
    /// As [`Vault::digest`].
    pub fn digest(&self, address: &Email) -> Result<String> {
        self.vault.digest("outbox.address_digest", address.as_str())
    }

    /// Says that a letter was stored.
    pub fn wake(&self) {
        self.filled.notify_one();
    }

    /// Waits until somebody says that.
    pub async fn woken(&self) {
        self.filled.notified().await;
    }
}

impl fmt::Debug for Postbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postbox").field("is_served", &self.is_served).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, entropy::OsEntropy, secret::VaultKey};

    fn postbox() -> Postbox {
        let entropy = Arc::new(OsEntropy);
        let vault = Vault::new(vec![VaultKey::derive(&"secret".into()).unwrap()], entropy.clone()).unwrap();
        Postbox::new(vault, entropy, true)
    }

    #[test]
    fn a_letter_is_read_as_it_was_sealed_and_under_its_key_only() {
        let (to, until) = (Email::parse("anna@acme.com").unwrap(), Timestamp::from_millis(1));
        let letter = Letter::Invitation { to, link: "https://acme.com/?token=a".to_owned(), until };
        let sealed = postbox().seal(&letter).unwrap();
        assert!(!sealed.sealed.as_str().contains("token"));
        assert_eq!(postbox().open(&sealed).unwrap(), letter);
        let key = MailKey::generate(&OsEntropy).unwrap();
        assert!(postbox().open(&SealedMail { key, ..sealed }).is_err());
    }

    #[test]
    fn what_is_sealed_and_is_no_letter_is_not_repeated() {
        let key = MailKey::generate(&OsEntropy).unwrap();
        let sealed = postbox().vault.seal(Place::mail(key), &"{\"kind\":\"hunter2\"}".into()).unwrap();
        let error = postbox().open(&SealedMail { key, sealed }).unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

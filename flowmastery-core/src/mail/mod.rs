//! The mail port and the mails that are sent.

mod invitation;
pub mod letter;
mod log;
mod password_reset;
mod postbox;
#[cfg(feature = "smtp")]
mod smtp;

use std::fmt;

use async_trait::async_trait;

#[cfg(feature = "smtp")]
pub use self::smtp::{SmtpConfig, SmtpMailer, SmtpTls};
pub use self::{log::LogMailer, postbox::Postbox};
use crate::{clock::Timestamp, error::BoxError, model::email::Email, secret::MailKey};

/// A mail to be sent. It may hold a secret link, so its `Debug` shows neither text nor HTML.
#[derive(Clone)]
pub struct Mail {
    /// The same for every attempt at one mail, so that whoever gets it twice can tell.
    pub key: MailKey,
    /// When it is sent.
    pub date: Timestamp,
    /// To whom.
    pub to: Email,
    /// One line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Whether trying again makes sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailFault {
    /// The server refused this recipient or this mail for good.
    Refused,
    /// Everything else, also what only the operator can mend, as they may while the mail waits. Whether the server took the mail may
    /// be unknown.
    NotNow,
}

/// Why a mail was not sent. Its cause is logged and stored, so it holds neither password nor anything of the mail's text.
#[derive(Debug)]
pub struct MailError {
    kind: MailFault,
    source: BoxError,
}

impl MailError {
    /// An error with its cause.
    pub fn new(kind: MailFault, source: impl Into<BoxError>) -> Self {
        Self { kind, source: source.into() }
    }

    /// Whether trying again makes sense.
    pub fn kind(&self) -> MailFault {
        self.kind
    }
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            MailFault::Refused => "the mail server refused the mail for good",
            MailFault::NotNow => "the mail could not be sent now",
        })
    }
}

impl std::error::Error for MailError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Sends mails. One of your own is proven by `mailer_contract!` (feature `testing`).
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// Whether mails reach anybody; without, the maker of an invitation gets the link to pass on.
    fn is_configured(&self) -> bool;

    /// Hands a mail to the mail server, with a Message-ID made of its key. The caller bounds how long that may take, by dropping it;
    /// since an answer may take minutes, a mailer leaves sooner a server that is silent where nothing was handed over yet.
    ///
    /// # Errors
    /// Why the server did not take it, and whether trying again makes sense.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

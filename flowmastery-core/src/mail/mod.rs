//! The mail port and the mails that are sent.

pub mod invitation;
mod log;
mod smtp;

use std::fmt;

use async_trait::async_trait;

pub use self::{
    log::LogMailer,
    smtp::{SmtpConfig, SmtpMailer, SmtpTls},
};
use crate::{error::BoxError, model::email::Email};

/// A mail to be sent. It may hold the link of an invitation, so its `Debug` shows neither text nor HTML.
#[derive(Clone)]
pub struct Mail {
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

/// Sends mails.
#[async_trait]
pub trait Mailer: Send + Sync + fmt::Debug {
    /// Whether mails reach anybody; without, the maker of an invitation gets the link to pass on.
    fn is_configured(&self) -> bool;

    /// Hands a mail to the mail server.
    ///
    /// # Errors
    /// Why the server did not take it.
    async fn send(&self, mail: &Mail) -> Result<(), BoxError>;
}

//! The mailer of a host without a mail server: it says so once per mail, without the text, which holds a secret link.

use async_trait::async_trait;

use super::{Mail, Mailer};
use crate::error::BoxError;

/// Sends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    fn is_configured(&self) -> bool {
        false
    }

    async fn send(&self, mail: &Mail) -> Result<(), BoxError> {
        tracing::info!(
            subject = mail.subject,
            "no mail server is configured (SMTP_HOST): the mail was not sent"
        );
        Ok(())
    }
}

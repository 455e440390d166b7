//! The mailer of a host without a mail server: it says so once per mail, without the text, which holds a secret link.

use async_trait::async_trait;

use super::{Mail, MailError, MailFault, Mailer};

/// Sends nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    fn is_configured(&self) -> bool {
        false
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        tracing::info!(
            subject = mail.subject,
            "no mail server is configured (SMTP_HOST): the mail was not sent"
        );
        // It waits: the one that was configured when it was stored may come back.
        Err(MailError::new(MailFault::NotNow, "no mail server is configured"))
    }
}

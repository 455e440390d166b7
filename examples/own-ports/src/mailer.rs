//! A mailer that writes mails into a directory, from where a relay takes them, or a developer reads them.

use std::{io, path::PathBuf};

use async_trait::async_trait;
use flowmastery_core::mail::{Mail, MailError, MailFault, Mailer};
use mail_builder::{MessageBuilder, headers::raw::Raw};

/// Writes each mail as `<its key>.eml`. A mail that is tried again replaces itself, so nobody gets it twice.
#[derive(Debug)]
pub struct EmlMailer {
    directory: PathBuf,
    from: String,
}

impl EmlMailer {
    /// Into a directory, from an address. The directory must be there: one that is not yet mounted is a server that is away.
    pub fn new(directory: PathBuf, from: &str) -> Self {
        Self { directory, from: from.to_owned() }
    }

    fn write(&self, mail: &Mail) -> io::Result<Vec<u8>> {
        let domain = self.from.rsplit('@').next().unwrap_or("localhost");
        MessageBuilder::new()
            .from(self.from.as_str())
            .to(mail.to.as_str())
            .subject(mail.subject.as_str())
            .message_id(format!("{}@{domain}", mail.key))
            .date(mail.date.as_seconds())
            .header("Auto-Submitted", Raw::new("auto-generated"))
            .text_body(mail.text.as_str())
            .html_body(mail.html.as_str())
            .write_to_vec()
    }
}

#[async_trait]
impl Mailer for EmlMailer {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        if !takes(mail.to.as_str()) {
            return Err(MailError::new(MailFault::Refused, "the relay knows no such recipient"));
        }
        let text = self.write(mail).map_err(|error| MailError::new(MailFault::NotNow, error))?;
        // Under its name it is whole: whoever takes it from there never sees a half.
        let (unfinished, finished) = (format!("{}.part", mail.key), format!("{}.eml", mail.key));
        let written = async {
            tokio::fs::write(self.directory.join(&unfinished), text).await?;
            tokio::fs::rename(self.directory.join(&unfinished), self.directory.join(&finished)).await
        };
        written.await.map_err(|error| MailError::new(MailFault::NotNow, error))
    }
}

/// Whether the relay passes mail on to an address: it speaks ASCII, its parser knows no quotes, and `.invalid` leads nowhere (RFC 6761).
fn takes(address: &str) -> bool {
    address.is_ascii() && !address.contains('"') && !address.ends_with(".invalid")
}

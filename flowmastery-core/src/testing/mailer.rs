//! A mailer that keeps what it is given, for tests of what is mailed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    mail::{Mail, MailError, MailFault, Mailer},
    model::email::Email,
};

/// Takes every mail, unless it is told otherwise, and shows those that it took.
///
/// ```
/// # use flowmastery_core::{clock::Timestamp, mail::{Mail, Mailer}, model::email::Email, secret::MailKey};
/// use flowmastery_core::testing::mailer::MemoryMailer;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let mail = Mail {
/// #     key: MailKey::from_stored("7").ok_or("no key")?,
/// #     date: Timestamp::from_millis(0),
/// #     to: Email::parse("anna@acme.com").map_err(|fault| fault.message)?,
/// #     subject: "Your invitation".to_owned(),
/// #     text: "https://acme.com/?token=7".to_owned(),
/// #     html: String::new(),
/// # };
/// let mailer = MemoryMailer::default();
/// mailer.send(&mail).await?;
/// mailer.set_away(true);
/// assert!(mailer.send(&mail).await.is_err());
/// let mails = mailer.take();
/// assert_eq!(mails.len(), 1);
/// assert_eq!(mails[0].text, "https://acme.com/?token=7");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct MemoryMailer(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    mails: Vec<Mail>,
    refused: Vec<Email>,
    is_away: bool,
}

impl MemoryMailer {
    /// The mails that it took since it was last asked, oldest first.
    pub fn take(&self) -> Vec<Mail> {
        std::mem::take(&mut self.state().mails)
    }

    /// Refuses a recipient for good from now on.
    pub fn refuse(&self, recipient: Email) {
        self.state().refused.push(recipient);
    }

    /// Goes away, as a mail server does, or comes back.
    pub fn set_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let mut state = self.state();
        if state.is_away {
            return Err(MailError::new(MailFault::NotNow, "the mailer was told to be away"));
        }
        if state.refused.contains(&mail.to) {
            return Err(MailError::new(MailFault::Refused, "the mailer was told to refuse the recipient"));
        }
        state.mails.push(mail.clone());
        Ok(())
    }
}

//! The outbox's sender: hands stored mails to the mail server, and tries again for a day while it does not take them.
//!
//! Several hosts may send from one store: a mail is leased to one at a time, and no transaction is open while it is sent. A host that is
//! killed leaves its lease to run out, and a mail whose fate is unknown goes again with the same Message-ID.

use std::{fmt, sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    entropy::Entropy,
    error::{Result, causes},
    mail::{Mail, MailError, MailFault, Mailer, Postbox, letter::Letter},
    model::{
        email::Email,
        invitation::EmailStatus,
        outbox::{GIVES_UP_AFTER, LeasedMail, NewReset, RESET_LIFETIME},
        schedule::after_failure,
        session::OpaqueToken,
    },
    outage::Outage,
    store::Store,
};

/// How many mails are sent at once.
const AT_ONCE: u16 = 8;
/// The wait after the first failure; it doubles up to 15 minutes.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The most characters of a stored error.
const ERROR_CHARS: usize = 300;

/// How long the sender waits. The default is right for every mail server; tests make it short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// The longest that handing over one mail may take, with what the mail server's content filters take. A mail that is left then may
    /// have been taken, and goes again.
    pub patience: Duration,
    /// After so long whoever sends a mail counts as dead; longer than `patience`.
    pub lease: Duration,
    /// How often is looked for mails that are due; what is stored in this process is sent at once.
    pub tick: Duration,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        let [patience, lease, tick] = [330, 360, 1].map(Duration::from_secs);
        Self { patience, lease, tick }
    }
}

/// Sends the stored mails.
#[derive(Clone)]
pub struct Outbox(pub(crate) Arc<OutboxParts>);

/// What the sender works with.
pub(crate) struct OutboxParts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) postbox: Postbox,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// The page that takes `?token=` of a password reset.
    pub(crate) reset_page: String,
    pub(crate) limits: OutboxLimits,
    pub(crate) troubles: Troubles,
}

/// What was logged of each kind of trouble.
#[derive(Default)]
pub(crate) struct Troubles {
    mail: Outage,
    store: Outage,
}

impl Outbox {
    /// Sends what is due, until `stop` is cancelled; then waits for the mails that are being sent.
    pub async fn run(self, stop: CancellationToken) {
        // One mail that takes long holds up no other; in tasks, since one that waits to go on may hold what the next look needs.
        let mut sending = JoinSet::new();
        while !stop.is_cancelled() {
            let under_way = u16::try_from(sending.len()).unwrap_or(AT_ONCE);
            match self.lease(AT_ONCE.saturating_sub(under_way)).await {
                Ok(mails) => mails.into_iter().for_each(|mail| {
                    let this = self.clone();
                    sending.spawn(async move { this.warn_unless(this.handle(mail).await) });
                }),
                Err(error) => self.warn_unless(Err(error)),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.0.limits.tick) => {}
                () = self.0.postbox.woken() => {}
                Some(_) = sending.join_next() => {}
            }
        }
        while sending.join_next().await.is_some() {}
    }

    /// Tries mails that are due, a few at once, and waits for their fate; how many there were. For hosts that never call
    /// [`Outbox::run`].
    ///
    /// # Errors
    /// When the store is away; a mail whose fate could not be noted is tried again.
    pub async fn send_due(&self) -> Result<usize> {
        let mails = self.lease(AT_ONCE).await?;
        let handled = join_all(mails.into_iter().map(|mail| self.handle(mail))).await;
        Ok(handled.into_iter().collect::<Result<Vec<()>>>()?.len())
    }

    /// Some mails that are due, to be sent now.
    async fn lease(&self, room: u16) -> Result<Vec<LeasedMail>> {
        if room == 0 {
            return Ok(Vec::new());
        }
        let now = self.0.clock.now();
        let lease = (now, now.plus(self.0.limits.lease));
        Ok(self.0.store.lease_mails(TenantScope::ALL, lease, room).await?)
    }

    async fn handle(&self, leased: LeasedMail) -> Result<()> {
        let leased = &leased;
        let Ok(letter) = self.0.postbox.open(&leased.mail) else {
            let cause = "it cannot be opened: the key that sealed it is not among those that are set";
            return self.failed(leased, &MailError::new(MailFault::NotNow, cause)).await;
        };
        let Some(mail) = self.write(leased, letter).await? else {
            return self.finish(leased, EmailStatus::Failed).await;
        };
        let sent = tokio::time::timeout(self.0.limits.patience, self.0.mailer.send(&mail)).await;
        match sent {
            Ok(Ok(())) => self.finish(leased, EmailStatus::Sent).await,
            Ok(Err(error)) => self.failed(leased, &error).await,
            Err(_) => {
                let error = MailError::new(MailFault::NotNow, "the mail server gave no answer in time");
                self.failed(leased, &error).await
            }
        }
    }

    /// The mail to be sent; nothing where its time is over, or it is a password reset of nobody who may sign in.
    async fn write(&self, leased: &LeasedMail, letter: Letter) -> Result<Option<Mail>> {
        let now = self.0.clock.now();
        match &letter {
            Letter::Invitation { .. } => Ok(letter.mail(leased.mail.key, now)),
            Letter::ResetRequest { to } => self.open_reset(leased, to, now).await,
            // Whoever gets it should have the time to use it.
            Letter::Reset { to, until, .. } if until.since(now) < RESET_LIFETIME / 2 => {
                self.open_reset(leased, to, now).await
            }
            Letter::Reset { to, .. } => {
                // It may wait for long, and its user be deactivated meanwhile.
                let record = self.0.store.find_for_sign_in(to).await?;
                Ok(record
                    .filter(|record| record.user.is_active)
                    .and_then(|_| letter.mail(leased.mail.key, now)))
            }
        }
    }

    /// Makes the token of a password reset, if the address has an account that may sign in, and stores it with the mail, so that
    /// another attempt sends the same link while half of its time is left.
    async fn open_reset(&self, leased: &LeasedMail, to: &Email, now: Timestamp) -> Result<Option<Mail>> {
        let Some(record) = self.0.store.find_for_sign_in(to).await? else { return Ok(None) };
        let token = OpaqueToken::generate(self.0.entropy.as_ref())?;
        let expires_at = now.plus(RESET_LIFETIME);
        let link = format!("{}?token={}", self.0.reset_page, token.expose());
        let letter = Letter::Reset { to: to.clone(), link, until: expires_at };
        let mail = self.0.postbox.seal(&letter)?;
        let key = mail.key;
        let reset = NewReset { user: record.user.id, token: token.hash(), mail, created_at: now, expires_at };
        let opened = self.0.store.open_reset(TenantScope::ALL, leased.lease, reset).await?;
        Ok(if opened { letter.mail(key, now) } else { None })
    }

    /// Notes that a mail did not go: for good, or until it is tried again.
    async fn failed(&self, leased: &LeasedMail, error: &MailError) -> Result<()> {
        let now = self.0.clock.now();
        let cause = causes(error);
        let LeasedMail { lease, invitation, created_at, .. } = leased;
        let too_old = now.since(*created_at) >= GIVES_UP_AFTER;
        if error.kind() == MailFault::Refused || too_old {
            tracing::warn!(
                mail.id = %lease.id, invitation.id = invitation.map(|id| id.0), attempts = lease.attempt, error = %error, cause,
                "a mail was not sent and will not be"
            );
            return self.finish(leased, EmailStatus::Failed).await;
        }
        if self.0.troubles.mail.begins() {
            tracing::warn!(
                mail.id = %lease.id, attempts = lease.attempt, error = %error, cause,
                "a mail could not be sent and is tried again for a day; check SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USERNAME, \
                 SMTP_PASSWORD and FROM_EMAIL"
            );
        }
        let next = now.plus(after_failure(FIRST_WAIT, lease.attempt, None));
        let text: String = format!("{error}: {cause}").chars().take(ERROR_CHARS).collect();
        Ok(self.0.store.postpone_mail(TenantScope::ALL, *lease, next, &text).await?)
    }

    async fn finish(&self, leased: &LeasedMail, status: EmailStatus) -> Result<()> {
        Ok(self.0.store.finish_mail(TenantScope::ALL, leased.lease, status).await?)
    }

    /// Says what the store did not do.
    fn warn_unless(&self, done: Result<()>) {
        let Err(error) = done else { return };
        if self.0.troubles.store.begins() {
            let cause = causes(&error);
            tracing::warn!(error = %error, cause, "mails that wait could not be looked for, or their fate not be noted");
        }
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("limits", &self.0.limits).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_has_minutes_for_its_answer_and_the_lease_outlasts_them() {
        let OutboxLimits { patience, lease, .. } = OutboxLimits::default();
        assert!(patience >= Duration::from_secs(320) && lease > patience);
    }
}

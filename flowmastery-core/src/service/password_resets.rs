//! Password resets: a link by mail, and another password for whoever has it.
//!
//! Asking takes the same work whether the address has an account or not: the wish is stored, and whoever sends mails finds out.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    access::password::PasswordHasher,
    audit::AuditNotes,
    clock::Clock,
    error::{Error, Kind, Result},
    feed::ChangeFeed,
    mail::{Postbox, letter::Letter},
    model::{
        audit::AuditAction, email::Email, outbox::NewResetRequest, password::Password, session::TokenHash,
    },
    outage::Outage,
    request::RequestOrigin,
    store::{Change, NewAuditEntry, Reset, Store},
    throttle::{Throttle, Tried},
};

/// How many wishes may wait at once, each of another address; further ones are dropped.
const ROOM: u32 = 1000;

/// Password resets.
#[derive(Clone, Debug)]
pub struct PasswordResets {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) postbox: Postbox,
    pub(crate) hasher: PasswordHasher,
    pub(crate) throttle: Throttle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notes: AuditNotes,
    /// When it was last said that wishes are dropped.
    pub(crate) dropped: Arc<Outage>,
}

impl PasswordResets {
    /// Mails a link to the address, if it has an account that may sign in; what is answered does not tell. While a wish of the address
    /// waits, another one changes nothing.
    ///
    /// # Errors
    /// [`Kind::TooMany`] after too many of these, [`Kind::Unavailable`] when the store is away.
    pub async fn request(&self, email: Email, origin: RequestOrigin) -> Result<()> {
        let work = self.queue(email.clone(), origin);
        self.throttle.attempt(Tried::RequestReset(&email), origin, work).await
    }

    async fn queue(&self, email: Email, origin: RequestOrigin) -> Result<()> {
        let entry = NewAuditEntry::new(AuditAction::PasswordResetRequested, self.clock.now());
        self.notes.note(entry.seen_from(origin).with("email", email.as_str()));
        if !self.postbox.is_served() {
            tracing::info!(
                "a password reset was asked for; no mail server is configured (SMTP_HOST), so nothing is sent"
            );
            return Ok(());
        }
        let address_digest = self.postbox.digest(&email)?;
        let mail = self.postbox.seal(&Letter::ResetRequest { to: email })?;
        let request = NewResetRequest { mail, address_digest, created_at: self.clock.now() };
        if self.store.queue_reset_request(request, ROOM).await? {
            self.postbox.wake();
        } else if self.dropped.begins() {
            tracing::warn!(waiting = ROOM, "a password reset was asked for and dropped: too many wait");
        }
        Ok(())
    }

    /// Sets the password of whoever was mailed the token, and signs them out everywhere; happens once, however many race.
    ///
    /// # Errors
    /// [`Kind::Gone`] when its time is over, [`Kind::NotFound`] when it is unknown, spent, or of an account that may not sign in,
    /// [`Kind::TooMany`] after too many of those.
    pub async fn confirm(
        &self,
        token: &SecretString,
        password: &Password,
        origin: RequestOrigin,
    ) -> Result<()> {
        let token = TokenHash::of(token.expose_secret());
        let work = self.confirm_unthrottled(&token, password, origin);
        self.throttle.attempt(Tried::ConfirmReset(&token), origin, work).await
    }

    async fn confirm_unthrottled(
        &self,
        token: &TokenHash,
        password: &Password,
        origin: RequestOrigin,
    ) -> Result<()> {
        // Hashing is dear, so a token that is not good is refused before it.
        let expires_at = self.store.find_reset(token).await?.ok_or_else(not_found)?;
        if expires_at <= self.clock.now() {
            return Err(expired());
        }
        let hashed_password = self.hasher.hash(password).await?;
        match self.store.confirm_reset(token, &hashed_password, origin, self.clock.now()).await? {
            Reset::Done(user) => {
                self.feed.forget(Change::User(user));
                tracing::info!(user.id = %user, "a password was reset; the user's sessions are closed");
                Ok(())
            }
            Reset::Expired => Err(expired()),
            Reset::NotFound => Err(not_found()),
        }
    }
}

fn not_found() -> Error {
    Error::not_found("password reset")
}

fn expired() -> Error {
    Error::new(Kind::Gone, "This password reset has expired; ask for a new one.")
}

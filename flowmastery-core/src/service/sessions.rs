//! Signing in, staying signed in, and signing out.

mod own;

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use crate::{
    access::{
        actor::Actor,
        issuer::TokenIssuer,
        password::{PasswordHasher, Verification},
    },
    audit::AuditNotes,
    clock::{Clock, Timestamp},
    error::{Error, Kind, Result},
    feed::{ChangeFeed, Remembered, Row, Touched},
    id::{SessionId, UserId},
    model::{
        audit::{AuditAction, AuditSubject},
        email::Email,
        password::Password,
        session::{Rotation, SignedIn, TokenHash},
        user::{User, UserRecord},
    },
    request::RequestOrigin,
    store::{Change, NewAuditEntry, Store},
    throttle::{Throttle, Tried},
};

pub use self::own::OwnSession;

/// How many open sessions are remembered.
const REMEMBERED: usize = 100_000;

/// A session that may be used until it expires, and who by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenSession {
    actor: Actor,
    expires_at: Timestamp,
}

impl OpenSession {
    /// `None` for a user who may not act.
    fn of(id: SessionId, user: &User, expires_at: Timestamp) -> Option<Self> {
        Some(Self { actor: Actor::of(user)?.with_session(id), expires_at })
    }
}

impl Row for OpenSession {
    fn hangs_on(&self) -> Option<Change> {
        Some(Change::User(self.actor.user_id()))
    }
}

/// Open sessions, as long as neither they nor their users change.
pub(crate) fn remembered(feed: &Arc<ChangeFeed>) -> Remembered<SessionId, OpenSession> {
    Remembered::new(feed, REMEMBERED, |change| match change {
        Change::Session(id) => Touched::One(id),
        Change::User(_) => Touched::Dependent,
        // Its users are deleted with it.
        Change::Client(_) => Touched::Nothing,
    })
}

/// Signing in, staying signed in, and signing out.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) open: Remembered<SessionId, OpenSession>,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) issuer: TokenIssuer,
    pub(crate) throttle: Throttle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) notes: AuditNotes,
}

impl Sessions {
    /// Signs in with e-mail and password.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for an unknown address, a wrong password and an account that is not active: the same answer after
    /// the same work. [`Kind::TooMany`] after too many of those, [`Kind::Unavailable`] when the store is away or too many wait for their hash.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &SecretString,
        origin: RequestOrigin,
    ) -> Result<SignedIn> {
        let parsed = Email::parse(email).ok();
        let tried = (parsed.as_ref(), origin);
        let work = self.sign_in_unthrottled(tried, password);
        let outcome = self.throttle.attempt(Tried::SignIn(email), origin, work).await;
        if outcome.as_ref().is_err_and(|error| error.kind() == Kind::TooMany) {
            self.note_failure(tried, None, "throttled");
        }
        outcome
    }

    async fn sign_in_unthrottled(
        &self,
        tried: (Option<&Email>, RequestOrigin),
        password: &SecretString,
    ) -> Result<SignedIn> {
        let origin = tried.1;
        let (user, verified) = self.verify(tried, password).await?;
        let now = self.clock.now();
        let (refresh, session) = self.issuer.refresh(origin, now)?;
        let opened = match self.store.open_session(user, &verified, session.clone()).await? {
            Some(opened) => opened,
            // Another sign-in may have stored a newer kind of hash of the same password meanwhile.
            None => {
                let (user, verified) = self.verify(tried, password).await?;
                let opened = self.store.open_session(user, &verified, session).await?;
                opened.ok_or_else(|| self.refused(tried, None, "changed_meanwhile"))?
            }
        };
        self.issuer.signed_in(opened, &refresh, now)
    }

    /// Whose password it is, and the stored hash that says so.
    async fn verify(
        &self,
        tried: (Option<&Email>, RequestOrigin),
        password: &SecretString,
    ) -> Result<(UserId, SecretString)> {
        let found = match tried.0 {
            Some(email) => self.store.find_for_sign_in(email).await?,
            None => None,
        };
        // Who is not active costs what nobody does: those have no imported hash to pay for.
        let record = found.as_ref().filter(|record| record.user.is_active);
        let imported = self.store.imported_hash().await?;
        let stored = record.map(|record| &record.hashed_password);
        let verified = self.hasher.verify_evenly(password, stored, imported.as_ref()).await?;
        let Some(UserRecord { user, hashed_password }) = record else {
            let user = found.as_ref().map(|record| &record.user);
            let reason = if user.is_some() { "inactive" } else { "unknown" };
            return Err(self.refused(tried, user, reason));
        };
        match verified {
            Verification::Mismatch => Err(self.refused(tried, Some(user), "wrong_password")),
            Verification::MatchNeedsRehash => {
                Ok((user.id, self.rehash(user, password, hashed_password).await?))
            }
            Verification::Match => Ok((user.id, hashed_password.clone())),
        }
    }

    /// What a caller is told whose sign-in failed, which does not say why; that is noted.
    fn refused(
        &self,
        tried: (Option<&Email>, RequestOrigin),
        user: Option<&User>,
        reason: &'static str,
    ) -> Error {
        self.note_failure(tried, user, reason);
        wrong_credentials()
    }

    /// Notes why a sign-in failed. What is no address may be a password in the wrong field, so it is not noted.
    fn note_failure(
        &self,
        (email, origin): (Option<&Email>, RequestOrigin),
        user: Option<&User>,
        reason: &'static str,
    ) {
        let mut entry = NewAuditEntry::new(AuditAction::SignInFailed, self.clock.now()).seen_from(origin);
        entry = entry.with("reason", reason).with("email", email.map(Email::as_str));
        if let Some(user) = user {
            entry = entry.of(user.client_id).on(AuditSubject::User(user.id));
        }
        self.notes.note(entry);
    }

    /// Stores a hash of today's kind for a password that verified against an older one.
    async fn rehash(&self, user: &User, password: &SecretString, old: &SecretString) -> Result<SecretString> {
        let new = self.hasher.hash(&Password::of_old(password.clone())).await?;
        self.store.replace_password_hash(user.id, old, &new).await?;
        Ok(new)
    }

    /// A new pair of tokens for a refresh token, which is spent by it.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] for a token that is unknown, expired, or was spent long ago; the last closes its session.
    /// [`Kind::TooMany`] after too many of those.
    pub async fn refresh(&self, refresh_token: &SecretString, origin: RequestOrigin) -> Result<SignedIn> {
        let presented = TokenHash::of(refresh_token.expose_secret());
        self.throttle.attempt(Tried::Refresh(&presented), origin, self.rotate(&presented, origin)).await
    }

    async fn rotate(&self, presented: &TokenHash, origin: RequestOrigin) -> Result<SignedIn> {
        let now = self.clock.now();
        let (refresh, next) = self.issuer.refresh(origin, now)?;
        match self.store.rotate_refresh(presented, next).await? {
            Rotation::Rotated { session, user } => self.issuer.signed_in((session, user), &refresh, now),
            Rotation::Replayed { session, user } => {
                self.feed.forget(Change::Session(session));
                tracing::warn!(session.id = %session, user.id = %user, "a spent refresh token was replayed; its session is closed");
                Err(refresh_refused())
            }
            Rotation::Refused => Err(refresh_refused()),
        }
    }

    /// Ends the actor's session: its tokens stop working. Where the host has its own sessions there is nothing to end.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the store is away.
    pub async fn sign_out(&self, actor: Actor) -> Result<()> {
        if let Some(session) = actor.session_id() {
            self.store.close_session(actor.scope(), actor.user_id(), session, self.clock.now()).await?;
            self.feed.forget(Change::Session(session));
        }
        Ok(())
    }

    /// Who presents an access token, as the store has it now, or had it less than a second ago.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] when the token, its session, its user or the user's client is not good any more;
    /// [`Kind::Unavailable`] when the store is away and nothing that is remembered may be used.
    pub async fn authenticate(&self, access_token: &str) -> Result<Actor> {
        let now = self.clock.now();
        let subject = self.issuer.codec.read(access_token, now)?;
        let load = async {
            let found = self.store.find_session_user(subject.session, now).await?;
            Ok::<_, Error>(found.and_then(|(user, until)| OpenSession::of(subject.session, &user, until)))
        };
        // One that has expired may have been prolonged meanwhile.
        let open = self.open.get_or_load(subject.session, |open| open.expires_at > now, load).await?;
        let actor = open.map(|open| open.actor).filter(|actor| actor.user_id() == subject.user);
        actor.ok_or_else(|| Error::new(Kind::Unauthenticated, "This session has ended; sign in again."))
    }
}

fn wrong_credentials() -> Error {
    Error::new(Kind::Unauthenticated, "The e-mail address or the password is wrong.")
}

fn refresh_refused() -> Error {
    Error::new(Kind::Unauthenticated, "The refresh token is not valid any more; sign in again.")
}

//! What users see of their sessions, and end.

use serde::Serialize;

use super::Sessions;
use crate::{
    access::actor::Actor,
    error::{Error, Result},
    id::SessionId,
    model::session::Session,
    page::{Page, PageRequest},
    store::Change,
};

/// A session of the caller's.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OwnSession {
    /// The session.
    #[serde(flatten)]
    pub session: Session,
    /// Whether the caller asks in it; never where the host has sessions of its own.
    pub current: bool,
}

impl Sessions {
    /// The actor's own open sessions, newest first.
    ///
    /// # Errors
    /// [`crate::error::Kind::Unavailable`] when the store is away.
    pub async fn list_own(&self, actor: Actor, page: PageRequest) -> Result<Page<OwnSession>> {
        let now = self.clock.now();
        let sessions = self.store.list_sessions(actor.scope(), actor.user_id(), page, now).await?;
        Ok(sessions.map(|session| OwnSession { current: actor.session_id() == Some(session.id), session }))
    }

    /// Insists that an open session is the actor's own.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`] when it is not.
    pub async fn require_own(&self, actor: Actor, session: SessionId) -> Result<()> {
        let found = self.store.find_session_user(session, self.clock.now()).await?;
        let own = found.filter(|(user, _)| user.id == actor.user_id());
        own.map(drop).ok_or_else(not_found)
    }

    /// Ends a session of the actor's own: its tokens stop working.
    ///
    /// # Errors
    /// [`crate::error::Kind::NotFound`] when the actor has no such open session.
    pub async fn revoke_own(&self, actor: Actor, session: SessionId) -> Result<()> {
        let now = self.clock.now();
        if !self.store.close_session(actor.scope(), actor.user_id(), session, now).await? {
            return Err(not_found());
        }
        self.feed.forget(Change::Session(session));
        Ok(())
    }
}

fn not_found() -> Error {
    Error::not_found("session")
}

//! The application's sessions as FlowMastery's actors.

use std::sync::Arc;

use async_trait::async_trait;
use flowmastery_core::{
    access::actor::Actor,
    error::{Error, Kind, Result},
    service::users::Users,
};
use flowmastery_tower::{Authenticator, Credentials, Site, TokenAuthenticator};

use crate::{routes::App, sessions::Sessions};

/// Knows callers by FlowMastery's tokens, else by the application's session.
#[derive(Debug)]
pub(crate) struct MemberAuthenticator {
    tokens: TokenAuthenticator,
    sessions: Arc<Sessions>,
    users: Users,
}

impl MemberAuthenticator {
    pub(crate) fn new(app: &App, site: Site) -> Self {
        Self {
            tokens: TokenAuthenticator::new(&app.flowmastery).at(site),
            sessions: app.sessions.clone(),
            users: app.flowmastery.users().clone(),
        }
    }
}

#[async_trait]
impl Authenticator for MemberAuthenticator {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>> {
        // Whoever sends a token means it; a bad one is refused whatever session there is.
        if let Some(actor) = self.tokens.authenticate(credentials).await? {
            return Ok(Some(actor));
        }
        let Some(stands_for) = self.sessions.find(credentials.headers()) else { return Ok(None) };
        // Asked each time: the user may have been deactivated, or have another role.
        match self.users.find_actor(&stands_for).await? {
            Some(actor) => Ok(Some(actor)),
            // They have signed in, so no sign-in would help.
            None => Err(Error::new(Kind::Forbidden, "There is no account for you here any more.")),
        }
    }
}

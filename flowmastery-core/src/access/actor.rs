//! The actor: who makes a request, once authenticated.

use crate::{
    access::{
        permission::Permission,
        scope::{Author, TenantScope},
    },
    error::{Error, Kind, Result},
    id::{ClientId, SessionId, UserId},
    model::user::{Role, User},
    request::RequestOrigin,
};

const NOWHERE: RequestOrigin = RequestOrigin { address: None, request_id: None };

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    user_id: UserId,
    session_id: Option<SessionId>,
    origin: RequestOrigin,
    role: ActorRole,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ActorRole {
    Admin,
    ClientUser(ClientId),
}

impl Actor {
    /// An admin.
    pub const fn admin(user_id: UserId) -> Self {
        Self { user_id, session_id: None, origin: NOWHERE, role: ActorRole::Admin }
    }

    /// A user of one client.
    pub const fn client_user(user_id: UserId, client_id: ClientId) -> Self {
        Self { user_id, session_id: None, origin: NOWHERE, role: ActorRole::ClientUser(client_id) }
    }

    /// The actor that a user is; `None` for one who is deactivated, or whose role needs a client and who has none.
    pub fn of(user: &User) -> Option<Self> {
        let actor = match (user.role, user.client_id) {
            (Role::Admin, _) => Self::admin(user.id),
            (Role::Client, client) => Self::client_user(user.id, client?),
        };
        user.is_active.then_some(actor)
    }

    /// The same actor, signed in through a session of ours.
    #[must_use]
    pub const fn with_session(mut self, session_id: SessionId) -> Self {
        self.session_id = Some(session_id);
        self
    }

    /// The same actor, in a request that comes from somewhere.
    #[must_use]
    pub const fn at(mut self, origin: RequestOrigin) -> Self {
        self.origin = origin;
        self
    }

    /// The user.
    pub const fn user_id(self) -> UserId {
        self.user_id
    }

    /// The session of ours; `None` where the host has its own sessions.
    pub const fn session_id(self) -> Option<SessionId> {
        self.session_id
    }

    /// The role.
    pub const fn role(self) -> Role {
        match self.role {
            ActorRole::Admin => Role::Admin,
            ActorRole::ClientUser(_) => Role::Client,
        }
    }

    /// The client of a client user.
    pub const fn client_id(self) -> Option<ClientId> {
        match self.role {
            ActorRole::Admin => None,
            ActorRole::ClientUser(client) => Some(client),
        }
    }

    /// Where the request comes from.
    pub const fn origin(self) -> RequestOrigin {
        self.origin
    }

    /// Whose data the actor may touch; what is done in it is the actor's.
    pub const fn scope(self) -> TenantScope {
        let scope = match self.role {
            ActorRole::Admin => TenantScope::ALL,
            ActorRole::ClientUser(client) => TenantScope::client(client),
        };
        scope.by(Author { user: self.user_id, origin: self.origin })
    }

    /// Insists on a permission.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] with the reason.
    pub fn require(self, permission: Permission) -> Result<()> {
        if permission.is_granted_to(self.role()) {
            Ok(())
        } else {
            Err(Error::new(Kind::Forbidden, permission.denial()))
        }
    }

    /// Insists on a permission for one client's data.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] without the permission, [`Kind::NotFound`] for another tenant's client.
    pub fn require_client(self, permission: Permission, client: ClientId) -> Result<TenantScope> {
        self.require(permission)?;
        if self.scope().admits(client) { Ok(self.scope()) } else { Err(Error::not_found("client")) }
    }
}

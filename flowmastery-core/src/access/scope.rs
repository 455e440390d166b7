//! The boundary of a tenant, as every store method on tenant data takes it, and who acts inside of it.

use crate::{
    id::{ClientId, UserId},
    request::RequestOrigin,
};

/// Who does something, and from where: for what is noted of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Author {
    /// The user.
    pub user: UserId,
    /// Where the request comes from.
    pub origin: RequestOrigin,
}

/// Which clients' data a caller may touch. Only [`crate::access::actor::Actor`] and the collector make one. Two are not compared: who acts
/// makes no difference to what may be touched.
#[derive(Clone, Copy, Debug)]
pub struct TenantScope {
    only: Option<ClientId>,
    author: Option<Author>,
}

impl TenantScope {
    /// Every client: admins, and the host itself.
    pub(crate) const ALL: Self = Self { only: None, author: None };

    /// One client and nothing else.
    pub const fn client(client: ClientId) -> Self {
        Self { only: Some(client), author: None }
    }

    /// The same, for what somebody does.
    pub(crate) const fn by(self, author: Author) -> Self {
        Self { author: Some(author), ..self }
    }

    /// Whether a client's data lies inside.
    pub fn admits(self, client: ClientId) -> bool {
        self.only.is_none_or(|only| only == client)
    }

    /// Whether it is every client's.
    pub const fn is_everything(self) -> bool {
        self.only.is_none()
    }

    /// The one client, for a query's `($n IS NULL OR client_id = $n)`; `None` stands for every client.
    pub const fn only(self) -> Option<ClientId> {
        self.only
    }

    /// Who acts; `None` for the host itself.
    pub const fn author(self) -> Option<Author> {
        self.author
    }
}

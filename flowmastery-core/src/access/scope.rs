//! The boundary of a tenant, as every store method on tenant data takes it.

use crate::id::ClientId;

/// Which clients' data a caller may touch. Only [`crate::access::actor::Actor`] and the collector make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TenantScope(Option<ClientId>);

impl TenantScope {
    /// Every client: admins, and the host itself.
    pub(crate) const ALL: Self = Self(None);

    /// One client and nothing else.
    pub const fn client(client: ClientId) -> Self {
        Self(Some(client))
    }

    /// Whether a client's data lies inside.
    pub fn admits(self, client: ClientId) -> bool {
        self.0.is_none_or(|only| only == client)
    }

    /// The one client, for a query's `($n IS NULL OR client_id = $n)`; `None` stands for every client.
    pub const fn only(self) -> Option<ClientId> {
        self.0
    }
}

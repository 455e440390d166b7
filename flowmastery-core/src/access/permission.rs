//! The permission table: the only place that says which role may do what.

use crate::model::user::Role;

/// Something that a caller may be permitted to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// Invite, list, change and remove users.
    ManageUsers,
    /// Make, list, rename and remove clients; set n8n keys and what their workflows save; collect now.
    ManageClients,
    /// See one client's record and metrics: any for admins, the own one for client users.
    ViewClient,
    /// See the metrics over all clients.
    ViewAllClients,
    /// See the metrics of the caller's own client; admins have none.
    ViewOwnClient,
    /// See who did what.
    ViewAudit,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 6] = [
        Self::ManageUsers,
        Self::ManageClients,
        Self::ViewClient,
        Self::ViewAllClients,
        Self::ViewOwnClient,
        Self::ViewAudit,
    ];

    /// Whether a role has it.
    pub const fn is_granted_to(self, role: Role) -> bool {
        match role {
            Role::Admin => !matches!(self, Self::ViewOwnClient),
            Role::Client => matches!(self, Self::ViewClient | Self::ViewOwnClient),
        }
    }

    /// What a caller without it is told.
    pub const fn denial(self) -> &'static str {
        match self {
            Self::ManageUsers | Self::ManageClients | Self::ViewAudit => "Only admins may do this.",
            Self::ViewClient => "Your role may not see this.",
            Self::ViewAllClients => {
                "Only admins see all clients; your own numbers are at /api/v1/metrics/my-metrics."
            }
            Self::ViewOwnClient => {
                "Admins have no client of their own; the numbers of all clients are at /api/v1/metrics/all."
            }
        }
    }
}

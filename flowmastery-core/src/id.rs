//! Identifiers: 64-bit integers that the store hands out and never uses again, one type for each kind of record.

use std::{fmt, num::ParseIntError, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(transparent)]
        #[cfg_attr(any(feature = "postgres", feature = "sqlite"), derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A client: an organisation with its own n8n instance, the boundary of a tenant.
    ClientId,
    /// A user, admin or of a client.
    UserId,
    /// An invitation.
    InvitationId,
    /// A session: what one sign-in opened.
    SessionId,
    /// A mail that waits to be sent.
    MailId,
    /// An entry of the audit log.
    AuditId,
    /// An execution's number within one epoch of one n8n instance.
    ExecutionId,
}

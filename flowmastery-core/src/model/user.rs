//! Users: admins of the agency, and users of one client.

use std::{fmt, str::FromStr};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::FieldError,
    id::{ClientId, UserId},
    model::email::Email,
};

/// What a user may do; the table is in [`crate::access::permission`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Invites users, manages clients and keys, sees every client's metrics.
    Admin,
    /// Sees the metrics of one client.
    Client,
}

impl Role {
    /// The role's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Client => "client",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        match text {
            "admin" => Ok(Self::Admin),
            "client" => Ok(Self::Client),
            _ => Err(FieldError::new("role", "The role is admin or client.")),
        }
    }
}

/// A user, as shown to admins and to the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct User {
    /// Never used again.
    pub id: UserId,
    /// Unique over all users.
    pub email: Email,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// The user's client; null for admins.
    pub client_id: Option<ClientId>,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When the user last signed in; null before the first time.
    pub last_login: Option<Timestamp>,
}

/// A user with the stored hash of the password, for signing in only.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The user.
    pub user: User,
    /// PHC string of the password's hash.
    pub hashed_password: SecretString,
}

/// A user to be stored.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique over all users.
    pub email: Email,
    /// PHC string of the password's hash.
    pub hashed_password: SecretString,
    /// When.
    pub created_at: Timestamp,
}

/// What an admin may change of a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserPatch {
    /// A new role. A client user keeps its client only as a client user; an admin made a client user needs an invitation instead.
    pub role: Option<Role>,
    /// Whether the user may sign in.
    pub is_active: Option<bool>,
}

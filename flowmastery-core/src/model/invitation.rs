//! Invitations: how people get an account. They live 48 hours and are accepted once.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{ClientId, InvitationId, UserId},
    model::{email::Email, outbox::SealedMail, session::TokenHash, user::Role},
};

/// How long an invitation may be accepted.
pub const LIFETIME: Duration = Duration::from_secs(48 * 3600);

/// What became of an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum InvitationStatus {
    /// It can be accepted.
    Pending,
    /// Somebody accepted it.
    Accepted,
    /// Nobody accepted it in time.
    Expired,
    /// An admin took it back, or a newer one took its place.
    Revoked,
}

impl InvitationStatus {
    /// The status's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// The status of a stored name; `None` for a name that we never store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Accepted, Self::Expired, Self::Revoked]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// What became of an invitation's mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmailStatus {
    /// The mail server took it, or the invitation was accepted.
    Sent,
    /// It waits to be sent, or to be tried again.
    Queued,
    /// It was not sent and will not be: the mail server refused it, was away for a day, or a newer invitation came first.
    Failed,
    /// No mail server is configured: pass on the link yourself.
    NotConfigured,
}

impl EmailStatus {
    /// The status's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Queued => "queued",
            Self::Failed => "failed",
            Self::NotConfigured => "not_configured",
        }
    }

    /// The status of a stored name; `None` for a name that we never store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sent, Self::Queued, Self::Failed, Self::NotConfigured]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// An invitation, as shown to admins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Invitation {
    /// Never used again.
    pub id: InvitationId,
    /// Who is invited.
    pub email: Email,
    /// The role of the account to be made.
    pub role: Role,
    /// What became of it; one that was not accepted in time shows as expired.
    pub status: InvitationStatus,
    /// When it stops being acceptable.
    pub expiry_date: Timestamp,
    /// The client of the account to be made; null for admins.
    pub client_id: Option<ClientId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// What became of its mail.
    pub email_status: EmailStatus,
}

/// An invitation to be stored; making it kills every pending one for the same address.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// Who is invited.
    pub email: Email,
    /// The role, and for client users the client.
    pub role: Role,
    /// The client of a client user.
    pub client_id: Option<ClientId>,
    /// Hash of the token in the mailed link.
    pub token: TokenHash,
    /// The admin who invites; `None` when the host itself did.
    pub invited_by_admin_id: Option<UserId>,
    /// The mail with its link, to be sent; `None` without a mail server.
    pub mail: Option<SealedMail>,
    /// When.
    pub created_at: Timestamp,
    /// When it stops being acceptable.
    pub expiry_date: Timestamp,
}

/// Another link for an invitation that was not accepted.
#[derive(Clone, Debug)]
pub struct Renewal {
    /// Hash of the token in the new link.
    pub token: TokenHash,
    /// The mail with the new link; `None` without a mail server.
    pub mail: Option<SealedMail>,
    /// When.
    pub renewed_at: Timestamp,
    /// When it stops being acceptable.
    pub expiry_date: Timestamp,
}

/// What the holder of an invitation's token may see of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InvitationPreview {
    /// Who is invited.
    pub email: Email,
    /// The role of the account to be made.
    pub role: Role,
    /// Name of the client of the account to be made; null for admins.
    pub client_name: Option<String>,
    /// When it stops being acceptable.
    pub expiry_date: Timestamp,
    /// `pending` or `expired`; any other invitation is not found.
    pub status: InvitationStatus,
}

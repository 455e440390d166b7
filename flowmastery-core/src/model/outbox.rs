//! Mails that wait to be sent: sealed while they are stored, and erased when they went or never will.

use std::time::Duration;

use crate::{
    clock::Timestamp,
    id::{InvitationId, MailId, UserId},
    model::session::TokenHash,
    secret::{MailKey, Sealed},
};

/// How long a mail that the server does not take is tried again.
pub const GIVES_UP_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How long the link of a password reset works.
pub const RESET_LIFETIME: Duration = Duration::from_secs(3600);

/// A user gets one link in this time, however often it is asked for.
pub const RESET_GAP: Duration = Duration::from_secs(60);

/// A mail as stored: what it says opens with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedMail {
    /// Known outside the database, too: it is in the Message-ID.
    pub key: MailKey,
    /// What makes the mail.
    pub sealed: Sealed,
}

/// A wish for a password reset, to be stored for whatever address was given.
#[derive(Clone, Debug)]
pub struct NewResetRequest {
    /// The wish, with the address in it.
    pub mail: SealedMail,
    /// Keyed digest of the address.
    pub address_digest: String,
    /// When.
    pub created_at: Timestamp,
}

/// The right to send one mail, until it runs out or somebody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailLease {
    /// Which mail.
    pub id: MailId,
    /// Which attempt; every next one ends this lease.
    pub attempt: i64,
}

/// A mail that is to be sent now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeasedMail {
    /// The right to send it.
    pub lease: MailLease,
    /// The mail.
    pub mail: SealedMail,
    /// The invitation that it carries; none for a password reset.
    pub invitation: Option<InvitationId>,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// A password reset to be stored; it ends the user's older one.
#[derive(Clone, Debug)]
pub struct NewReset {
    /// Whose password.
    pub user: UserId,
    /// Hash of the token in the mailed link.
    pub token: TokenHash,
    /// The mail with that link, which takes the place of the wish for it.
    pub mail: SealedMail,
    /// When.
    pub created_at: Timestamp,
    /// When the link stops working.
    pub expires_at: Timestamp,
}

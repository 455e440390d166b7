//! The audit log: who did what, when and from where, as it is kept and shown. No entry holds a secret.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    clock::Timestamp,
    error::{Faults, FieldError},
    id::{AuditId, ClientId, InvitationId, SessionId, UserId},
    model::{period::parse_instant, rollup::Range},
    page::Position,
};

/// The most characters that a text in an entry's detail keeps; an e-mail address has no more.
const LONGEST_TEXT: usize = 254;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What was done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum AuditAction {
            $($(#[$doc])* $name,)+
        }

        impl AuditAction {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),+];
            /// Their names, in the same order.
            pub const NAMES: &[&str] = &[$($text),+];

            /// Its name, as stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

actions! {
    /// Somebody signed in.
    SignedIn = "signed_in",
    /// Somebody tried to sign in.
    SignInFailed = "sign_in_failed",
    /// A user ended a session.
    SignedOut = "signed_out",
    /// A refresh token was used that had been spent long ago; its session is closed.
    RefreshReplayed = "refresh_replayed",
    /// Somebody asked for a mail to reset a password.
    PasswordResetRequested = "password_reset_requested",
    /// A password was set by the link of such a mail.
    PasswordReset = "password_reset",
    /// A user set another password.
    PasswordChanged = "password_changed",
    /// Somebody was invited.
    InvitationCreated = "invitation_created",
    /// An invitation was mailed once more, with another link.
    InvitationResent = "invitation_resent",
    /// An invitation was taken back.
    InvitationRevoked = "invitation_revoked",
    /// An invitation became an account.
    InvitationAccepted = "invitation_accepted",
    /// An admin was made by the host's own command.
    AdminCreated = "admin_created",
    /// A user's role changed, or whether the user may sign in.
    UserUpdated = "user_updated",
    /// A user was deleted.
    UserDeleted = "user_deleted",
    /// A client was made.
    ClientCreated = "client_created",
    /// A client got another name.
    ClientRenamed = "client_renamed",
    /// A client was deleted, with its users.
    ClientDeleted = "client_deleted",
    /// A client's n8n address and key were set.
    N8nKeySet = "n8n_key_set",
    /// A client's n8n address and key were removed.
    N8nKeyRemoved = "n8n_key_removed",
    /// What an execution of a workflow saves was set.
    TimeSavedSet = "time_saved_set",
    /// The host's own command began to seal what is stored anew, under the newest key.
    RewrapBegun = "rewrap_begun",
    /// An import of another FlowMastery's records began.
    ImportBegun = "import_begun",
    /// Somebody who is signed in was refused what the role or the tenant does not allow.
    Denied = "denied",
    /// More was tried than is kept one by one; the entry counts what was left out.
    LeftOut = "left_out",
}

impl AuditAction {
    /// Reads the name of an action, as a filter gives it.
    ///
    /// # Errors
    /// A fault of `action`.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let found = Self::ALL.iter().copied().find(|action| action.as_str() == text);
        found.ok_or_else(|| FieldError::new("action", "There is no such action."))
    }
}

/// What something was done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSubject {
    /// A user.
    User(UserId),
    /// An invitation.
    Invitation(InvitationId),
    /// A client.
    Client(ClientId),
    /// A session.
    Session(SessionId),
}

impl AuditSubject {
    /// Its kind, as stored and shown.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Invitation(_) => "invitation",
            Self::Client(_) => "client",
            Self::Session(_) => "session",
        }
    }

    /// Its id.
    pub const fn id(self) -> i64 {
        match self {
            Self::User(UserId(id))
            | Self::Invitation(InvitationId(id))
            | Self::Client(ClientId(id))
            | Self::Session(SessionId(id)) => id,
        }
    }
}

/// What else is to be known of an entry: names with numbers, flags and short texts. Secrets are never put into one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditDetail(Map<String, Value>);

impl AuditDetail {
    /// The same with one more; a long text is cut.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            // Postgres stores no NUL.
            Value::String(text) => {
                text.chars().filter(|c| *c != '\0').take(LONGEST_TEXT).collect::<String>().into()
            }
            value => value,
        };
        self.0.insert(name.to_owned(), value);
        self
    }

    /// The same with what something was before and what it is now, where these differ.
    #[must_use]
    pub fn changed<T: Into<Value> + PartialEq>(self, name: &str, from: T, to: T) -> Self {
        if from == to {
            return self;
        }
        let both = AuditDetail::default().with("from", from).with("to", to);
        self.with(name, both.0)
    }

    /// Whether nothing is to be known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As stored: a JSON object.
    pub fn to_json(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// An entry, as shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// Never used again.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// What was done; a host of a newer version may have written a name that this one does not know.
    pub action: String,
    /// Who did it; null for the host's own commands, and for whoever was not signed in.
    pub actor_id: Option<UserId>,
    /// The actor's address at that time; null where a host has users of its own.
    pub actor_email: Option<String>,
    /// The client whose data it was about, or whose user did it; null where no single client is concerned.
    pub client_id: Option<ClientId>,
    /// What it was done to: `user`, `invitation`, `client` or `session`.
    pub subject_kind: Option<String>,
    /// Its id.
    pub subject_id: Option<i64>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// The request's id, by which it is found in the access log.
    pub request_id: Option<String>,
    /// What else is to be known, by name; it depends on the action.
    pub detail: Map<String, Value>,
}

/// Where an entry stands: by when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AuditPosition {
    /// When.
    pub at: Timestamp,
    /// Its number.
    pub id: AuditId,
}

impl AuditPosition {
    /// Before everything that was written at an instant and later, and after everything before it.
    pub const fn start_of(at: Timestamp) -> Self {
        Self { at, id: AuditId(i64::MIN) }
    }
}

impl Position for AuditPosition {
    fn to_numbers(self) -> Vec<i64> {
        vec![self.at.as_millis(), self.id.0]
    }

    fn from_numbers(numbers: &[i64]) -> Option<Self> {
        let [at, id] = *numbers else { return None };
        Some(Self { at: Timestamp::from_millis(at), id: AuditId(id) })
    }
}

/// A narrower choice of entries; `None` is no choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only these.
    pub action: Option<AuditAction>,
    /// Only what this user did.
    pub actor: Option<UserId>,
    /// Only what this client is concerned by.
    pub client: Option<ClientId>,
    /// Only what was written then; the end is exclusive.
    pub range: Range,
}

impl Default for AuditFilter {
    fn default() -> Self {
        let range = Range { from: Timestamp::from_millis(i64::MIN), to: Timestamp::from_millis(i64::MAX) };
        Self { action: None, actor: None, client: None, range }
    }
}

impl AuditFilter {
    /// Reads a filter as it is asked for. Dates are days in UTC.
    ///
    /// # Errors
    /// Every fault of `action`, `from` and `to`.
    pub fn parse(
        action: Option<&str>,
        (actor, client): (Option<i64>, Option<i64>),
        (from, to): (Option<&str>, Option<&str>),
    ) -> Result<Self, Vec<FieldError>> {
        let mut faults = Faults::default();
        let everything = Self::default().range;
        let action = action.and_then(|text| faults.check(AuditAction::parse(text)));
        let mut instant =
            |field, text: Option<&str>| text.and_then(|text| faults.check(parse_instant(field, text)));
        let from = instant("from", from).unwrap_or(everything.from);
        let to = instant("to", to).unwrap_or(everything.to);
        if from >= to {
            faults.push(FieldError::new("to", "The end lies after the start; it is not part of the span."));
        }
        let range = Range { from, to };
        let filter = Self { action, actor: actor.map(UserId), client: client.map(ClientId), range };
        faults.finish(Some(filter)).map_err(|error| error.fields().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_read_by_its_name() {
        for (action, name) in AuditAction::ALL.iter().zip(AuditAction::NAMES) {
            assert_eq!((action.as_str(), AuditAction::parse(name)), (*name, Ok(*action)));
        }
        assert_eq!(AuditAction::parse("SIGNED_IN").unwrap_err().field, "action");
    }

    #[test]
    fn a_detail_holds_short_texts_and_what_differs() {
        let detail = AuditDetail::default()
            .with("email", "ä\0".repeat(300))
            .changed("role", "admin", "client")
            .changed("is_active", true, true);
        let json: Value = serde_json::from_str(&detail.to_json()).unwrap();
        assert_eq!(json["email"].as_str().unwrap(), "ä".repeat(254));
        assert_eq!(json["role"], serde_json::json!({ "from": "admin", "to": "client" }));
        assert!(json.get("is_active").is_none());
    }

    #[test]
    fn a_filter_takes_dates_and_instants_and_says_every_fault() {
        let filter = AuditFilter::parse(Some("denied"), (Some(3), None), (Some("2026-03-01"), None)).unwrap();
        assert_eq!((filter.action, filter.actor), (Some(AuditAction::Denied), Some(UserId(3))));
        assert_eq!(Some(filter.range.from), Timestamp::parse("2026-03-01T00:00:00Z"));
        let exact =
            AuditFilter::parse(None, (None, None), (None, Some("2026-03-01T10:01:02.003+02:00"))).unwrap();
        assert_eq!(Some(exact.range.to), Timestamp::parse("2026-03-01T08:01:02.003Z"));
        let faults =
            AuditFilter::parse(Some("x"), (None, None), (Some("yesterday"), Some("2026-13-01"))).unwrap_err();
        assert_eq!(
            faults.iter().map(|fault| fault.field.as_str()).collect::<Vec<_>>(),
            ["action", "from", "to"]
        );
        let empty =
            AuditFilter::parse(None, (None, None), (Some("2026-03-02"), Some("2026-03-02"))).unwrap_err();
        assert_eq!(empty[0].field, "to");
    }
}

//! The page of users and invitations, and the one of the own account.

use std::collections::HashMap;

use askama::Template;
use flowmastery_core::{
    clock::Timestamp,
    id::ClientId,
    model::{
        invitation::{Invitation, InvitationStatus},
        user::User,
    },
    page::{Cursor, Page},
    service::sessions::OwnSession,
};
use jiff::tz::TimeZone;

use super::{Chrome, words};

struct UserRow {
    id: i64,
    email: String,
    sees: String,
    is_active: bool,
    last_login: String,
}

struct InvitationRow {
    id: i64,
    email: String,
    sees: String,
    status: &'static str,
    mail: String,
    expires: String,
    is_pending: bool,
}

/// Who may sign in, and who is invited.
#[derive(Template)]
#[template(path = "people.html")]
pub(crate) struct PeoplePage {
    chrome: Chrome,
    users: Vec<UserRow>,
    invitations: Vec<InvitationRow>,
    choice: Choice,
    /// The queries of what comes behind, where there is more.
    more_users: Option<String>,
    more_invitations: Option<String>,
    /// The link of an invitation that nobody mails.
    link: Option<String>,
    email: String,
    chosen: i64,
}

/// The clients that somebody can be invited to.
pub(crate) struct Choice {
    /// Ids and names.
    pub(crate) clients: Vec<(i64, String)>,
    /// Whether these are all: of many more one is named by its number.
    pub(crate) is_whole: bool,
}

/// What the page of people is made of.
pub(crate) struct People {
    pub(crate) users: Page<User>,
    pub(crate) invitations: Page<Invitation>,
    /// The names of their clients, as far as these are still there.
    pub(crate) names: HashMap<ClientId, String>,
    pub(crate) choice: Choice,
    pub(crate) now: Timestamp,
}

impl PeoplePage {
    /// The page of what was read for it.
    pub(crate) fn new(chrome: Chrome, people: People) -> Self {
        let People { users, invitations, names, choice, now } = people;
        let sees = |client: Option<ClientId>| match client {
            None => "Everything".to_owned(),
            Some(id) => names.get(&id).cloned().unwrap_or_else(|| format!("Client {id}")),
        };
        let more = |list, next: Option<Cursor>| next.map(|next| format!("{list}={next}#{list}"));
        let (more_users, more_invitations) =
            (more("users", users.next), more("invitations", invitations.next));
        let users = users.items.into_iter().map(|user| UserRow {
            id: user.id.0,
            email: user.email.to_string(),
            sees: sees(user.client_id),
            is_active: user.is_active,
            last_login: words::ago(user.last_login, now),
        });
        let invitations = invitations.items.into_iter().map(|invitation| InvitationRow {
            id: invitation.id.0,
            email: invitation.email.to_string(),
            sees: sees(invitation.client_id),
            status: invitation.status.as_str(),
            mail: invitation.email_status.as_str().replace('_', " "),
            expires: words::instant(Some(invitation.expiry_date), &TimeZone::UTC),
            is_pending: invitation.status == InvitationStatus::Pending,
        });
        Self {
            users: users.collect(),
            invitations: invitations.collect(),
            choice,
            more_users,
            more_invitations,
            link: None,
            email: String::new(),
            chosen: 0,
            chrome,
        }
    }

    /// The same with the link of an invitation that was made.
    pub(crate) fn link(self, link: Option<String>) -> Self {
        Self { link, ..self }
    }

    /// The same with what was entered before.
    pub(crate) fn entered(self, email: String, chosen: i64) -> Self {
        Self { email, chosen, ..self }
    }
}

struct SessionRow {
    id: i64,
    current: bool,
    since: String,
    used: String,
    address: String,
}

/// The own account: its sessions and its password.
#[derive(Template)]
#[template(path = "account.html")]
pub(crate) struct AccountPage {
    chrome: Chrome,
    email: String,
    sessions: Vec<SessionRow>,
}

impl AccountPage {
    /// The page of a user.
    pub(crate) fn new(chrome: Chrome, user: &User, sessions: &[OwnSession], now: Timestamp) -> Self {
        let row = |own: &OwnSession| SessionRow {
            id: own.session.id.0,
            current: own.current,
            since: words::ago(Some(own.session.created_at), now),
            used: words::ago(Some(own.session.last_used_at), now),
            address: own.session.address.map_or_else(|| "–".to_owned(), |address| address.to_string()),
        };
        Self { email: user.email.to_string(), sessions: sessions.iter().map(row).collect(), chrome }
    }
}

//! The page of users and invitations, and the one of the own account.

use askama::Template;
use flowmastery_core::{
    clock::Timestamp,
    id::ClientId,
    model::{
        client::Client,
        invitation::{Invitation, InvitationStatus},
        user::User,
    },
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
    /// Ids and names.
    clients: Vec<(i64, String)>,
    /// The link of an invitation that nobody mails.
    link: Option<String>,
    email: String,
    chosen: i64,
}

/// What the page of people is made of.
pub(crate) struct People<'p> {
    pub(crate) users: &'p [User],
    pub(crate) invitations: &'p [Invitation],
    pub(crate) clients: &'p [Client],
    pub(crate) now: Timestamp,
}

impl PeoplePage {
    /// The page of what was read for it.
    pub(crate) fn new(chrome: Chrome, people: &People<'_>) -> Self {
        let sees = |client: Option<ClientId>| match client {
            None => "Everything".to_owned(),
            Some(id) => people
                .clients
                .iter()
                .find(|client| client.id == id)
                .map_or_else(|| format!("Client {id}"), |client| client.name.to_string()),
        };
        let users = people.users.iter().map(|user| UserRow {
            id: user.id.0,
            email: user.email.to_string(),
            sees: sees(user.client_id),
            is_active: user.is_active,
            last_login: words::ago(user.last_login, people.now),
        });
        let invitations = people.invitations.iter().map(|invitation| InvitationRow {
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
            clients: people.clients.iter().map(|client| (client.id.0, client.name.to_string())).collect(),
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

//! What a waiting mail is made of: sealed in the outbox, and turned into a mail when it is sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Mail, invitation, password_reset};
use crate::{clock::Timestamp, model::email::Email, secret::MailKey};

/// What a waiting mail is made of. It may hold a link, so its `Debug` shows the recipient only.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Letter {
    /// Carries the link of an invitation.
    Invitation {
        /// Who is invited.
        to: Email,
        /// Where they accept.
        link: String,
        /// How long they may.
        until: Timestamp,
    },
    /// Somebody asked for a password reset of an address. Whether it has an account, and so gets a mail, is looked up later.
    ResetRequest {
        /// The address.
        to: Email,
    },
    /// Carries the link of a password reset.
    Reset {
        /// Whose password.
        to: Email,
        /// Where they choose another.
        link: String,
        /// How long they may.
        until: Timestamp,
    },
}

impl Letter {
    /// The mail, or nothing where it is too late for it or there is none to send yet.
    pub fn mail(&self, key: MailKey, now: Timestamp) -> Option<Mail> {
        let (to, link, until, write) = match self {
            Self::Invitation { to, link, until } => (to, link, *until, invitation::write as Write),
            Self::Reset { to, link, until } => (to, link, *until, password_reset::write as Write),
            Self::ResetRequest { .. } => return None,
        };
        (until > now).then(|| {
            let Wording { subject, text, html } = write(link, until);
            Mail { key, date: now, to: to.clone(), subject: subject.to_owned(), text, html }
        })
    }

    /// Who gets it.
    pub fn to(&self) -> &Email {
        match self {
            Self::Invitation { to, .. } | Self::ResetRequest { to } | Self::Reset { to, .. } => to,
        }
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Letter").field("to", self.to()).finish_non_exhaustive()
    }
}

/// Writes a mail around a link that works until an instant.
type Write = fn(&str, Timestamp) -> Wording;

/// What a mail says.
pub(super) struct Wording {
    pub(super) subject: &'static str,
    pub(super) text: String,
    pub(super) html: String,
}

/// Text as it stands in HTML.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::entropy::OsEntropy;

    const UNTIL: Timestamp = Timestamp::from_millis(1_772_409_600_000);

    fn letters() -> [Letter; 2] {
        let to = || Email::parse("anna@acme.com").unwrap();
        let link = || "https://acme.com/?token=a&b=\"<script>".to_owned();
        [
            Letter::Invitation { to: to(), link: link(), until: UNTIL },
            Letter::Reset { to: to(), link: link(), until: UNTIL },
        ]
    }

    #[test]
    fn mails_carry_their_link_as_text_and_escaped_as_html_until_its_time_is_over() {
        let key = MailKey::generate(&OsEntropy).unwrap();
        for letter in letters() {
            let mail = letter.mail(key, UNTIL.minus(Duration::from_millis(1))).unwrap();
            assert!(mail.text.contains("https://acme.com/?token=a&b=\"<script>"));
            assert!(mail.html.contains("https://acme.com/?token=a&amp;b=&quot;&lt;script&gt;"));
            assert!(!mail.html.contains("<script>"));
            assert!(!format!("{mail:?} {letter:?}").contains("token"));
            assert!(letter.mail(key, UNTIL).is_none());
        }
    }
}

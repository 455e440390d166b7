//! The mail that carries an invitation's link.

use super::Mail;
use crate::model::invitation::Invitation;

/// The mail for an invitation.
pub fn invitation_mail(invitation: &Invitation, link: &str) -> Mail {
    let until = invitation.expiry_date;
    let text = format!(
        "You are invited to FlowMastery.\n\nOpen this link to choose a password and see your workflows' numbers:\n\n{link}\n\n\
         The link works once, until {until}. If you did not expect this mail, do nothing.\n"
    );
    let href = escape(link);
    let html = format!(
        "<!doctype html><html lang=\"en\"><body><p>You are invited to FlowMastery.</p>\
         <p><a href=\"{href}\">Choose a password and see your workflows' numbers</a></p>\
         <p>The link works once, until {until}. If you did not expect this mail, do nothing.</p></body></html>"
    );
    Mail { to: invitation.email.clone(), subject: "Your invitation to FlowMastery".to_owned(), text, html }
}

/// Text as it stands in HTML.
fn escape(text: &str) -> String {
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

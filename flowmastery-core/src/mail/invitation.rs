//! The mail that carries an invitation's link.

use super::letter::{Wording, escape};
use crate::clock::Timestamp;

/// The mail around the link of an invitation that may be accepted until an instant.
pub(super) fn write(link: &str, until: Timestamp) -> Wording {
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
    Wording { subject: "Your invitation to FlowMastery", text, html }
}

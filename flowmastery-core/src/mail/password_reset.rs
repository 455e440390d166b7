//! The mail that carries the link of a password reset.

use super::letter::{Wording, escape};
use crate::clock::Timestamp;

/// The mail around the link of a password reset that works until an instant.
pub(super) fn write(link: &str, until: Timestamp) -> Wording {
    let text = format!(
        "Somebody asked to reset your FlowMastery password.\n\nOpen this link to choose another password:\n\n{link}\n\n\
         The link works once, until {until}, and signs you out everywhere. If you did not ask for it, do nothing: your password \
         stays as it is.\n"
    );
    let href = escape(link);
    let html = format!(
        "<!doctype html><html lang=\"en\"><body><p>Somebody asked to reset your FlowMastery password.</p>\
         <p><a href=\"{href}\">Choose another password</a></p>\
         <p>The link works once, until {until}, and signs you out everywhere. If you did not ask for it, do nothing: your password \
         stays as it is.</p></body></html>"
    );
    Wording { subject: "Reset your FlowMastery password", text, html }
}

//! What the answers of a mail server mean, and what is told of them.

use std::error::Error as _;

use lettre::transport::smtp::Error;

use crate::{
    error::BoxError,
    mail::{MailError, MailFault},
};

/// Answers that are about a mailbox, where no enhanced code says more.
const MAILBOX_CODES: [u16; 4] = [550, 551, 552, 553];
/// Answers that ask for another sign-in, whichever step they come to.
const SIGN_IN_CODES: [u16; 4] = [530, 534, 535, 538];

/// A failure before the recipient was named.
pub(super) fn to_connection(error: Error) -> MailError {
    MailError::new(MailFault::NotNow, said(error))
}

/// A failure between the recipient and the mail's text. Servers say here, too, what they have against the client or the sender.
pub(super) fn to_recipient(error: Error) -> MailError {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    let is_final = error.status().is_some_and(|code| is_of_mailbox(code.into(), &text));
    MailError::new(if is_final { MailFault::Refused } else { MailFault::NotNow }, said(error))
}

/// A failure when the text was handed over, or while it was. It may quote the text, so only its code is told.
pub(super) fn to_text(error: &Error) -> MailError {
    let asks_for_sign_in = error.status().is_some_and(|code| SIGN_IN_CODES.contains(&code.into()));
    let is_final = error.is_permanent() && !asks_for_sign_in;
    let said: BoxError = match error.status() {
        Some(code) => format!("the mail server answered {code} to the mail's text").into(),
        None if error.is_response() => "no answer to the mail's text came that could be read".into(),
        None => error.to_string().into(),
    };
    MailError::new(if is_final { MailFault::Refused } else { MailFault::NotNow }, said)
}

/// What a server said that has not seen the mail's text. As text, since the error would say it twice.
pub(super) fn said(error: Error) -> BoxError {
    error.to_string().into()
}

/// Whether a mailbox is refused for good. Of the codes about addresses, 5.1.7 and 5.1.8 are about the sender's (RFC 3463).
fn is_of_mailbox(code: u16, text: &str) -> bool {
    match enhanced(text) {
        Some((1, 7 | 8)) => false,
        Some((subject, _)) => code >= 500 && matches!(subject, 1 | 2),
        None => MAILBOX_CODES.contains(&code),
    }
}

/// Subject and detail of the enhanced code that an answer begins with, if it has one.
fn enhanced(text: &str) -> Option<(u16, u16)> {
    let mut parts = text.split_whitespace().next()?.split('.');
    let class: u16 = parts.next()?.parse().ok()?;
    let (subject, detail) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    (matches!(class, 2 | 4 | 5) && parts.next().is_none()).then_some((subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_of_the_mailbox_is_final() {
        let refused = [
            "550 5.1.1 <dora@agency.com>: Recipient address rejected: User unknown",
            "554 5.2.1 This mailbox is disabled",
            "552 5.2.2 Mailbox full",
            "550 no such user",
            "553 1.2.3.4 has nobody of this name",
            "551",
        ];
        let not_now = [
            "554 5.7.1 <dora@agency.com>: Relay access denied",
            "553 5.7.1 <noreply@agency.com>: Sender address rejected: not owned by user flow",
            "550 5.7.1 Client host rejected",
            "550 5.1.8 <noreply@agency.com>: Sender address rejected: Domain not found",
            "550 5.1.7 The sender is no address",
            "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
            "530 5.7.0 Must issue a STARTTLS command first",
            "554 no",
            "450 4.1.1 unverified address",
            "452 4.2.2 over quota",
            "450",
        ];
        for (answers, expected) in [(&refused[..], true), (&not_now[..], false)] {
            for answer in answers {
                let (code, text) = answer.split_once(' ').unwrap_or((answer, ""));
                assert_eq!(is_of_mailbox(code.parse().unwrap(), text), expected, "{answer}");
            }
        }
    }
}

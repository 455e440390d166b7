//! The contract of [`crate::mail::Mailer`].
//!
//! What a mailer did shows only at the other end. So a case asks for a [`MailFixture`]: the mailer, what its server does, and what came.
//!
//! ```
//! use std::sync::Arc;
//!
//! use async_trait::async_trait;
//! use flowmastery_core::{
//!     mail::Mailer,
//!     model::email::Email,
//!     testing::{
//!         contract::mailer::{Delivered, MailFixture},
//!         mailer::MemoryMailer,
//!     },
//! };
//!
//! #[derive(Default)]
//! struct Fixture(MemoryMailer);
//!
//! #[async_trait]
//! impl MailFixture for Fixture {
//!     fn mailer(&self) -> &dyn Mailer {
//!         &self.0
//!     }
//!
//!     fn refused(&self) -> Email {
//!         let nobody = Email::parse("nobody@acme.com").unwrap();
//!         self.0.refuse(nobody.clone());
//!         nobody
//!     }
//!
//!     async fn set_away(&self, is_away: bool) {
//!         self.0.set_away(is_away);
//!     }
//!
//!     // With a real server: what it received, as a mail program reads it.
//!     async fn delivered(&self) -> Vec<Delivered> {
//!         let read = |mail: flowmastery_core::mail::Mail| Delivered {
//!             recipients: vec![mail.to.to_string()],
//!             headers: vec![
//!                 ("Message-ID".to_owned(), format!("<{}@acme.com>", mail.key)),
//!                 ("Subject".to_owned(), mail.subject),
//!             ],
//!             text: mail.text,
//!             html: mail.html,
//!         };
//!         self.0.take().into_iter().map(read).collect()
//!     }
//! }
//!
//! async fn on_fresh_post(case: impl AsyncFnOnce(Arc<dyn MailFixture>)) {
//!     case(Arc::new(Fixture::default())).await;
//! }
//!
//! flowmastery_core::mailer_contract!(on_fresh_post);
//! # fn main() {}
//! ```

use std::{collections::BTreeSet, error::Error as StdError, sync::Arc};

use async_trait::async_trait;

use super::suite;
use crate::{
    clock::Timestamp,
    mail::{Mail, MailError, MailFault, Mailer},
    model::email::Email,
    secret::MailKey,
};

/// A mailer with what is behind it.
#[async_trait]
pub trait MailFixture: Send + Sync {
    /// The mailer. Its server is there and takes what comes.
    fn mailer(&self) -> &dyn Mailer;

    /// An address that the server refuses for good.
    fn refused(&self) -> Email;

    /// Takes the server away, or brings it back.
    async fn set_away(&self, is_away: bool);

    /// Makes the server refuse every mail's text for good, and quote it in its answer. `false` where nothing behind the mailer can do that.
    async fn quote_texts(&self) -> bool {
        false
    }

    /// The mails that came since this was last asked, oldest first.
    async fn delivered(&self) -> Vec<Delivered>;
}

/// A mail that came, as the recipient's program reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Whoever got it, whichever way they were named.
    pub recipients: Vec<String>,
    /// Its headers by name, as text. Where a service takes fields and no headers, `Message-ID` and `Subject` are enough.
    pub headers: Vec<(String, String)>,
    /// The plain text.
    pub text: String,
    /// The HTML.
    pub html: String,
}

impl Delivered {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim()).unwrap_or_else(|| panic!("it has a {name}"))
    }

    fn names(&self) -> BTreeSet<String> {
        self.headers.iter().map(|(name, _)| name.to_lowercase()).collect()
    }
}

/// What no error may repeat.
const SECRET: &str = "a-secret-token";

fn mail(key: &str) -> Mail {
    let link = format!("https://agency.com/?token={SECRET}");
    Mail {
        key: MailKey::from_stored(key).unwrap(),
        date: Timestamp::from_millis(1_773_144_420_000),
        to: Email::parse("dora@agency.com").unwrap(),
        subject: "Your invitation".to_owned(),
        text: format!("Welcome.\n\n{link}\n"),
        html: format!("<p>Welcome.</p>\n<p><a href=\"{link}\">{link}</a></p>\n"),
    }
}

/// Text whichever way its lines end.
fn lines(text: &str) -> Vec<&str> {
    text.trim_end().lines().collect()
}

/// The only mail that came.
async fn only(post: &dyn MailFixture) -> Delivered {
    let mut delivered = post.delivered().await;
    assert_eq!(delivered.len(), 1, "{delivered:?}");
    delivered.remove(0)
}

async fn sent(post: &dyn MailFixture, mail: &Mail) -> Delivered {
    post.mailer().send(mail).await.unwrap();
    only(post).await
}

/// Why a mail is not sent. Nothing of it comes, and nothing of its text is told.
async fn refusal(post: &dyn MailFixture, mail: &Mail) -> MailError {
    let error = post.mailer().send(mail).await.expect_err("it is not sent");
    assert_eq!(post.delivered().await, []);
    let mut told = format!("{error} {error:?}");
    let mut next = error.source();
    while let Some(cause) = next {
        told.push_str(&format!(" {cause} {cause:?}"));
        next = cause.source();
    }
    assert!(!told.contains(SECRET), "{told}");
    error
}

async fn a_mailer_that_sends_says_so(post: Arc<dyn MailFixture>) {
    assert!(post.mailer().is_configured());
}

async fn a_mail_comes_once_and_as_it_was_written(post: Arc<dyn MailFixture>) {
    let written = mail("1");
    let came = sent(&*post, &written).await;
    assert_eq!(came.recipients, ["dora@agency.com"]);
    assert_eq!(came.header("Subject"), written.subject);
    assert_eq!((lines(&came.text), lines(&came.html)), (lines(&written.text), lines(&written.html)));
    if came.names().contains("date") {
        let date = jiff::fmt::rfc2822::parse(came.header("Date")).unwrap();
        assert_eq!(Timestamp::from(date.timestamp()), written.date);
    }
}

async fn the_message_id_is_made_of_the_key_and_the_same_on_each_attempt(post: Arc<dyn MailFixture>) {
    let (one, other) = (mail("1a"), mail("1b"));
    let first = sent(&*post, &one).await.header("Message-ID").to_owned();
    let second = sent(&*post, &one).await.header("Message-ID").to_owned();
    assert_eq!(first, second, "of the same mail");
    let third = sent(&*post, &other).await.header("Message-ID").to_owned();
    for (id, mail) in [(first, one), (third, other)] {
        assert!(id.contains(&mail.key.to_string()), "{id}");
    }
}

async fn any_text_comes_unharmed(post: Arc<dyn MailFixture>) {
    let long = "Ein langes Wort: ".to_owned() + &"ä".repeat(2000);
    for text in ["Schöne Grüße\n.\n..\nFrom here\n=3D &amp; \u{1f4e8}\n", "\n\nlate\n", &long] {
        let subject = "Größe: 10 % = \u{1f4e8}, \"quoted\" <b>".to_owned();
        let written = Mail { subject, text: text.to_owned(), html: text.to_owned(), ..mail("1") };
        let came = sent(&*post, &written).await;
        assert_eq!(came.header("Subject"), written.subject);
        assert_eq!((lines(&came.text), lines(&came.html)), (lines(text), lines(text)));
    }
}

async fn a_subject_smuggles_in_nothing(post: Arc<dyn MailFixture>) {
    let usual = sent(&*post, &mail("1")).await.names();
    for end in ["\r\n", "\n", "\r"] {
        let subject = ["A subject", "Bcc: eve@evil.com", "X-Evil: yes", "", "Another text"].join(end);
        let written = Mail { subject, ..mail("1") };
        // A mailer that takes no such subject has kept it as well.
        if post.mailer().send(&written).await.is_err() {
            assert_eq!(post.delivered().await, []);
            continue;
        }
        let came = only(&*post).await;
        assert_eq!(
            (came.names(), &came.recipients[..]),
            (usual.clone(), &["dora@agency.com".to_owned()][..])
        );
        assert_eq!(lines(&came.text), lines(&written.text));
    }
}

async fn a_recipient_is_nobody_else(post: Arc<dyn MailFixture>) {
    let plain = ["o'neil+n8n@agency.com", "a.b-c_d@mail.agency.com"];
    // These are addresses, too, though a mailer or its server may refuse them.
    let odd = ["\"dora,eve\"@agency.com", "\"eve@evil.com\"@agency.com", "dörte@agency.com"];
    for (text, must_come) in plain.map(|text| (text, true)).into_iter().chain(odd.map(|text| (text, false))) {
        let written = Mail { to: Email::parse(text).unwrap(), ..mail("1") };
        let outcome = post.mailer().send(&written).await;
        assert!(outcome.is_ok() || !must_come, "{text}: {outcome:?}");
        let expected: &[&[&str]] = if outcome.is_ok() { &[&[text]] } else { &[] };
        let came: Vec<_> = post.delivered().await.into_iter().map(|came| came.recipients).collect();
        assert_eq!(came, expected, "{text}");
    }
}

async fn a_recipient_that_is_refused_for_good_is_said_to_be(post: Arc<dyn MailFixture>) {
    let written = Mail { to: post.refused(), ..mail("1") };
    assert_eq!(refusal(&*post, &written).await.kind(), MailFault::Refused);
    sent(&*post, &mail("2")).await;
}

async fn a_mail_waits_while_the_server_is_away_and_comes_when_it_is_back(post: Arc<dyn MailFixture>) {
    post.set_away(true).await;
    assert_eq!(refusal(&*post, &mail("1")).await.kind(), MailFault::NotNow);
    post.set_away(false).await;
    sent(&*post, &mail("1")).await;
}

async fn what_a_server_quotes_of_the_text_is_not_told(post: Arc<dyn MailFixture>) {
    if post.quote_texts().await {
        assert_eq!(refusal(&*post, &mail("1")).await.kind(), MailFault::Refused);
    }
}

suite! { $ mailer_contract in mailer of std::sync::Arc<dyn crate::testing::contract::mailer::MailFixture>:
    a_mailer_that_sends_says_so,
    a_mail_comes_once_and_as_it_was_written,
    the_message_id_is_made_of_the_key_and_the_same_on_each_attempt,
    any_text_comes_unharmed,
    a_subject_smuggles_in_nothing,
    a_recipient_is_nobody_else,
    a_recipient_that_is_refused_for_good_is_said_to_be,
    a_mail_waits_while_the_server_is_away_and_comes_when_it_is_back,
    what_a_server_quotes_of_the_text_is_not_told,
}

//! The contract of mailers on the one that tests have, and mailers that break it, one rule each.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU32, Ordering},
};

use async_trait::async_trait;
use flowmastery_core::{
    mail::{Mail, MailError, MailFault, Mailer},
    model::email::Email,
    testing::{
        contract::mailer::{Delivered, MailFixture, cases},
        mailer::MemoryMailer,
    },
};

use super::fails;

mod memory {
    use super::*;

    #[derive(Default)]
    struct Fixture(MemoryMailer);

    #[async_trait]
    impl MailFixture for Fixture {
        fn mailer(&self) -> &dyn Mailer {
            &self.0
        }

        fn refused(&self) -> Email {
            let nobody = Email::parse("nobody@agency.com").unwrap();
            self.0.refuse(nobody.clone());
            nobody
        }

        async fn set_away(&self, is_away: bool) {
            self.0.set_away(is_away);
        }

        async fn delivered(&self) -> Vec<Delivered> {
            let read = |mail: Mail| Delivered {
                recipients: vec![mail.to.to_string()],
                headers: vec![
                    ("Message-ID".to_owned(), mail.key.to_string()),
                    ("Subject".to_owned(), mail.subject),
                ],
                text: mail.text,
                html: mail.html,
            };
            self.0.take().into_iter().map(read).collect()
        }
    }

    async fn on_fresh_post(case: impl AsyncFnOnce(Arc<dyn MailFixture>)) {
        case(Arc::new(Fixture::default())).await;
    }

    flowmastery_core::mailer_contract!(on_fresh_post);
}

/// What a mailer does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    SaysThatItSendsNothing,
    SendsTwice,
    LosesHtml,
    NumbersItsMails,
    CutsLetters,
    EndsAtADot,
    TrustsSubjects,
    SplitsRecipients,
    TakesRefused,
    TriesRefusedAgain,
    GivesUpWhenAway,
    TakesWhenAway,
    QuotesText,
}

/// Writes each mail as text into a list, which is also its server.
#[derive(Debug)]
struct Faulty {
    fault: Fault,
    inbox: Mutex<Vec<String>>,
    number: AtomicU32,
    is_away: AtomicBool,
    quotes: AtomicBool,
}

fn faulty(fault: Fault) -> Arc<dyn MailFixture> {
    let (inbox, number) = (Mutex::default(), AtomicU32::new(0));
    Arc::new(Faulty { fault, inbox, number, is_away: AtomicBool::new(false), quotes: AtomicBool::new(false) })
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn write(&self, mail: &Mail) -> String {
        let Mail { key, to, subject, text, html, .. } = mail;
        let to =
            if self.is(Fault::SplitsRecipients) { to.to_string() } else { to.as_str().replace(',', "%2c") };
        let subject =
            if self.is(Fault::TrustsSubjects) { subject.clone() } else { subject.replace(['\r', '\n'], " ") };
        let id = if self.is(Fault::NumbersItsMails) {
            self.number.fetch_add(1, Ordering::SeqCst).to_string()
        } else {
            format!("<{key}@agency.com>")
        };
        let text = match self.fault {
            Fault::CutsLetters => text.replace(|letter: char| !letter.is_ascii(), "?"),
            Fault::EndsAtADot => text.split("\n.\n").next().unwrap().to_owned(),
            _ => text.clone(),
        };
        let html = if self.is(Fault::LosesHtml) { "" } else { html };
        format!("To: {to}\r\nSubject: {subject}\r\nMessage-ID: {id}\r\n\r\n{text}\0{html}")
    }
}

#[async_trait]
impl Mailer for Faulty {
    fn is_configured(&self) -> bool {
        !self.is(Fault::SaysThatItSendsNothing)
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let not_unless = |fault: Fault, kind, other| if self.is(fault) { other } else { kind };
        if self.is_away.load(Ordering::SeqCst) && !self.is(Fault::TakesWhenAway) {
            let kind = not_unless(Fault::GivesUpWhenAway, MailFault::NotNow, MailFault::Refused);
            return Err(MailError::new(kind, "nobody is there"));
        }
        if mail.to == self.refused() && !self.is(Fault::TakesRefused) {
            let kind = not_unless(Fault::TriesRefusedAgain, MailFault::Refused, MailFault::NotNow);
            return Err(MailError::new(kind, "no such mailbox"));
        }
        if self.quotes.load(Ordering::SeqCst) {
            let quoted = if self.is(Fault::QuotesText) { &mail.text } else { "" };
            return Err(MailError::new(MailFault::Refused, format!("554 {quoted}")));
        }
        let copies = if self.is(Fault::SendsTwice) { 2 } else { 1 };
        self.inbox.lock().unwrap().extend(vec![self.write(mail); copies]);
        Ok(())
    }
}

#[async_trait]
impl MailFixture for Faulty {
    fn mailer(&self) -> &dyn Mailer {
        self
    }

    fn refused(&self) -> Email {
        Email::parse("nobody@agency.com").unwrap()
    }

    async fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    async fn quote_texts(&self) -> bool {
        self.quotes.store(true, Ordering::SeqCst);
        true
    }

    async fn delivered(&self) -> Vec<Delivered> {
        self.inbox.lock().unwrap().drain(..).map(|mail| read(&mail)).collect()
    }
}

/// Reads a mail as a program does that takes every kind of line end.
fn read(mail: &str) -> Delivered {
    let mail = mail.replace("\r\n", "\n").replace('\r', "\n");
    let (head, body) = mail.split_once("\n\n").unwrap();
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap();
        (name.to_owned(), value.to_owned())
    };
    let headers: Vec<_> = head.lines().map(header).collect();
    let named = headers.iter().filter(|(name, _)| name == "To" || name == "Bcc");
    let recipients = named.flat_map(|(_, all)| all.split(',')).map(|one| one.replace("%2c", ",")).collect();
    let (text, html) = body.split_once('\0').unwrap_or((body, ""));
    Delivered { recipients, headers, text: text.to_owned(), html: html.to_owned() }
}

mod without_a_fault {
    use super::*;

    async fn on_fresh_post(case: impl AsyncFnOnce(Arc<dyn MailFixture>)) {
        case(faulty(Fault::Nothing)).await;
    }

    flowmastery_core::mailer_contract!(on_fresh_post);
}

#[tokio::test]
async fn a_mailer_that_changes_a_mail_is_caught() {
    use cases::*;
    assert!(fails(a_mailer_that_sends_says_so(faulty(Fault::SaysThatItSendsNothing))).await);
    assert!(fails(a_mail_comes_once_and_as_it_was_written(faulty(Fault::SendsTwice))).await);
    assert!(fails(a_mail_comes_once_and_as_it_was_written(faulty(Fault::LosesHtml))).await);
    let numbers = faulty(Fault::NumbersItsMails);
    assert!(fails(the_message_id_is_made_of_the_key_and_the_same_on_each_attempt(numbers)).await);
    assert!(fails(any_text_comes_unharmed(faulty(Fault::CutsLetters))).await);
    assert!(fails(any_text_comes_unharmed(faulty(Fault::EndsAtADot))).await);
    assert!(fails(a_subject_smuggles_in_nothing(faulty(Fault::TrustsSubjects))).await);
    assert!(fails(a_recipient_is_nobody_else(faulty(Fault::SplitsRecipients))).await);
}

#[tokio::test]
async fn a_mailer_that_says_the_wrong_thing_of_a_failure_is_caught() {
    use cases::*;
    for fault in [Fault::TakesRefused, Fault::TriesRefusedAgain] {
        assert!(fails(a_recipient_that_is_refused_for_good_is_said_to_be(faulty(fault))).await);
    }
    for fault in [Fault::GivesUpWhenAway, Fault::TakesWhenAway] {
        assert!(fails(a_mail_waits_while_the_server_is_away_and_comes_when_it_is_back(faulty(fault))).await);
    }
    assert!(fails(what_a_server_quotes_of_the_text_is_not_told(faulty(Fault::QuotesText))).await);
}

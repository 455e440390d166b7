//! The SMTP mailer alone: how connections are protected, who signs in, and what its errors tell.

use std::error::Error as _;

use flowmastery_core::mail::{MailError, MailFault, Mailer, SmtpConfig, SmtpMailer, SmtpTls};
use flowmastery_tests::smtp::{Certificate, SmtpServer};

use super::any_mail;

async fn send(config: &SmtpConfig) -> Result<(), MailError> {
    SmtpMailer::new(config).unwrap().send(&any_mail()).await
}

/// Why a mail could not be sent now.
async fn trouble(config: &SmtpConfig) -> String {
    let error = send(config).await.unwrap_err();
    assert_eq!(error.kind(), MailFault::NotNow, "{error:?}");
    error.source().unwrap().to_string()
}

#[tokio::test]
async fn mail_goes_over_tls_of_either_kind_to_a_server_with_the_right_certificate() {
    for (name, tls) in [("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls)] {
        let certificate = Certificate::of("localhost");
        let mut server = certificate.server(name).await;
        send(&certificate.trusted_by(&server, tls)).await.unwrap();
        assert_eq!(server.mail().await["headers"]["subject"], "A subject");
    }
}

#[tokio::test]
async fn a_certificate_that_does_not_match_sends_nothing_and_may_be_mended() {
    for (name, tls) in [("starttls", SmtpTls::StartTls), ("tls", SmtpTls::Tls)] {
        let certificate = Certificate::of("mail.example.com");
        let mut server = certificate.server(name).await;
        let known = certificate.trusted_by(&server, tls);
        let mut unknown = known.clone();
        unknown.extra_ca_pem = None;
        for config in [known, unknown] {
            let cause = trouble(&config).await;
            assert!(cause.contains("certificate"), "{cause}");
        }
        assert_eq!(server.recipients().await, 0);
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing_in_clear() {
    let mut server = SmtpServer::start(&[]).await;
    let mut config = server.config();
    config.tls = SmtpTls::StartTls;
    let cause = trouble(&config).await;
    assert!(cause.contains("STARTTLS"), "{cause}");
    assert_eq!(server.recipients().await, 0);
}

#[tokio::test]
async fn a_sign_in_that_is_refused_or_missing_may_be_mended() {
    let mut server = SmtpServer::start(&["--auth", "flow:hunter2hunter2"]).await;
    let signed = |password: &str| {
        let mut config = server.config();
        config.credentials = Some(("flow".to_owned(), password.to_owned().into()));
        config
    };
    let (right, wrong) = (signed("hunter2hunter2"), signed("hunter3hunter3"));
    let cause = trouble(&wrong).await;
    assert!(cause.contains("535") && !cause.contains("hunter"), "{cause}");
    let cause = trouble(&server.config()).await;
    assert!(cause.contains("530"), "{cause}");
    assert_eq!(server.recipients().await, 0);
    send(&right).await.unwrap();
    server.mail().await;
}

#[tokio::test]
async fn what_a_server_says_to_the_text_is_not_repeated() {
    let mut server = SmtpServer::start(&[]).await;
    server.set_mode("echo").await;
    let error = send(&server.config()).await.unwrap_err();
    assert_eq!(error.kind(), MailFault::Refused);
    let shown = format!("{error} {error:?} {}", error.source().unwrap());
    assert!(shown.contains("554") && !shown.contains("token"), "{shown}");
}

#[tokio::test]
async fn what_a_server_says_to_the_recipient_is() {
    let mut server = SmtpServer::start(&[]).await;
    for (mode, kind, said) in [
        ("refuse", MailFault::Refused, "no such mailbox"),
        ("greylist", MailFault::NotNow, "greylisted"),
        ("relay", MailFault::NotNow, "Relay access denied"),
    ] {
        server.set_mode(mode).await;
        let error = send(&server.config()).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.source().unwrap().to_string().contains(said), "{error:?}");
    }
}

#[tokio::test]
async fn addresses_beyond_ascii_go_to_servers_that_take_them() {
    use flowmastery_core::model::email::Email;
    let mut server = SmtpServer::start(&[]).await;
    let mail = flowmastery_core::mail::Mail { to: Email::parse("dörte@agency.com").unwrap(), ..any_mail() };
    SmtpMailer::new(&server.config()).unwrap().send(&mail).await.unwrap();
    assert_eq!(server.mail().await["to"][0], "dörte@agency.com");
}

#[tokio::test]
async fn a_subject_cannot_carry_a_second_header() {
    let mut server = SmtpServer::start(&[]).await;
    let subject = "A subject\r\nBcc: eve@evil.com\r\n\r\nAnother text".to_owned();
    let mail = flowmastery_core::mail::Mail { subject, ..any_mail() };
    SmtpMailer::new(&server.config()).unwrap().send(&mail).await.unwrap();
    let came = server.mail().await;
    assert_eq!(came["headers"].get("bcc"), None);
    assert_eq!(came["plain"].as_str().unwrap().trim(), any_mail().text.trim());
}

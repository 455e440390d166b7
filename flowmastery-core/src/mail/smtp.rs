//! Mail through an SMTP server, one connection a mail.
//!
//! The steps are taken one by one, since what a refusal means depends on the step: of the recipient or the mail it is for good, of
//! anything before it is the operator's to mend. What a server says to the mail's text may quote it, so only its code is told.

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use lettre::{
    Message,
    address::Envelope,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail as MailFrom, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::{Mail, MailError, MailFault, Mailer};
use crate::error::{BoxError, Error, Kind, Result};

/// The longest that a connection to the mail server may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that taking leave of it may take; the mail is sent by then, or not.
const PARTING: Duration = Duration::from_secs(1);
/// Answers that ask for another sign-in, whichever step they come to.
const SIGN_IN_CODES: [u16; 4] = [530, 534, 535, 538];

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpTls {
    /// It begins in clear and must change to TLS before anything else; port 587.
    StartTls,
    /// It is TLS from the first byte; port 465.
    Tls,
    /// In clear, to this machine only; port 25.
    None,
}

/// Which mail server, and as whom.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Name or address of the server; its certificate must be for it.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User name and password, where the server wants them.
    pub credentials: Option<(String, SecretString)>,
    /// The sender: an address, or a name with an address in angle brackets.
    pub from: String,
    /// More certificate authorities, PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
}

/// Sends mails through an SMTP server.
pub struct SmtpMailer {
    host: String,
    port: u16,
    protection: Protection,
    credentials: Option<Credentials>,
    from: Mailbox,
}

enum Protection {
    StartTls(TlsParameters),
    Tls(TlsParameters),
    None,
}

impl SmtpMailer {
    /// A mailer; it connects when a mail is sent.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a sender that is no address, certificates that are no PEM, and mail in clear to another machine.
    pub fn new(config: &SmtpConfig) -> Result<Self> {
        let from = config.from.parse().map_err(|_| {
            Error::new(
                Kind::Invalid,
                "The sender is not an e-mail address, or a name with one in angle brackets.",
            )
        })?;
        let credentials = config.credentials.as_ref();
        let credentials = credentials
            .map(|(user, password)| Credentials::new(user.clone(), password.expose_secret().to_owned()));
        Ok(Self {
            host: config.host.clone(),
            port: config.port,
            protection: protection(config)?,
            credentials,
            from,
        })
    }

    fn message(&self, mail: &Mail) -> Result<Message, BoxError> {
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Ok(Message::builder()
            .from(self.from.clone())
            .to(mail.to.as_str().parse()?)
            .subject(&mail.subject)
            .date(mail.date.to_jiff().into())
            .message_id(Some(format!("<{}@{}>", mail.key, self.from.email.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?)
    }

    /// A connection on which a mail may be handed over. It has seen nothing of a mail, so what it says may be told.
    async fn connect(&self) -> Result<AsyncSmtpConnection, BoxError> {
        let (server, name) = ((self.host.as_str(), self.port), ClientId::default());
        let tls = match &self.protection {
            Protection::Tls(parameters) => Some(parameters.clone()),
            Protection::StartTls(_) | Protection::None => None,
        };
        let connection = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &name, tls, None);
        let mut connection = connection.await.map_err(said)?;
        if let Protection::StartTls(parameters) = &self.protection {
            connection.starttls(parameters.clone(), &name).await.map_err(said)?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| match error.status() {
                Some(code) => format!("the mail server refused the sign-in ({code})").into(),
                None => said(error),
            })?;
        }
        Ok(connection)
    }
}

fn protection(config: &SmtpConfig) -> Result<Protection> {
    if config.tls == SmtpTls::None {
        return if is_loopback(&config.host) {
            Ok(Protection::None)
        } else {
            Err(Error::new(Kind::Invalid, "Mail in clear goes to this machine only; choose starttls or tls."))
        };
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(pem) = &config.extra_ca_pem {
        let authority = Certificate::from_pem(pem)
            .map_err(|error| Error::new(Kind::Invalid, "The certificates are not PEM.").with_source(error))?;
        parameters = parameters.add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(Error::internal)?;
    Ok(if config.tls == SmtpTls::Tls {
        Protection::Tls(parameters)
    } else {
        Protection::StartTls(parameters)
    })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let message = self.message(mail).map_err(|error| MailError::new(MailFault::Refused, error))?;
        let mut connection =
            self.connect().await.map_err(|error| MailError::new(MailFault::NotNow, error))?;
        let sent = hand_over(&mut connection, message.envelope(), &message.formatted()).await;
        // Nothing that happens now changes what became of the mail.
        let _ = tokio::time::timeout(PARTING, connection.abort()).await;
        sent
    }
}

/// Hands a mail over on a connection.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    message: &[u8],
) -> Result<(), MailError> {
    let not_now = |error| MailError::new(MailFault::NotNow, said(error));
    let mut options = Vec::new();
    if envelope.to().iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let cause = "the mail server takes no addresses with letters beyond ASCII";
            return Err(MailError::new(MailFault::Refused, cause));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !message.is_ascii() {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(MailFrom::new(envelope.from().cloned(), options)).await.map_err(not_now)?;
    for recipient in envelope.to() {
        let taken = connection.command(Rcpt::new(recipient.clone(), Vec::new())).await;
        taken.map_err(|error| MailError::new(fault(&error), said(error)))?;
    }
    connection.command(Data).await.map_err(|error| MailError::new(fault(&error), said(error)))?;
    let taken = connection.message(message).await;
    taken.map(drop).map_err(|error| MailError::new(fault(&error), said_to_text(&error)))
}

/// What a failure means that is about the recipient or the mail.
fn fault(error: &lettre::transport::smtp::Error) -> MailFault {
    let asks_for_sign_in = error.status().is_some_and(|code| SIGN_IN_CODES.contains(&code.into()));
    if error.is_permanent() && !asks_for_sign_in { MailFault::Refused } else { MailFault::NotNow }
}

/// What a server said that has not seen the mail's text. As text, since the error would say it twice.
fn said(error: lettre::transport::smtp::Error) -> BoxError {
    error.to_string().into()
}

fn said_to_text(error: &lettre::transport::smtp::Error) -> BoxError {
    match error.status() {
        Some(code) => format!("the mail server answered {code} to the mail's text").into(),
        None if error.is_response() => "no answer to the mail's text came that could be read".into(),
        None => error.to_string().into(),
    }
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("from", &self.from).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(host: &str, tls: SmtpTls) -> SmtpConfig {
        SmtpConfig {
            host: host.to_owned(),
            port: 25,
            tls,
            credentials: Some(("user".to_owned(), "hunter2hunter2".into())),
            from: "FlowMastery <noreply@flowmastery.com>".to_owned(),
            extra_ca_pem: None,
        }
    }

    #[tokio::test]
    async fn mail_in_clear_goes_to_this_machine_only() {
        assert!(SmtpMailer::new(&config("127.0.0.1", SmtpTls::None)).is_ok());
        assert!(SmtpMailer::new(&config("::1", SmtpTls::None)).is_ok());
        assert!(SmtpMailer::new(&config("mail.example.com", SmtpTls::None)).is_err());
        assert!(SmtpMailer::new(&config("mail.example.com", SmtpTls::StartTls)).is_ok());
    }

    #[tokio::test]
    async fn debug_shows_no_password() {
        let config = config("mail.example.com", SmtpTls::Tls);
        let mailer = SmtpMailer::new(&config).unwrap();
        assert!(!format!("{config:?} {mailer:?}").contains("hunter2"));
    }

    #[tokio::test]
    async fn a_sender_that_is_no_address_is_refused() {
        let config = SmtpConfig { from: "nobody".to_owned(), ..config("localhost", SmtpTls::None) };
        assert_eq!(SmtpMailer::new(&config).unwrap_err().kind(), Kind::Invalid);
    }
}

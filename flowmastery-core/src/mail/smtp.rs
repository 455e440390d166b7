//! Mail through an SMTP server, one connection a mail.
//!
//! The steps are taken one by one, since what a refusal means depends on the step (`smtp/answer.rs`): of the recipient or the mail it is
//! for good, of anything else it is the operator's to mend. So does how long it may take: whether a mail whose text was handed over was
//! taken only its answer tells, and content filters take their time.

mod answer;

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
/// The longest that everything before the mail's text may take.
const BEFORE_TEXT: Duration = Duration::from_secs(20);

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
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

impl SmtpConfig {
    /// A server that wants no sign-in and has a certificate of a known authority. Those that do not are set afterwards.
    pub fn new(host: impl Into<String>, port: u16, tls: SmtpTls, from: impl Into<String>) -> Self {
        Self { host: host.into(), port, tls, credentials: None, from: from.into(), extra_ca_pem: None }
    }
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
        let mut connection = connection.await.map_err(answer::said)?;
        if let Protection::StartTls(parameters) = &self.protection {
            connection.starttls(parameters.clone(), &name).await.map_err(answer::said)?;
        }
        if let Some(credentials) = &self.credentials {
            let signed_in = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            signed_in.map_err(|error| match error.status() {
                Some(code) => format!("the mail server refused the sign-in ({code})").into(),
                None => answer::said(error),
            })?;
        }
        Ok(connection)
    }

    /// A connection whose server asks for the mail's text.
    async fn begin(&self, envelope: &Envelope, text: &[u8]) -> Result<AsyncSmtpConnection, MailError> {
        let connected = self.connect().await;
        let mut connection = connected.map_err(|error| MailError::new(MailFault::NotNow, error))?;
        if let Err(error) = announce(&mut connection, envelope, text).await {
            part(connection).await;
            return Err(error);
        }
        Ok(connection)
    }
}

/// Takes leave of a server, which changes nothing of what became of the mail.
async fn part(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(PARTING, connection.abort()).await;
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
        let (envelope, text) = (message.envelope(), message.formatted());
        let begun = tokio::time::timeout(BEFORE_TEXT, self.begin(envelope, &text)).await;
        let mut connection = begun
            .map_err(|_| MailError::new(MailFault::NotNow, "the mail server gave no answer in time"))??;
        let sent = connection.message(&text).await;
        part(connection).await;
        sent.map(drop).map_err(|error| answer::to_text(&error))
    }
}

/// Says on a connection from whom a mail comes and to whom it goes, up to where its text is asked for.
async fn announce(
    connection: &mut AsyncSmtpConnection,
    envelope: &Envelope,
    text: &[u8],
) -> Result<(), MailError> {
    let mut options = Vec::new();
    if envelope.to().iter().any(|address| !AsRef::<str>::as_ref(address).is_ascii()) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let cause = "the mail server takes no addresses with letters beyond ASCII";
            return Err(MailError::new(MailFault::Refused, cause));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !text.is_ascii() {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    let sender = MailFrom::new(envelope.from().cloned(), options);
    connection.command(sender).await.map_err(answer::to_connection)?;
    for recipient in envelope.to() {
        connection.command(Rcpt::new(recipient.clone(), Vec::new())).await.map_err(answer::to_recipient)?;
    }
    connection.command(Data).await.map(drop).map_err(answer::to_recipient)
}

impl fmt::Debug for SmtpMailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpMailer").field("from", &self.from).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
        net::TcpListener,
    };

    use super::*;
    use crate::{clock::Timestamp, entropy::OsEntropy, model::email::Email, secret::MailKey};

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

    const ANSWERS: [&str; 6] = [
        "220 ready\r\n",
        "250 hello\r\n",
        "250 sender\r\n",
        "250 recipient\r\n",
        "354 text\r\n",
        "250 taken\r\n221 bye\r\n",
    ];

    /// Sends a mail to a server that lets so much time pass before its last answer.
    async fn send(answers: &[&str], silence: Duration) -> Result<(), MailError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = async {
            let mut client = BufReader::new(listener.accept().await.unwrap().0);
            for (step, answer) in answers.iter().enumerate() {
                let end = if step == 5 { "\r\n.\r\n" } else { "\r\n" };
                let mut heard = String::new();
                while step > 0 && !heard.ends_with(end) {
                    client.read_line(&mut heard).await.unwrap();
                }
                if step + 1 == answers.len() {
                    tokio::time::pause();
                    tokio::time::advance(silence).await;
                    tokio::time::resume();
                }
                client.write_all(answer.as_bytes()).await.unwrap();
            }
            client
        };
        let config = SmtpConfig { port, credentials: None, ..config("127.0.0.1", SmtpTls::None) };
        let mailer = SmtpMailer::new(&config).unwrap();
        let mail = Mail {
            key: MailKey::generate(&OsEntropy).unwrap(),
            date: Timestamp::from_millis(0),
            to: Email::parse("dora@agency.com").unwrap(),
            subject: "A subject".to_owned(),
            text: "A text".to_owned(),
            html: "<p>A text</p>".to_owned(),
        };
        // Its end of the connection stays open.
        let (sent, _client) = tokio::join!(mailer.send(&mail), server);
        sent
    }

    #[tokio::test]
    async fn a_server_that_is_silent_before_the_text_is_left() {
        // An answer of nothing is none.
        for answered in 0..5 {
            let answers = [&ANSWERS[..answered], &[""]].concat();
            let error = send(&answers, 2 * BEFORE_TEXT).await.unwrap_err();
            assert_eq!(error.kind(), MailFault::NotNow);
            assert!(format!("{error:?}").contains("in time"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn the_answer_to_the_text_may_take_long() {
        send(&ANSWERS, 10 * BEFORE_TEXT).await.unwrap();
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

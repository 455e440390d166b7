//! Mail through an SMTP server.

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, MultiPart},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use secrecy::{ExposeSecret, SecretString};

use super::{Mail, Mailer};
use crate::error::{BoxError, Error, Kind, Result};

/// The longest that a command to the mail server may take.
const TIMEOUT: Duration = Duration::from_secs(10);

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
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
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
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .timeout(Some(TIMEOUT))
            .tls(tls(config)?);
        if let Some((user, password)) = &config.credentials {
            builder =
                builder.credentials(Credentials::new(user.clone(), password.expose_secret().to_owned()));
        }
        Ok(Self { transport: builder.build(), from })
    }
}

fn tls(config: &SmtpConfig) -> Result<Tls> {
    if config.tls == SmtpTls::None {
        return if is_loopback(&config.host) {
            Ok(Tls::None)
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
    Ok(if config.tls == SmtpTls::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn is_configured(&self) -> bool {
        true
    }

    async fn send(&self, mail: &Mail) -> std::result::Result<(), BoxError> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(mail.to.as_str().parse()?)
            .subject(&mail.subject)
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))?;
        self.transport.send(message).await?;
        Ok(())
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

//! Settings of the mail server.

use std::net::IpAddr;

use flowmastery_core::model::email::Email;
use secrecy::SecretString;
use url::Host;

use super::{reader::Reader, table::Setting};

const SMTP_HOST: Setting = Setting {
    name: "SMTP_HOST",
    default: "",
    accepts: "a host name or an IP address",
    meaning: "the mail server; unset: nothing is mailed, whoever invites gets the link to pass on, and forgotten passwords cannot be \
              reset",
    secret: false,
};
const SMTP_PORT: Setting = Setting {
    name: "SMTP_PORT",
    default: "",
    accepts: "a port from 1 to 65535",
    meaning: "its port; unset: 587 with starttls, 465 with tls, 25 with none",
    secret: false,
};
const SMTP_TLS: Setting = Setting {
    name: "SMTP_TLS",
    default: "",
    accepts: "starttls, tls, or none (only for a mail server on this machine)",
    meaning: "how the connection is encrypted; unset: starttls, or tls when SMTP_PORT is 465",
    secret: false,
};
const SMTP_USERNAME: Setting = Setting {
    name: "SMTP_USERNAME",
    default: "",
    accepts: "a user name, together with SMTP_PASSWORD",
    meaning: "who signs in to the mail server; unset: nobody",
    secret: false,
};
const SMTP_PASSWORD: Setting = Setting {
    name: "SMTP_PASSWORD",
    default: "",
    accepts: "a password, together with SMTP_USERNAME",
    meaning: "their password",
    secret: true,
};
const FROM_EMAIL: Setting = Setting {
    name: "FROM_EMAIL",
    default: "",
    accepts: "an e-mail address, also with a name as in Acme <noreply@acme.com>; it is needed when SMTP_HOST is set",
    meaning: "the sender of mails",
    secret: false,
};

pub(super) static TABLE: [Setting; 6] =
    [SMTP_HOST, SMTP_PORT, SMTP_TLS, SMTP_USERNAME, SMTP_PASSWORD, FROM_EMAIL];

/// The mail server.
#[derive(Debug)]
pub(crate) struct MailSettings {
    /// Its name.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// How the connection is encrypted.
    pub(crate) tls: MailTls,
    /// User name and password.
    pub(crate) credentials: Option<(String, SecretString)>,
    /// The sender: an address, or a name with one in angle brackets.
    pub(crate) from: String,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailTls {
    /// From the second command on.
    StartTls,
    /// From the first byte on.
    Tls,
    /// Not at all.
    None,
}

impl MailSettings {
    /// The mail server, if one is set. What stands beside an unset `SMTP_HOST` is checked all the same.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let host = reader.parse(&SMTP_HOST, parse_host);
        let port = reader.number::<u16>(&SMTP_PORT, 1..=u16::MAX);
        let tls = reader.parse(&SMTP_TLS, |text| match text.to_ascii_lowercase().as_str() {
            "starttls" => Some(MailTls::StartTls),
            "tls" => Some(MailTls::Tls),
            "none" => Some(MailTls::None),
            _ => None,
        });
        let from = reader.parse(&FROM_EMAIL, parse_sender);
        let username = reader.text(&SMTP_USERNAME).map(str::to_owned);
        let password = reader.secret(&SMTP_PASSWORD);

        let host = host?;
        let tls = tls.unwrap_or(if port == Some(465) { MailTls::Tls } else { MailTls::StartTls });
        if tls == MailTls::None && !is_this_machine(&host) {
            reader.refuse(&SMTP_TLS);
        }
        match (&username, &password) {
            (Some(_), None) => reader.fault(&SMTP_PASSWORD, "it is unset, and SMTP_USERNAME is set."),
            (None, Some(_)) => reader.fault(&SMTP_USERNAME, "it is unset, and SMTP_PASSWORD is set."),
            _ => {}
        }
        if reader.text(&FROM_EMAIL).is_none() {
            reader.fault(&FROM_EMAIL, &format!("it is unset; accepted: {}.", FROM_EMAIL.accepts));
        }
        let port = port.unwrap_or(match tls {
            MailTls::StartTls => 587,
            MailTls::Tls => 465,
            MailTls::None => 25,
        });
        Some(Self { host, port, tls, credentials: username.zip(password), from: from? })
    }
}

/// In lower case, an IPv6 address without its brackets.
fn parse_host(text: &str) -> Option<String> {
    let host = Host::parse(text).ok()?.to_string();
    Some(host.trim_matches(['[', ']']).to_owned())
}

fn parse_sender(text: &str) -> Option<String> {
    let named = text.strip_suffix('>').and_then(|text| text.rsplit_once('<'));
    let address = named.map_or(text, |(_, address)| address);
    Email::parse(address).ok().map(|_| text.to_owned())
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

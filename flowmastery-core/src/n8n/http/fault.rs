//! What can be in the way of an answer: its class, a sentence for people, and whether trying again can help.
//!
//! The sentence names neither key nor anything that the server sent: a tenant must not read another server through us. Causes are
//! kept for the log without the URL, which may hold a cursor.

use std::{error::Error as StdError, fmt, io, time::Duration};

use reqwest::StatusCode;

use super::{super::wire::WireError, N8nError, retry, transport::HttpN8nLimits};
use crate::{error::BoxError, model::freshness::ConnectionStatus};

/// Why a try failed.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: N8nError,
    /// Whether another try can help.
    pub(super) transient: bool,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
}

/// The outbound guard refused an address that a name resolved to.
#[derive(Debug)]
pub(super) struct Refused(pub(super) String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Refused {}

impl Fault {
    fn new(status: ConnectionStatus, message: impl Into<String>) -> Self {
        Self { error: N8nError::new(status, message), transient: false, retry_after: None }
    }

    fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.error.source = Some(source.into());
        self
    }

    fn transient(mut self) -> Self {
        self.transient = true;
        self
    }

    /// The outbound guard does not let the address through.
    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::new(ConnectionStatus::Unreachable, reason)
    }

    /// The key cannot even be sent.
    pub(super) fn unusable_key() -> Self {
        Self::new(ConnectionStatus::AuthFailed, "The API key has characters that no API key has.")
    }

    /// Something answers, but not as n8n's public API does.
    pub(super) fn not_n8n(message: &str) -> Self {
        Self::new(ConnectionStatus::NotN8n, message)
    }

    /// Nothing of n8n's public API is at this address.
    pub(super) fn no_api() -> Self {
        Self::not_n8n(
            "There is no n8n public API at this address: the address is wrong, n8n is still starting, or its public API is switched off.",
        )
    }

    /// The answer is JSON, but not the JSON that n8n sends.
    pub(super) fn wrong_json(error: WireError) -> Self {
        Self::not_n8n("The answer is not what n8n's public API sends.").caused_by(error)
    }

    /// The answer says by its status that it is none.
    pub(super) fn status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::new(ConnectionStatus::AuthFailed, "n8n refuses the API key."),
            StatusCode::FORBIDDEN => Self::new(
                ConnectionStatus::MissingScope,
                "The API key lacks a scope: collection needs workflow:list, workflow:read, execution:list and execution:read.",
            ),
            StatusCode::NOT_FOUND => Self::no_api(),
            StatusCode::TOO_MANY_REQUESTS => Self::busy(status, retry_after),
            _ if status.is_server_error() => Self::busy(status, retry_after),
            _ if status.is_redirection() => Self::not_n8n(
                "The address redirects elsewhere; enter the address at which n8n itself answers.",
            ),
            _ => Self::not_n8n(&format!(
                "What answers does not take what n8n's public API takes (status {}).",
                status.as_u16()
            )),
        }
    }

    /// n8n cannot answer for now: to be tried again, unless it asks for more patience than a request has.
    fn busy(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let code = status.as_u16();
        if let Some(asked) = retry_after.filter(|asked| *asked > retry::LONGEST) {
            let seconds = asked.as_secs();
            let message =
                format!("n8n asks to wait {seconds} seconds before it is called again (status {code}).");
            let mut fault = Self::new(ConnectionStatus::Unreachable, message);
            fault.error.retry_after = Some(asked);
            return fault;
        }
        let message = match status {
            StatusCode::TOO_MANY_REQUESTS => format!("n8n asks to be called less often (status {code})."),
            _ => format!("n8n answers with status {code}."),
        };
        Self { transient: true, retry_after, ..Self::new(ConnectionStatus::Unreachable, message) }
    }

    /// No answer came, or it broke off.
    pub(super) fn transport(error: reqwest::Error, limits: HttpN8nLimits) -> Self {
        let unreachable = |message: &str| Self::new(ConnectionStatus::Unreachable, message);
        let fault = if let Some(refused) = causes(&error).find_map(|cause| cause.downcast_ref::<Refused>()) {
            Self::refused(refused.0.clone())
        } else if error.is_connect() && error.is_timeout() {
            let seconds = limits.connect.as_secs();
            unreachable(&format!("No connection to n8n within {seconds} seconds.")).transient()
        } else if error.is_timeout() {
            // Not tried again: a server that is slow for this long is not helped by more of the same.
            unreachable(&format!("n8n did not answer in full within {} seconds.", limits.total.as_secs()))
        } else if error.is_dns() {
            unreachable("The host name of n8n cannot be resolved.").transient()
        } else if error.is_connect() {
            match causes(&error)
                .filter_map(|cause| cause.downcast_ref::<io::Error>())
                .last()
                .map(io::Error::kind)
            {
                Some(io::ErrorKind::ConnectionRefused) => {
                    unreachable("The connection to n8n was refused.").transient()
                }
                Some(io::ErrorKind::InvalidData) => unreachable(
                    "No TLS connection to n8n: what answers there does not speak TLS, or its certificate is not trusted.",
                ),
                _ => unreachable("The connection to n8n could not be made.").transient(),
            }
        } else {
            unreachable("The connection to n8n broke off.").transient()
        };
        fault.caused_by(error.without_url())
    }
}

/// An error and all that caused it. What an `io::Error` wraps is not its source but stands in its place.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}

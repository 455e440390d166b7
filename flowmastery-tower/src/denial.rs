//! Denials on a host's own routes, for the audit log: the layers note them there as the API notes its own.

use flowmastery_core::{Flowmastery, access::actor::Actor, id::ClientId, service::audit::Audit};
use http::Method;

/// The methods that a note may name: others are texts that callers choose.
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Where denials of a route are noted.
#[derive(Clone, Debug)]
pub(crate) struct Denials {
    audit: Audit,
    route: &'static str,
}

impl Denials {
    /// Those of the route with this template.
    pub(crate) fn of(flowmastery: &Flowmastery, route: &'static str) -> Self {
        Self { audit: flowmastery.audit().clone(), route }
    }

    /// Notes that a caller was refused what the role does not allow, or another client's records.
    pub(crate) fn note(&self, actor: Actor, method: &Method, foreign: Option<ClientId>) {
        let method = if METHODS.contains(method) { method.as_str() } else { "-" };
        self.audit.denied(actor, &format!("{method} {}", self.route), foreign);
    }
}

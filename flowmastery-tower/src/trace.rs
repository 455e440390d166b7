//! Tracing: the one line that the access log gets for each request, and the span around what happens for it.
//!
//! The line names the route's template, never path or query: those can hold tokens. Its target is `flowmastery::access`.

use std::time::Instant;

use flowmastery_core::access::actor::Actor;
use http::{HeaderMap, Method, StatusCode};

use crate::request_id::RequestId;

/// What the access log says where no route matched.
const NO_ROUTE: &str = "-";

/// What the access log will say of a request, as far as it is known.
#[derive(Debug)]
pub(crate) struct Trail {
    pub(crate) request_id: RequestId,
    pub(crate) method: Method,
    pub(crate) route: Option<&'static str>,
    pub(crate) actor: Option<Actor>,
    start: Instant,
}

impl Trail {
    pub(crate) fn start(method: &Method, headers: &HeaderMap) -> Self {
        Self {
            request_id: RequestId::of(headers),
            method: method.clone(),
            route: None,
            actor: None,
            start: Instant::now(),
        }
    }

    fn route(&self) -> &'static str {
        self.route.unwrap_or(NO_ROUTE)
    }

    /// The span around everything that happens for the request.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::info_span!("request", request_id = %self.request_id, method = %self.method, route = self.route())
    }

    /// Writes the line.
    pub(crate) fn end(&self, status: StatusCode) {
        let duration_ms = self.start.elapsed().as_secs_f64() * 1e3;
        tracing::info!(
            target: "flowmastery::access",
            request_id = %self.request_id,
            method = %self.method,
            route = self.route(),
            status = status.as_u16(),
            duration_ms,
            user.id = self.actor.map(|actor| actor.user_id().0),
            client.id = self.actor.and_then(Actor::client_id).map(|client| client.0),
        );
    }
}

//! Refuses requests for names that are not ours (`ALLOWED_HOSTS`), as a page that had its own name point at this server sends them.

use flowmastery_tower::{Problem, RequestId};
use poem::{
    Endpoint, Middleware, Request, Response, Result,
    http::{StatusCode, header},
};

use crate::settings::AllowedHosts;

/// The middleware.
#[derive(Debug)]
pub(super) struct HostCheck(AllowedHosts);

impl HostCheck {
    pub(super) fn new(allowed: AllowedHosts) -> Self {
        Self(allowed)
    }
}

impl<E: Endpoint> Middleware<E> for HostCheck {
    type Output = HostCheckEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        HostCheckEndpoint { inner, allowed: self.0.clone() }
    }
}

/// An endpoint that answers for its own names only.
pub(super) struct HostCheckEndpoint<E> {
    inner: E,
    allowed: AllowedHosts,
}

impl<E: Endpoint> Endpoint for HostCheckEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if is_allowed(&self.allowed, &request) {
            return Ok(self.inner.get_response(request).await);
        }
        let problem =
            Problem::new(StatusCode::BAD_REQUEST, "This server does not answer for this host name.");
        Ok(into_poem(problem.into_response(&RequestId::of(request.headers()))))
    }
}

fn is_allowed(allowed: &AllowedHosts, request: &Request) -> bool {
    let AllowedHosts::Only(names) = allowed else { return true };
    let Some(host) = host(request) else { return false };
    names.iter().any(|name| match name.strip_prefix('*') {
        Some(suffix) => host.len() > suffix.len() && host.ends_with(suffix),
        None => host == *name,
    })
}

/// The name that the request is for, in lower case and without port: from the request line, else from `Host`.
fn host(request: &Request) -> Option<String> {
    let from_header = || request.headers().get(header::HOST)?.to_str().ok();
    let authority = request.uri().authority().map(|authority| authority.as_str()).or_else(from_header)?;
    let authority: poem::http::uri::Authority = authority.parse().ok()?;
    Some(authority.host().to_ascii_lowercase())
}

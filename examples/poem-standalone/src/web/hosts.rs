//! Refuses requests for names that are not ours (`ALLOWED_HOSTS`), as a page that had its own name point at this server sends them.

use std::io;

use flowmastery_tower::{Problem, Trail};
use http_body_util::BodyExt;
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
        let mut trail = Trail::start(request.method(), request.headers());
        let problem =
            Problem::new(StatusCode::BAD_REQUEST, "This server does not answer for this host name.");
        let response = problem.answer(trail.request_id());
        trail.answered(response.status());
        Ok(response.map(|body| body.map_err(|never| -> io::Error { match never {} })).into())
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

#[cfg(test)]
mod tests {
    use poem::{EndpointExt, endpoint::make_sync};

    use super::*;

    async fn answer(allowed: &[&str], host: &str) -> Response {
        let names = allowed.iter().map(|name| (*name).to_owned()).collect();
        let endpoint = make_sync(|_| "hello").with(HostCheck::new(AllowedHosts::Only(names)));
        endpoint.get_response(Request::builder().header(header::HOST, host).finish()).await
    }

    #[tokio::test]
    async fn listed_names_are_answered_on_any_port() {
        for host in ["api.acme.com", "API.acme.com:8000", "eu.acme.org", "[::1]:8000"] {
            let response = answer(&["api.acme.com", "*.acme.org", "[::1]"], host).await;
            assert_eq!(response.status(), StatusCode::OK, "{host}");
        }
    }

    #[tokio::test]
    async fn other_names_are_a_problem_with_an_id() {
        for host in ["evil.com", "api.acme.com.evil.com", "acme.org", "xacme.org", ".acme.org", ""] {
            let response = answer(&["api.acme.com", "*.acme.org"], host).await;
            assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{host}");
            assert_eq!(response.content_type(), Some("application/problem+json"));
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            let body = response.into_body().into_string().await.unwrap();
            assert!(body.contains(&id) && body.contains("host name"), "{body}");
        }
    }

    #[tokio::test]
    async fn the_request_line_counts_before_the_header() {
        let allowed = AllowedHosts::Only(vec!["api.acme.com".to_owned()]);
        let request =
            Request::builder().uri_str("http://evil.com/").header(header::HOST, "api.acme.com").finish();
        assert!(!is_allowed(&allowed, &request));
    }
}

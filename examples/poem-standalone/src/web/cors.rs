//! Answers to browsers on pages of other origins (CORS).
//!
//! Other origins get no cookies: they send bearer tokens. An origin that is not listed is answered as if there were no CORS, and its
//! browser keeps the answer from the page; a request is never refused for its `Origin`, which same-origin pages send too.
//! The dashboard's pages are for who looks at them: they are handed to no script of another origin, listed or not.

use flowmastery_tower::{RequestId, Trail};
use poem::{
    Endpoint, Middleware, Request, Response, Result,
    http::{HeaderValue, Method, StatusCode, header},
};

use crate::settings::CorsOrigins;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("Authorization, Content-Type, If-None-Match, X-Request-Id");
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("ETag, Link, Retry-After, X-Request-Id");
/// Ten minutes.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
const ANY: HeaderValue = HeaderValue::from_static("*");
const VARY: HeaderValue = HeaderValue::from_static("Origin");

/// The middleware.
#[derive(Debug)]
pub(super) struct Cors {
    origins: CorsOrigins,
    pages: Vec<String>,
}

impl Cors {
    /// For everything but what is below the paths of pages.
    pub(super) fn new(origins: CorsOrigins, pages: Vec<String>) -> Self {
        Self { origins, pages }
    }
}

impl<E: Endpoint> Middleware<E> for Cors {
    type Output = CorsEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        CorsEndpoint { inner, origins: self.origins.clone(), pages: self.pages.clone() }
    }
}

/// An endpoint that other origins may call.
pub(super) struct CorsEndpoint<E> {
    inner: E,
    origins: CorsOrigins,
    pages: Vec<String>,
}

impl<E> CorsEndpoint<E> {
    /// What `Access-Control-Allow-Origin` says to this request, if anything.
    fn allowed(&self, request: &Request) -> Option<HeaderValue> {
        let origin = request.headers().get(header::ORIGIN)?;
        let path = request.uri().path();
        let is_below = |page: &String| {
            path.strip_prefix(page.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if self.pages.iter().any(is_below) {
            return None;
        }
        match &self.origins {
            CorsOrigins::Any => Some(ANY),
            CorsOrigins::Only(origins) => {
                origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
            }
        }
    }
}

impl<E: Endpoint> Endpoint for CorsEndpoint<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let allowed = self.allowed(&request);
        let asks_first = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let mut response = if asks_first && allowed.is_some() {
            permission(&request)
        } else {
            self.inner.get_response(request).await
        };
        let headers = response.headers_mut();
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
        }
        if matches!(&self.origins, CorsOrigins::Only(origins) if !origins.is_empty()) {
            headers.append(header::VARY, VARY);
        }
        Ok(response)
    }
}

/// The answer to a browser that asks before it sends the real request, which does not reach the API.
fn permission(request: &Request) -> Response {
    let mut trail = Trail::start(request.method(), request.headers());
    let mut response = Response::builder().status(StatusCode::NO_CONTENT).finish();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers.insert(RequestId::HEADER, trail.request_id().to_header());
    trail.answered(response.status());
    response
}

#[cfg(test)]
mod tests {
    use poem::{EndpointExt, endpoint::make_sync};

    use super::*;

    const APP: &str = "https://app.acme.com";

    async fn answer(origins: CorsOrigins, request: poem::RequestBuilder) -> Response {
        let pages = vec!["/portal".to_owned(), "/flow/portal".to_owned()];
        make_sync(|_| "hello").with(Cors::new(origins, pages)).get_response(request.finish()).await
    }

    fn listed() -> CorsOrigins {
        CorsOrigins::Only(vec![APP.to_owned()])
    }

    fn preflight(origin: &str) -> poem::RequestBuilder {
        let request = Request::builder().method(Method::OPTIONS).header(header::ORIGIN, origin);
        request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
    }

    #[tokio::test]
    async fn a_listed_origin_may_call_and_ask_first() {
        let response = answer(listed(), Request::builder().header(header::ORIGIN, APP)).await;
        assert_eq!(response.headers()["access-control-allow-origin"], APP);
        assert_eq!(response.headers()["vary"], "Origin");
        let response = answer(listed(), preflight(APP)).await;
        assert_eq!(response.status(), StatusCode::NO_CONTENT);
        assert!(
            response.headers()["access-control-allow-headers"].to_str().unwrap().contains("Authorization")
        );
    }

    #[tokio::test]
    async fn another_origin_is_answered_without_permission() {
        for origin in ["https://evil.com", "https://app.acme.com.evil.com", "null"] {
            let response = answer(listed(), Request::builder().header(header::ORIGIN, origin)).await;
            assert_eq!(response.status(), StatusCode::OK);
            assert!(!response.headers().contains_key("access-control-allow-origin"), "{origin}");
            let response = answer(listed(), preflight(origin)).await;
            assert!(!response.headers().contains_key("access-control-allow-methods"), "{origin}");
        }
    }

    #[tokio::test]
    async fn nothing_is_said_where_no_origin_is_listed() {
        let none = CorsOrigins::Only(Vec::new());
        let response = answer(none, Request::builder().header(header::ORIGIN, APP)).await;
        assert!(!response.headers().contains_key("access-control-allow-origin"));
        assert!(!response.headers().contains_key("vary"));
    }

    #[tokio::test]
    async fn pages_are_handed_to_no_other_origin() {
        for (path, allowed) in [
            ("/portal", false),
            ("/portal/clients/1", false),
            ("/flow/portal/people", false),
            ("/portals", true),
            ("/api/v1/clients/", true),
        ] {
            for origins in [CorsOrigins::Any, listed()] {
                let request = Request::builder().uri_str(path).header(header::ORIGIN, APP);
                let response = answer(origins.clone(), request).await;
                assert_eq!(response.status(), StatusCode::OK, "{path} is answered");
                assert_eq!(response.headers().contains_key("access-control-allow-origin"), allowed, "{path}");
                let response = answer(origins, preflight(APP).uri_str(path)).await;
                assert_eq!(
                    response.headers().contains_key("access-control-allow-methods"),
                    allowed,
                    "{path}"
                );
            }
        }
    }

    #[tokio::test]
    async fn credentials_are_never_allowed() {
        for origins in [CorsOrigins::Any, listed()] {
            let response = answer(origins, preflight(APP)).await;
            assert!(!response.headers().contains_key("access-control-allow-credentials"));
        }
    }
}

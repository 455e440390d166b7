//! Problems: how every 4xx and 5xx answer looks (RFC 9457), and the one place where a service's error becomes one.
//!
//! The cause of a 5xx goes to the log, once, when the answer is made, and never to the caller.

use std::{borrow::Cow, collections::BTreeSet, fmt, time::Duration};

use bytes::Bytes;
use flowmastery_core::error::{BoxError, Error, FieldError, Kind, causes};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::{body::ApiBody, protection::protected, request_id::RequestId};

/// What a caller is told to wait when nothing better is known.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// An answer that says what was wrong.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    retry_after: Option<Duration>,
    allow: Option<Box<str>>,
    cause: Option<BoxError>,
    /// Boxed, since errors that are large are slow to pass on.
    request_id: Option<Box<RequestId>>,
}

impl Problem {
    /// A problem with a sentence for the caller.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
            allow: None,
            cause: None,
            request_id: None,
        }
    }

    /// No route has this path.
    pub(crate) fn no_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "There is nothing at this path.")
    }

    /// A route has this path, but other methods.
    pub(crate) fn method_not_allowed(methods: &BTreeSet<&str>) -> Self {
        let allow = methods.iter().copied().collect::<Vec<_>>().join(", ");
        let detail = format!("This path answers {allow} only.");
        Self { allow: Some(allow.into()), ..Self::new(StatusCode::METHOD_NOT_ALLOWED, detail) }
    }

    /// Nobody is signed in, and somebody has to be.
    pub(crate) fn unauthenticated() -> Self {
        Error::new(Kind::Unauthenticated, "Sign in first, and send the access token as a bearer token.")
            .into()
    }

    /// An endpoint panicked; what it said goes to the log.
    pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Error::internal(format!("panic: {}", text.unwrap_or("without a message"))).into()
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The faults of the input, for 422.
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The sentence for the caller.
    #[cfg(feature = "dashboard")]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// How long to wait before it is worth trying again, where that is known.
    #[cfg(feature = "dashboard")]
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The id of its request, where that is known.
    #[cfg(feature = "dashboard")]
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref().map(RequestId::as_str)
    }

    /// The same problem of a request that has this id.
    #[must_use]
    pub fn in_request(self, request_id: RequestId) -> Self {
        Self { request_id: Some(Box::new(request_id)), ..self }
    }

    /// The answer. A 5xx is logged here.
    pub fn answer(self, request_id: &RequestId) -> Response<ApiBody> {
        self.in_request(*request_id).response()
    }

    /// The answer, as far as it is known of which request. A 5xx is logged here.
    pub(crate) fn response(&self) -> Response<ApiBody> {
        self.log();
        let document = ProblemDocument {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: &self.detail,
            request_id: self.request_id.as_deref().map(RequestId::as_str),
            errors: &self.errors,
        };
        // A struct of texts and numbers always serialises.
        let body = serde_json::to_vec(&document).map(Bytes::from).unwrap_or_default();
        let mut response = protected(self.status, ApiBody::from(body));
        self.describe(response.headers_mut());
        response
    }

    fn describe(&self, headers: &mut HeaderMap) {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(request_id) = &self.request_id {
            headers.insert(RequestId::HEADER, request_id.to_header());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(Ok(allow)) = self.allow.as_deref().map(HeaderValue::from_str) {
            headers.insert(header::ALLOW, allow);
        }
        if let Some(after) = self.retry_after {
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, seconds.max(1).into());
        }
    }

    /// Logs what is the server's fault.
    pub(crate) fn log(&self) {
        if self.status.is_server_error() {
            let causes = self.cause.as_deref().map(|cause| causes(cause)).unwrap_or_default();
            let request_id = self.request_id.as_deref().map(tracing::field::display);
            tracing::error!(request_id, status = self.status.as_u16(), detail = %self.detail, causes, "a request could not be answered");
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            Kind::Invalid if error.fields().is_empty() => StatusCode::BAD_REQUEST,
            Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Gone => StatusCode::GONE,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = error.message().to_owned();
        let waits = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        Self {
            errors: error.fields().to_vec(),
            retry_after: waits.then(|| error.retry_after().unwrap_or(RETRY_AFTER)),
            cause: Some(Box::new(error)),
            ..Self::new(status, detail)
        }
    }
}

impl From<Vec<FieldError>> for Problem {
    fn from(faults: Vec<FieldError>) -> Self {
        Error::invalid(faults).into()
    }
}

impl From<FieldError> for Problem {
    fn from(fault: FieldError) -> Self {
        vec![fault].into()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.detail)
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

/// Every 4xx and 5xx answer.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Problem"))]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'a str,
    /// The status in words.
    title: &'a str,
    /// The status.
    status: u16,
    /// What was wrong, as a sentence.
    detail: &'a str,
    /// The request's id, as in the `X-Request-Id` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schemars(with = "&'a str"))]
    request_id: Option<&'a str>,
    /// Every fault of the input; with 422 only.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<Vec<FieldError>>"))]
    errors: &'a [FieldError],
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(problem: Problem) -> (Response<ApiBody>, serde_json::Value) {
        use http_body_util::BodyExt as _;
        let id = RequestId::of(&http::HeaderMap::new());
        let (parts, body) = problem.answer(&id).into_parts();
        let bytes = futures_util::FutureExt::now_or_never(body.collect()).unwrap().unwrap().to_bytes();
        let json = serde_json::from_slice(&bytes).unwrap();
        (Response::from_parts(parts, ApiBody::empty()), json)
    }

    #[test]
    fn every_kind_of_error_has_its_status() {
        let cases = [
            (Kind::Invalid, 400),
            (Kind::Unauthenticated, 401),
            (Kind::Forbidden, 403),
            (Kind::NotFound, 404),
            (Kind::Conflict, 409),
            (Kind::Gone, 410),
            (Kind::TooMany, 429),
            (Kind::Internal, 500),
            (Kind::Unavailable, 503),
        ];
        for (kind, status) in cases {
            assert_eq!(Problem::from(Error::new(kind, "x")).status().as_u16(), status);
        }
        assert_eq!(Problem::from(FieldError::new("name", "Too long.")).status().as_u16(), 422);
    }

    #[test]
    fn faults_of_fields_are_listed() {
        let faults = vec![FieldError::new("a", "No."), FieldError::new("b", "No.")];
        let (response, json) = rendered(faults.into());
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        assert_eq!(json["status"], 422);
        assert_eq!(json["errors"][1]["field"], "b");
        assert_eq!(json["request_id"], response.headers()["x-request-id"].to_str().unwrap());
    }

    #[test]
    fn causes_are_not_shown() {
        let (_, json) = rendered(Error::internal("the secret cause").into());
        assert_eq!(json["status"], 500);
        assert!(!json.to_string().contains("secret"), "{json}");
        assert!(json.get("errors").is_none());
    }

    #[test]
    fn waiting_is_told_in_whole_seconds_rounded_up() {
        let error = Error::new(Kind::TooMany, "x").with_retry_after(Duration::from_millis(1500));
        let (response, _) = rendered(error.into());
        assert_eq!(response.headers()["retry-after"], "2");
        let (response, _) = rendered(Error::new(Kind::Unavailable, "x").into());
        assert_eq!(response.headers()["retry-after"], "5");
    }

    #[test]
    fn unauthenticated_names_the_scheme() {
        let (response, _) = rendered(Problem::unauthenticated());
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
    }
}

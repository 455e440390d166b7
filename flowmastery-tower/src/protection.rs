//! What browsers are told of every answer, after OWASP's REST security sheet: it is data, nobody's frame, and nothing of it leaks.

use std::sync::LazyLock;

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};

use crate::body::ApiBody;

/// How many headers an answer has at most, as a rule, so that there is room for them at once.
const HEADERS: usize = 14;
/// Answers are data: a browser that shows one as a page loads and runs nothing.
const DATA: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// A year, for names below this one too.
const HTTPS_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");
/// The same for this name alone.
const HTTPS_ONLY_HERE: HeaderValue = HeaderValue::from_static("max-age=31536000");

const ALWAYS: [(HeaderName, HeaderValue); 4] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// What is kept nowhere unless it says otherwise.
const UNKEPT: HeaderValue = HeaderValue::from_static("no-store");

/// An answer with the headers that all have in common; one that says otherwise replaces them.
pub(crate) fn protected(status: StatusCode, body: ApiBody) -> Response<ApiBody> {
    // Copied, which takes less than to look up the place of each.
    static COMMON: LazyLock<HeaderMap> = LazyLock::new(|| {
        let mut headers = HeaderMap::with_capacity(HEADERS);
        headers.insert(CACHE_CONTROL, UNKEPT);
        headers.insert(CONTENT_SECURITY_POLICY, DATA);
        headers.extend(ALWAYS);
        headers
    });
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().clone_from(&COMMON);
    response
}

/// Adds that this name is to be asked over https only, and where all of it is ours, names below it.
pub(crate) fn insist_on_https(headers: &mut HeaderMap, is_whole_host: bool) {
    let value = if is_whole_host { HTTPS_ONLY } else { HTTPS_ONLY_HERE };
    headers.insert(STRICT_TRANSPORT_SECURITY, value);
}

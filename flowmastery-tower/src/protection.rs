//! What browsers are told of every answer, after OWASP's REST security sheet: it is data, nobody's frame, and nothing of it leaks.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
};

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

/// Adds what every answer carries; a page that has a policy of its own keeps it.
pub(crate) fn protect(headers: &mut HeaderMap) {
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(DATA);
    headers.extend(ALWAYS);
}

/// Adds that this name is to be asked over https only, and where all of it is ours, names below it.
pub(crate) fn insist_on_https(headers: &mut HeaderMap, is_whole_host: bool) {
    let value = if is_whole_host { HTTPS_ONLY } else { HTTPS_ONLY_HERE };
    headers.insert(STRICT_TRANSPORT_SECURITY, value);
}

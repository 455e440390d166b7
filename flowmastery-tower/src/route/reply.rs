//! Making answers. All are `no-store` unless they say otherwise; metrics are kept by the caller and asked about again.

use bytes::Bytes;
use flowmastery_core::{
    error::Error,
    page::{Cursor, Page, PageRequest, Position},
    service::metrics::Document,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::{Context, endpoint::Answer};
use crate::{body::ApiBody, problem::Problem, protection::protected};

/// JSON with a status.
pub(super) fn json(status: StatusCode, answer: &impl Serialize) -> Answer {
    let bytes = serde_json::to_vec(answer).map_err(Error::internal)?;
    Ok(bytes_of(status, "application/json", bytes.into()))
}

/// 200 with JSON.
pub(super) fn ok(answer: &impl Serialize) -> Answer {
    json(StatusCode::OK, answer)
}

/// A status with nothing.
pub(super) fn empty(status: StatusCode) -> Response<ApiBody> {
    protected(status, ApiBody::empty())
}

/// Bytes of a media type.
pub(super) fn bytes_of(status: StatusCode, media_type: &'static str, bytes: Bytes) -> Response<ApiBody> {
    let mut response = protected(status, ApiBody::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// The answer with one more header.
pub(super) fn with_header(answer: Answer, name: HeaderName, value: String) -> Answer {
    let mut response = answer?;
    let value = HeaderValue::try_from(value).map_err(|error| Problem::from(Error::internal(error)))?;
    response.headers_mut().insert(name, value);
    Ok(response)
}

/// 201 with JSON and where it is from now on.
pub(super) fn created(context: &Context, path: &str, answer: &impl Serialize) -> Answer {
    let location = format!("{}{path}", context.site.base_path());
    with_header(json(StatusCode::CREATED, answer), header::LOCATION, location)
}

/// A page of a list, as a plain array, with a link to the next one.
pub(super) fn page<T: Serialize>(
    context: &Context,
    path: &str,
    request: PageRequest,
    page: &Page<T>,
) -> Answer {
    let next = page.next.map(|next| next_page(request, next));
    linked(context, path, ok(&page.items), next)
}

/// The query of the page after this one.
pub(super) fn next_page<P: Position>(request: PageRequest<P>, next: Cursor<P>) -> String {
    format!("limit={}&cursor={next}", request.limit())
}

/// The answer with a link to the next page of the list at `path`, which has this query, where there is one.
pub(super) fn linked(context: &Context, path: &str, answer: Answer, next: Option<String>) -> Answer {
    let Some(query) = next else { return answer };
    with_header(answer, header::LINK, format!("<{}{path}?{query}>; rel=\"next\"", context.site.base_path()))
}

/// Metrics, or 304 when the caller has them already.
pub(super) fn document(headers: &HeaderMap, document: Document) -> Answer {
    let whole = bytes_of(StatusCode::OK, "application/json", document.body);
    let mut response = tagged(headers, document.etag, whole)?;
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, Cookie"));
    Ok(response)
}

/// The answer with its tag, or 304 when the caller has it already.
pub(super) fn tagged(headers: &HeaderMap, etag: String, whole: Response<ApiBody>) -> Answer {
    let response = if is_known(headers, &etag) { empty(StatusCode::NOT_MODIFIED) } else { whole };
    with_header(Ok(response), header::ETAG, etag)
}

/// Whether `If-None-Match` names the tag, compared weakly. A tag of ours holds no comma, so a list may be cut at every one.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(given: &[&'static str]) -> Response<ApiBody> {
        let mut headers = HeaderMap::new();
        for value in given {
            headers.append(header::IF_NONE_MATCH, HeaderValue::from_static(value));
        }
        document(&headers, Document { body: "{}".into(), etag: "\"abc\"".to_owned() }).unwrap()
    }

    #[test]
    fn known_metrics_are_not_sent_again() {
        let cases: [&[&str]; 5] =
            [&["\"abc\""], &["W/\"abc\""], &["\"x\", \"abc\""], &["*"], &["\"x\"", "\"abc\""]];
        for given in cases {
            let response = answer_to(given);
            assert_eq!(response.status(), 304, "{given:?}");
            assert!(response.body().is_empty());
            assert_eq!(response.headers()["etag"], "\"abc\"");
            assert_eq!(response.headers()["vary"], "Authorization, Cookie");
        }
    }

    #[test]
    fn other_metrics_are_sent() {
        let cases: [&[&str]; 4] = [&[], &["\"abcd\""], &["abc"], &["W/\"x\""]];
        for given in cases {
            let response = answer_to(given);
            assert_eq!(response.status(), 200, "{given:?}");
            assert_eq!(response.headers()["cache-control"], "private, no-cache");
            assert_eq!(response.body().len(), 2);
        }
    }
}

//! The documentation: the OpenAPI document, and the page that shows it.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use flowmastery_core::error::Error;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{Access, Call, Route, endpoint::Answer, reply};
use crate::{problem::Problem, protection::protected};

/// The documentation runs its own scripts and no other, and talks to this server alone. Its library sets styles on elements as it draws them.
const PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
     base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

pub(super) fn documentation() -> Vec<Route> {
    vec![
        Route::get("/openapi.json", Access::Public, openapi)
            .summary("This document.")
            .answers::<serde_json::Map<String, serde_json::Value>>(StatusCode::OK),
        Route::get("/docs", Access::Public, docs)
            .summary("This document as an interactive page.")
            .answers_as::<String>(StatusCode::OK, "text/html"),
        Route::get("/docs/{file}", Access::Public, docs)
            .summary("The parts of that page.")
            .answers_as::<String>(StatusCode::OK, "*/*"),
    ]
}

async fn openapi(call: Call) -> Answer {
    let document = call.context.openapi.clone().ok_or_else(Problem::no_route)?;
    Ok(reply::bytes_of(StatusCode::OK, "application/json", document))
}

async fn docs(call: Call) -> Answer {
    let base = call.context.site.base_path();
    let file = call.parameters.last().map(String::as_str).unwrap_or_default();
    // The validator is a service on the internet; the page needs none.
    let config = utoipa_swagger_ui::Config::from(format!("{base}/openapi.json")).validator_url("none");
    let file = utoipa_swagger_ui::serve(file, Arc::new(config))
        .map_err(|error| Error::internal(std::io::Error::other(error.to_string())))?
        .ok_or_else(Problem::no_route)?;
    let bytes = Bytes::from(file.bytes.into_owned());
    if file.content_type == "text/html" {
        let mut page = reply::bytes_of(StatusCode::OK, "text/html", with_base(&bytes, base));
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, PAGE);
        return Ok(page);
    }
    asset(&call.headers, file.content_type, bytes)
}

/// A part of the page, which is the same for everybody until the next version: it is kept for a day and asked about then.
fn asset(headers: &HeaderMap, media_type: String, bytes: Bytes) -> Answer {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let etag = format!("\"{:016x}\"", hasher.finish());
    let whole = Ok(protected(StatusCode::OK, bytes.into()));
    let whole = reply::with_header(whole, header::CONTENT_TYPE, media_type)?;
    let mut response = reply::tagged(headers, etag, whole)?;
    let kept = HeaderValue::from_static("public, max-age=86400");
    response.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(response)
}

/// The page's links are relative to its folder, and the page answers without a trailing slash too.
fn with_base(page: &[u8], base_path: &str) -> Bytes {
    let base = format!("<head>\n    <base href=\"{base_path}/docs/\">");
    String::from_utf8_lossy(page).replacen("<head>", &base, 1).into()
}

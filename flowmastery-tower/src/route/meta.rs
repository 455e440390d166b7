//! About the API itself: its name, its health, its documentation.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use bytes::Bytes;
use flowmastery_core::{
    error::Error,
    service::health::{HealthReport, HealthStatus},
};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Access, Call, Route, endpoint::Answer, reply};
use crate::{problem::Problem, protection};

/// What the API is, and where to go on.
#[derive(Serialize, JsonSchema)]
struct About {
    /// Always `FlowMastery`.
    name: &'static str,
    /// The version that answers.
    version: &'static str,
    /// Where the interactive documentation is; null when it is off.
    docs: Option<String>,
    /// Where the OpenAPI document is; null when it is off.
    openapi: Option<String>,
    /// Where the health check is.
    health: String,
}

/// That the process answers.
#[derive(Serialize, JsonSchema)]
struct Live {
    /// Always `ok`.
    status: HealthStatus,
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/", Access::Public, about)
            .summary("Says what this is, and where to go on.")
            .answers::<About>(StatusCode::OK),
        Route::get("/health", Access::Public, health)
            .summary("Checks database, cache and collector; 503 with the same report when nothing can be answered.")
            .answers::<HealthReport>(StatusCode::OK)
            .also(StatusCode::SERVICE_UNAVAILABLE),
        Route::get("/health/live", Access::Public, live)
            .summary("Says that the process answers, and checks nothing.")
            .answers::<Live>(StatusCode::OK),
    ]
}

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

async fn about(call: Call) -> Answer {
    let base = call.context.site.base_path();
    let has_docs = call.context.openapi.is_some();
    reply::ok(&About {
        name: "FlowMastery",
        version: env!("CARGO_PKG_VERSION"),
        docs: has_docs.then(|| format!("{base}/docs")),
        openapi: has_docs.then(|| format!("{base}/openapi.json")),
        health: format!("{base}/health"),
    })
}

async fn health(call: Call) -> Answer {
    let report = call.context.flowmastery.health().check().await;
    if report.status == HealthStatus::Down {
        let answer = reply::json(StatusCode::SERVICE_UNAVAILABLE, &report);
        return reply::with_header(answer, header::RETRY_AFTER, "5".to_owned());
    }
    reply::ok(&report)
}

async fn live(_: Call) -> Answer {
    reply::ok(&Live { status: HealthStatus::Ok })
}

async fn openapi(call: Call) -> Answer {
    let document = call.context.openapi.clone().ok_or_else(Problem::no_route)?;
    Ok(reply::bytes_of(StatusCode::OK, "application/json", document))
}

async fn docs(call: Call) -> Answer {
    let base = call.context.site.base_path();
    // The validator is a service on the internet; the page needs none.
    let config = utoipa_swagger_ui::Config::from(format!("{base}/openapi.json")).validator_url("none");
    let file = utoipa_swagger_ui::serve(call.parameter(), Arc::new(config))
        .map_err(|error| Error::internal(std::io::Error::other(error.to_string())))?
        .ok_or_else(Problem::no_route)?;
    let bytes = Bytes::from(file.bytes.into_owned());
    if file.content_type == "text/html" {
        let mut page = reply::bytes_of(StatusCode::OK, "text/html", with_base(&bytes, base));
        page.headers_mut().insert(header::CONTENT_SECURITY_POLICY, protection::PAGE);
        return Ok(page);
    }
    asset(&call.headers, file.content_type, bytes)
}

/// A part of the page, which is the same for everybody until the next version: it is kept for a day and asked about then.
fn asset(headers: &HeaderMap, media_type: String, bytes: Bytes) -> Answer {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    let etag = format!("\"{:016x}\"", hasher.finish());
    let whole = reply::with_header(Ok(Response::new(bytes.into())), header::CONTENT_TYPE, media_type)?;
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

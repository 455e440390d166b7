//! About the API itself: its name and its health.

use flowmastery_core::service::health::{HealthReport, HealthStatus};
use http::{StatusCode, header};
use serde::Serialize;

use super::{Access, Call, Route, endpoint::Answer, reply};

/// What the API is, and where to go on.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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

//! The page of one client.

use flowmastery_core::{
    access::permission::Permission,
    id::ClientId,
    model::{execution::Status, listing::ListingFilter},
    page::PageRequest,
    service::metrics::listing::ExecutionsQuery,
};
use http::StatusCode;

use super::{
    super::{Access, Call, Route, endpoint::Answer},
    home::{VIEW, asked, now, series_of},
};
use crate::dashboard::{
    Section, answer,
    client::{ClientPage, Content},
};

/// How many failures are listed.
const FAILURES: i64 = 10;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/clients/{client_id}", Access::Requires(Permission::ViewClient), client)
            .query(VIEW),
    ]
}

async fn client(call: Call) -> Answer {
    let id = call.client_id()?;
    let path = format!("/clients/{id}");
    page(call, id, &path).await
}

/// The page of a client, which is at this path of the dashboard.
pub(super) async fn page(mut call: Call, id: ClientId, path: &str) -> Answer {
    let actor = call.actor()?;
    let (asked, query) = asked(&mut call)?;
    let services = &call.context.flowmastery;
    let metrics = services.metrics();
    let report = metrics.workflows(actor, id, &query).await?;
    let series = metrics.client_series(actor, id, &series_of(&query, &asked.period)?).await?;
    let failed = ExecutionsQuery {
        period: query,
        filter: ListingFilter { status: Some(Status::Error), workflow_id: None },
        page: PageRequest::new(Some(FAILURES), None)?,
    };
    let failures = metrics.executions(actor, id, &failed).await?;
    let n8n = services.clients().get(actor, id).await?.n8n_api_url;
    let chrome = call.own_frame(&report.client_name, Section::Client)?;
    let here = format!("{}{path}", chrome.base);
    let content =
        Content { report: &report, series: &series, failures: &failures.items, n8n, asked, now: now(&call) };
    answer(StatusCode::OK, &ClientPage::new(chrome, here, &content)?)
}

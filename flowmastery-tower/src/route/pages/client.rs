//! The page of one client.

use std::cmp::Reverse;

use bytes::Bytes;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    error::{Error, Result as CoreResult},
    id::ClientId,
    model::{
        execution::Status,
        listing::{ListedExecution, ListingFilter},
        period::PeriodQuery,
    },
    page::PageRequest,
    service::metrics::{Metrics, listing::ExecutionsQuery},
};
use http::StatusCode;

use super::{
    super::{Access, Call, Route, endpoint::Answer},
    view::{VIEW, View, view},
};
use crate::dashboard::{
    Chrome, Section,
    client::{ClientPage, Content},
    html_of, rendered,
};

/// How many failures are listed.
const FAILURES: usize = 10;

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

/// The page of a client, which is at this path of the dashboard; from the cache where nothing has changed.
pub(super) async fn page(mut call: Call, id: ClientId, path: &str) -> Answer {
    let actor = call.actor()?;
    let view = view(&mut call)?;
    let chrome = call.own_frame("", Section::Client)?;
    let form = format!("client|{path}|{}{}", chrome.key(), view.asked.key());
    let made = make(&call, (actor, id), &view, (chrome, path));
    let document = call.context.flowmastery.metrics().form(actor, id, (&form, &view.period), made).await?;
    Ok(html_of(StatusCode::OK, document.body))
}

async fn make(
    call: &Call,
    (actor, id): (Actor, ClientId),
    view: &View,
    (chrome, path): (Chrome, &str),
) -> CoreResult<Bytes> {
    let services = &call.context.flowmastery;
    let metrics = services.metrics();
    let report = metrics.workflows(actor, id, &view.period).await?;
    let series = metrics.client_series(actor, id, &view.series).await?;
    let failures = failures(metrics, (actor, id), &view.period).await?;
    let n8n = services.clients().get(actor, id).await?.n8n_api_url;
    let here = format!("{}{path}", chrome.base);
    let content =
        Content { report: &report, series: &series, failures: &failures, n8n, asked: view.asked.clone() };
    let chrome = Chrome { title: report.client_name.clone(), ..chrome };
    rendered(&ClientPage::new(chrome, here, &content)?)
}

/// The newest of what counts as failed.
async fn failures(
    metrics: &Metrics,
    (actor, id): (Actor, ClientId),
    period: &PeriodQuery,
) -> CoreResult<Vec<ListedExecution>> {
    let mut failures = Vec::new();
    for status in [Status::Error, Status::Crashed] {
        let query = ExecutionsQuery {
            period: period.clone(),
            filter: ListingFilter { status: Some(status), workflow_id: None },
            page: PageRequest::new(i64::try_from(FAILURES).ok(), None)
                .map_err(|fault| Error::invalid(vec![fault]))?,
        };
        failures.append(&mut metrics.executions(actor, id, &query).await?.items);
    }
    failures.sort_by_key(|failure| Reverse(failure.started_at));
    failures.truncate(FAILURES);
    Ok(failures)
}

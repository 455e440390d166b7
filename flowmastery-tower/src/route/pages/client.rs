//! The page of one client.

use bytes::Bytes;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    error::{Error, Result as CoreResult},
    id::ClientId,
    model::{execution::Status, listing::ListingFilter},
    page::PageRequest,
    service::metrics::listing::ExecutionsQuery,
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
    let failed = ExecutionsQuery {
        period: view.period.clone(),
        filter: ListingFilter { status: Some(Status::Error), workflow_id: None },
        page: PageRequest::new(Some(FAILURES), None).map_err(|fault| Error::invalid(vec![fault]))?,
    };
    let failures = metrics.executions(actor, id, &failed).await?;
    let n8n = services.clients().get(actor, id).await?.n8n_api_url;
    let here = format!("{}{path}", chrome.base);
    let content = Content {
        report: &report,
        series: &series,
        failures: &failures.items,
        n8n,
        asked: view.asked.clone(),
    };
    let chrome = Chrome { title: report.client_name.clone(), ..chrome };
    rendered(&ClientPage::new(chrome, here, &content)?)
}

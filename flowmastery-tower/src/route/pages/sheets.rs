//! What a page shows as CSV: workflows, the points of the chart, and every execution of the period that is kept.

use bytes::Bytes;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    id::ClientId,
    model::period::PeriodQuery,
    page::PageRequest,
    service::metrics::listing::ExecutionsQuery,
};
use futures_util::stream::unfold;
use http::{HeaderValue, Response, StatusCode, header};

use super::{
    super::{Access, Call, Route, endpoint::Answer},
    MOST,
    view::{VIEW, view},
};
use crate::{
    body::ApiBody,
    dashboard::sheet::{EXECUTIONS, SERIES, WORKFLOWS, execution, head, point, rows, workflow},
    problem::Problem,
    protection::protected,
};

pub(super) fn routes() -> Vec<Route> {
    let view = Access::Requires(Permission::ViewClient);
    let routes = [
        Route::get("/dashboard/clients/{client_id}/workflows.csv", view, workflows),
        Route::get("/dashboard/clients/{client_id}/series.csv", view, series),
        Route::get("/dashboard/clients/{client_id}/executions.csv", view, executions),
    ];
    routes.into_iter().map(|route| route.query(VIEW)).collect()
}

fn sheet(name: &'static str, body: ApiBody) -> Response<ApiBody> {
    let mut response = protected(StatusCode::OK, body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    response
}

async fn workflows(mut call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let query = view(&mut call)?.period;
    let report = call.context.flowmastery.metrics().workflows(actor, id, &query).await?;
    let table = std::iter::once(head(&WORKFLOWS)).chain(report.workflows.iter().map(workflow));
    Ok(sheet("attachment; filename=\"workflows.csv\"", rows(table)?.into()))
}

async fn series(mut call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.client_id()?);
    let query = view(&mut call)?.series;
    let series = call.context.flowmastery.metrics().client_series(actor, id, &query).await?;
    let table = std::iter::once(head(&SERIES)).chain(series.series.points.iter().map(point));
    Ok(sheet("attachment; filename=\"series.csv\"", rows(table)?.into()))
}

/// The last row of a list that could not be read to its end.
const INCOMPLETE: &str = "INCOMPLETE: the rest could not be read; ask again.";

/// A list that is read page by page while it is sent.
struct Listing {
    call: Call,
    actor: Actor,
    client: ClientId,
    /// The page that is read next.
    next: Option<ExecutionsQuery>,
}

async fn executions(mut call: Call) -> Answer {
    let (actor, client) = (call.actor()?, call.client_id()?);
    let period = view(&mut call)?.period;
    let mut listing = Listing { call, actor, client, next: Some(first(period)?) };
    // Whether there is anything to send is known before anything is sent.
    let begin = [rows([head(&EXECUTIONS)])?, listing.page().await?.unwrap_or_default()].concat();
    let rest = unfold((listing, Some(Bytes::from(begin))), |(mut listing, begun)| async move {
        match begun {
            Some(bytes) => Some((bytes, (listing, None))),
            None => match listing.page().await {
                Ok(page) => Some((page?, (listing, None))),
                // What has begun cannot be refused any more; that it is not whole stands in its last row.
                Err(problem) => {
                    problem.log();
                    Some((rows([head(&[INCOMPLETE])]).ok()?, (listing, None)))
                }
            },
        }
    });
    Ok(sheet("attachment; filename=\"executions.csv\"", ApiBody::stream(rest)))
}

fn first(period: PeriodQuery) -> Result<ExecutionsQuery, Problem> {
    Ok(ExecutionsQuery { period, page: PageRequest::new(Some(MOST), None)?, ..ExecutionsQuery::default() })
}

impl Listing {
    /// The rows of the next page; `None` behind the last one.
    async fn page(&mut self) -> Result<Option<Bytes>, Problem> {
        let Some(query) = self.next.take() else { return Ok(None) };
        let metrics = self.call.context.flowmastery.metrics();
        let page = metrics.executions(self.actor, self.client, &query).await?;
        self.next = page.next.map(|cursor| ExecutionsQuery { page: query.page.after(cursor), ..query });
        Ok(Some(rows(page.items.iter().map(execution))?))
    }
}

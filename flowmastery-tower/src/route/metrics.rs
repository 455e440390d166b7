//! Metrics of one client, of the caller's own, and of all.

use flowmastery_core::{
    access::permission::Permission,
    error::FieldError,
    id::ClientId,
    model::{
        period::PeriodQuery,
        report::{AllMetrics, ClientMetrics, WorkflowsReport},
    },
    service::metrics::ClientView,
};
use http::StatusCode;

use super::{
    Access, Call, Field, FieldKind::Text, Route, description::Shape, endpoint::Answer, extract::Values, reply,
};

pub(super) const PERIOD: &[Field; 5] = &[
    Field::optional("period", Text, "How far back, by default 30d: 24h is the current hour and the 23 before, Nd is today and the N−1 days before.")
        .one_of(&["24h", "7d", "30d", "90d", "365d", "all"]),
    Field::optional("from", Text, "Instead of `period`: the start, RFC 3339 on a quarter hour, or a date."),
    Field::optional("to", Text, "Instead of `period`: the end, exclusive, RFC 3339 on a quarter hour, or a date."),
    Field::optional("tz", Text, "IANA time zone of day borders; UTC by default."),
    Field::optional("include", Text, "Also counts manual executions, or all.").one_of(&["manual", "all"]),
];

pub(super) fn routes() -> Vec<Route> {
    let view = Access::Requires(Permission::ViewClient);
    let own = Access::Requires(Permission::ViewOwnClient);
    vec![
        answering::<AllMetrics>(Route::get(
            "/api/v1/metrics/all",
            Access::Requires(Permission::ViewAllClients),
            all,
        ))
        .summary("Metrics of all clients."),
        answering::<ClientMetrics>(Route::get("/api/v1/metrics/client/{client_id}", view, client))
            .summary("Metrics of a client: any to admins, the own one to client users."),
        answering::<WorkflowsReport>(Route::get(
            "/api/v1/metrics/client/{client_id}/workflows",
            view,
            workflows,
        ))
        .summary("Metrics of a client's workflows."),
        answering::<ClientMetrics>(Route::get("/api/v1/metrics/my-metrics", own, my_metrics))
            .summary("Metrics of the caller's own client."),
        answering::<WorkflowsReport>(Route::get("/api/v1/metrics/my-workflows", own, my_workflows))
            .summary("Metrics of the workflows of the caller's own client."),
    ]
}

fn answering<T: Shape>(route: Route) -> Route {
    route.query(PERIOD).answers::<T>(StatusCode::OK)
}

async fn all(call: Call) -> Answer {
    let actor = call.actor()?;
    let query = call.fields.parse(period)?;
    let document = call.context.flowmastery.metrics().all_document(actor, &query).await?;
    reply::document(&call.headers, document)
}

async fn client(mut call: Call) -> Answer {
    let id = call.client_id()?;
    of_client(&mut call, id, ClientView::Summary).await
}

async fn workflows(mut call: Call) -> Answer {
    let id = call.client_id()?;
    of_client(&mut call, id, ClientView::Workflows).await
}

async fn my_metrics(mut call: Call) -> Answer {
    let id = call.context.flowmastery.metrics().own_client(call.actor()?)?;
    of_client(&mut call, id, ClientView::Summary).await
}

async fn my_workflows(mut call: Call) -> Answer {
    let id = call.context.flowmastery.metrics().own_client(call.actor()?)?;
    of_client(&mut call, id, ClientView::Workflows).await
}

async fn of_client(call: &mut Call, id: ClientId, view: ClientView) -> Answer {
    let query = std::mem::take(&mut call.fields).parse(period)?;
    let document = call.context.flowmastery.metrics().document(call.actor()?, id, view, &query).await?;
    reply::document(&call.headers, document)
}

/// The period that the parameters of [`PERIOD`] ask for.
pub(super) fn period(values: &mut Values) -> Result<PeriodQuery, Vec<FieldError>> {
    let given = |name| values.optional_text(name);
    PeriodQuery::parse(given("period"), (given("from"), given("to")), given("tz"), given("include"))
}

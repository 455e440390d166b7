//! Series over time, of one client, of the caller's own, and over all.

use flowmastery_core::{
    access::permission::Permission,
    error::FieldError,
    id::ClientId,
    model::series::{ClientSeries, Series, SeriesQuery},
};
use http::StatusCode;

use super::{Access, Call, Field, FieldKind::Text, Route, endpoint::Answer, extract::Values, metrics, reply};

const SERIES: &[Field] = &{
    let [period, from, to, tz, include] = *metrics::PERIOD;
    let interval = Field::optional("interval", Text, "How long points are: by default an hour for a period of two days at most, else a day. Weeks start on Monday; hours, days, weeks and months begin in `tz`, and the first and the last point are cut at the period's borders. At most 10,000 points.")
        .one_of(&["hour", "day", "week", "month"]);
    [interval, period, from, to, tz, include]
};

pub(super) fn routes() -> Vec<Route> {
    let view = Access::Requires(Permission::ViewClient);
    let own = Access::Requires(Permission::ViewOwnClient);
    let every = Access::Requires(Permission::ViewAllClients);
    let routes = [
        Route::get("/api/v1/metrics/all/timeseries", every, all)
            .summary("Metrics of all clients over time.")
            .answers::<Series>(StatusCode::OK),
        Route::get("/api/v1/metrics/client/{client_id}/timeseries", view, client)
            .summary("Metrics of a client over time.")
            .answers::<ClientSeries>(StatusCode::OK),
        Route::get("/api/v1/metrics/my-timeseries", own, my_timeseries)
            .summary("Metrics of the caller's own client over time.")
            .answers::<ClientSeries>(StatusCode::OK),
    ];
    routes.into_iter().map(|route| route.query(SERIES)).collect()
}

async fn all(call: Call) -> Answer {
    let actor = call.actor()?;
    let query = call.fields.parse(series)?;
    let document = call.context.flowmastery.metrics().all_series_document(actor, &query).await?;
    reply::document(&call.headers, document)
}

async fn client(call: Call) -> Answer {
    let id = call.client_id()?;
    of_client(call, id).await
}

async fn my_timeseries(call: Call) -> Answer {
    let id = call.context.flowmastery.metrics().own_client(call.actor()?)?;
    of_client(call, id).await
}

async fn of_client(call: Call, id: ClientId) -> Answer {
    let actor = call.actor()?;
    let query = call.fields.parse(series)?;
    let document = call.context.flowmastery.metrics().series_document(actor, id, &query).await?;
    reply::document(&call.headers, document)
}

fn series(values: &mut Values) -> Result<SeriesQuery, Vec<FieldError>> {
    let period = metrics::period(values);
    SeriesQuery::parse(values.optional_text("interval"), period)
}

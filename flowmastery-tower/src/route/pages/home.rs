//! The first page: all clients to admins, the own one's numbers to client users.

use flowmastery_core::{
    access::actor::Actor,
    clock::Timestamp,
    model::{period::PeriodQuery, series::SeriesQuery, user::Role},
};
use http::StatusCode;

use super::{
    super::{Access, Call, Field, FieldKind::Text, Route, endpoint::Answer},
    client,
};
use crate::{
    dashboard::{
        Section, answer,
        client::{Asked, Sort},
        overview::OverviewPage,
    },
    problem::Problem,
};

/// What the pages of numbers take.
pub(super) const VIEW: &[Field] = &[
    Field::optional("period", Text, ""),
    Field::optional("tz", Text, ""),
    Field::optional("search", Text, ""),
    Field::optional("sort", Text, ""),
    Field::optional("done", Text, ""),
];

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/dashboard", Access::SignedIn, home).query(VIEW)]
}

async fn home(call: Call) -> Answer {
    let actor = call.actor()?;
    match (actor.role(), actor.client_id()) {
        (Role::Client, Some(client)) => client::page(call, client, "").await,
        _ => overview(call, actor).await,
    }
}

/// What was asked for, and the period that it means.
pub(super) fn asked(call: &mut Call) -> Result<(Asked, PeriodQuery), Problem> {
    std::mem::take(&mut call.fields).parse(|values| {
        let text = |name| values.optional_text(name).filter(|text| !text.is_empty());
        let (period, tz) = (text("period").unwrap_or("30d"), text("tz").unwrap_or("UTC"));
        let query = PeriodQuery::parse(Some(period), (None, None), Some(tz), None)?;
        let asked = Asked {
            period: period.to_owned(),
            tz: tz.to_owned(),
            search: text("search").unwrap_or_default().to_owned(),
            sort: text("sort").and_then(Sort::parse).unwrap_or_default(),
        };
        Ok::<_, Vec<flowmastery_core::error::FieldError>>((asked, query))
    })
}

/// The series over a period in points that a chart has room for.
pub(super) fn series_of(query: &PeriodQuery, period: &str) -> Result<SeriesQuery, Problem> {
    let interval = match period {
        "24h" => "hour",
        "365d" => "week",
        "all" => "month",
        _ => "day",
    };
    Ok(SeriesQuery::parse(Some(interval), Ok(query.clone()))?)
}

async fn overview(mut call: Call, actor: Actor) -> Answer {
    let (asked, query) = asked(&mut call)?;
    let metrics = call.context.flowmastery.metrics();
    let all = metrics.all(actor, &query).await?;
    let series = metrics.all_series(actor, &series_of(&query, &asked.period)?).await?;
    let chrome = call.own_frame("Clients", Section::Home)?;
    let here = chrome.base.clone();
    let page = OverviewPage::new(chrome, (here, asked), (&all, &series), now(&call))?;
    answer(StatusCode::OK, &page)
}

/// The instant of the services' clock.
pub(super) fn now(call: &Call) -> Timestamp {
    call.context.flowmastery.metrics().now()
}

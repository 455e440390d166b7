//! The report of a month for a client.

use bytes::Bytes;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    clock::Timestamp,
    error::{FieldError, Result as CoreResult},
    id::ClientId,
    model::{period::PeriodQuery, series::SeriesQuery},
};
use http::StatusCode;
use jiff::{ToSpan, civil::Date};

use super::{
    super::{Access, Call, Field, FieldKind::Text, Route, endpoint::Answer, extract::Values},
    home::now,
};
use crate::dashboard::{
    Chrome, Section, html_of, rendered,
    report::{Content, Month, ReportPage},
};

const ASKED: &[Field] = &[Field::optional("month", Text, ""), Field::optional("tz", Text, "")];

pub(super) fn routes() -> Vec<Route> {
    let view = Access::Requires(Permission::ViewClient);
    vec![Route::get("/dashboard/clients/{client_id}/report", view, report).query(ASKED)]
}

/// A month and the one before it.
struct View {
    month: Month,
    period: PeriodQuery,
    before: PeriodQuery,
    series: SeriesQuery,
}

async fn report(mut call: Call) -> Answer {
    let (actor, id, now) = (call.actor()?, call.client_id()?, now(&call));
    let view = std::mem::take(&mut call.fields).parse(|values| read(values, now))?;
    let chrome = call.own_frame("", Section::Client)?;
    let form = format!("report|{}{:?}", chrome.key(), view.month);
    let made = make(&call, (actor, id), &view, chrome);
    let document = call.context.flowmastery.metrics().form(actor, id, (&form, &view.period), made).await?;
    Ok(html_of(StatusCode::OK, document.body))
}

async fn make(call: &Call, (actor, id): (Actor, ClientId), view: &View, chrome: Chrome) -> CoreResult<Bytes> {
    let metrics = call.context.flowmastery.metrics();
    let report = metrics.workflows(actor, id, &view.period).await?;
    let before = metrics.client(actor, id, &view.before).await?;
    let series = metrics.client_series(actor, id, &view.series).await?;
    let chrome = Chrome { title: format!("{}, {}", report.client_name, view.month.name), ..chrome };
    let content = Content { report: &report, before: &before, series: &series, month: view.month.clone() };
    rendered(&ReportPage::new(chrome, &content)?)
}

/// The month that is asked for, or the last one that is over.
fn read(values: &Values, now: Timestamp) -> Result<View, Vec<FieldError>> {
    let text = |name| values.optional_text(name).filter(|text| !text.is_empty());
    let tz = text("tz").unwrap_or("UTC");
    let zone = PeriodQuery::parse(None, (None, None), Some(tz), None)?;
    let this = zone.tz().to_datetime(now.to_jiff()).date().first_of_month();
    let first = match text("month") {
        Some(month) => format!("{month}-01").parse().map_err(|_| fault())?,
        None => this.saturating_sub(1.month()),
    };
    let (before, next) = (first.saturating_sub(1.month()), first.saturating_add(1.month()));
    // The ends of the calendar have nothing before or behind them.
    if before == first || next == first {
        return Err(fault());
    }
    let between = |from: Date, to: Date| {
        PeriodQuery::parse(None, (Some(&from.to_string()), Some(&to.to_string())), Some(tz), None)
    };
    let period = between(first, next)?;
    let value = |date: Date| date.strftime("%Y-%m").to_string();
    let name = |date: Date| date.strftime("%B %Y").to_string();
    let month = Month {
        value: value(first),
        name: name(first),
        name_before: name(before),
        before: value(before),
        after: (first < this).then(|| value(next)),
        tz: tz.to_owned(),
    };
    let series = SeriesQuery::parse(Some("day"), Ok(period.clone()))?;
    Ok(View { month, before: between(before, first)?, period, series })
}

fn fault() -> Vec<FieldError> {
    vec![FieldError::new("month", "A month is written as 2026-10.")]
}

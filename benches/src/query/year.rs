//! Reports over one client with 200 workflows and a year behind it.

use std::time::Duration;

use flowmastery_core::{
    id::ClientId,
    model::{
        period::PeriodQuery,
        rollup::{Range, Width},
        series::SeriesQuery,
    },
    service::metrics::ClientView,
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    bare::Reading,
    database::Database,
    host::{self, ADMIN, cold, period, ranges},
    seed::{END, NOW, Seeder, Shape, days_ago},
};
use crate::{
    Fallible,
    measure::{Effort, Pairs},
    report::{Report, Row},
};

const CLIENT: ClientId = ClientId(1);
const WORKFLOWS: i64 = 200;
/// What a client, a year and its workflows come to beside the buckets.
const HEAD_ROWS: usize = 1 + WORKFLOWS as usize;

pub(super) fn run(report: &mut Report, runtime: &Runtime, database: &Database) -> Fallible<()> {
    let hourly = report.effort.pick(60, 365);
    let ((year, year_period), (month, month_period)) = (period("365d")?, period("30d")?);
    let before = month_period.previous.ok_or("thirty days have others before them")?;
    let quarters = Range { from: Width::Day.floor(before.from), to: Width::Day.ceil(before.from) };
    let shape =
        Shape { workflows: WORKFLOWS, days: 365, hourly, quarters: Some(quarters), hours: 24, most_runs: 4 };
    let counted = [year_period.current, month_period.current, before, last(hourly)];
    let mut seeder = Seeder::new(database, shape, &counted);
    runtime.block_on(seeder.fill_to(1))?;
    let [in_year, in_month, in_month_before, in_hours] = seeder.counted.as_slice() else {
        return Err("four spans are counted".into());
    };
    report.note(format!(
        "query on {}: one client, {WORKFLOWS} workflows, {} executions in a year; rows of rollups by minutes of width: {:?}",
        database.name(),
        in_year.count.total(),
        seeder.filled.rows,
    ));

    let at = (runtime, database);
    let reading = Reading::of(Some(CLIENT), ranges(year_period));
    let answer = answer(at, &year)?;
    host::check("year-report", summary(&answer)?, &in_year.count)?;
    check_workflows(&answer)?;
    let pairs = measure(report.effort, at, &reading, &year)?;
    let name = database.pick("year-report", "year-report-sqlite");
    hand_in(
        report,
        (name, "200 workflows over 365 days, read from buckets of days"),
        rows(at, &reading)?,
        &pairs,
    );

    let reading = Reading::of(Some(CLIENT), ranges(month_period));
    let answer = self::answer(at, &month)?;
    host::check("month-report", summary(&answer)?, &in_month.count)?;
    check_trend(&answer, in_month.count.total(), in_month_before.count.total())?;
    let pairs = measure(report.effort, at, &reading, &month)?;
    let name = database.pick("month-report", "month-report-sqlite");
    let what =
        "200 workflows over 30 days and the 30 before, whose first one is read by quarter hours and hours";
    hand_in(report, (name, what), rows(at, &reading)?, &pairs);

    hours(report, at, (hourly, in_hours.count.total()))
}

fn last(days: i64) -> Range {
    Range { from: days_ago(days), to: END }
}

/// The row `year-hours`: a series that cannot be read from days.
fn hours(report: &mut Report, at: (&Runtime, &Database), (days, executions): (i64, i64)) -> Fallible<()> {
    let (from, to) = (last(days).from.to_string(), END.to_string());
    let period = PeriodQuery::parse(None, (Some(&from), Some(&to)), None, None);
    let query = SeriesQuery::parse(Some("hour"), period).map_err(|faults| format!("{faults:?}"))?;
    let starts = query.at(NOW).borders(None).map_err(|_| "too many points")?;
    let spans = flowmastery_core::model::series::buckets(&starts).into_iter();
    let ranges = spans.flat_map(|(width, ranges)| {
        ranges.into_iter().map(move |range| flowmastery_core::model::rollup::Span { width, range })
    });
    let reading = Reading { client: Some(CLIENT), spans: ranges.collect() };
    let host = at.0.block_on(cold(at.1))?;
    let series = at.0.block_on(host.metrics().client_series(ADMIN, CLIENT, &query))?.series;
    let total: i64 = series.points.iter().filter_map(|point| point.total).sum();
    if total != executions || series.points.len() as i64 != days * 24 {
        return Err(format!("year-hours: {total} executions, and not {executions}").into());
    }
    let budget = Duration::from_secs(report.effort.pick(2, 20));
    let pairs = host::pairs(at, budget, &reading, |host| {
        let query = query.clone();
        async move {
            std::hint::black_box(host.metrics().series_document(ADMIN, CLIENT, &query).await?);
            Ok(())
        }
    })?;
    let name = at.1.pick("year-hours", "year-hours-sqlite");
    let what = format!("a series of {days} days by the hour, read from buckets of hours");
    hand_in(report, (name, &what), rows(at, &reading)?, &pairs);
    Ok(())
}

fn answer((runtime, database): (&Runtime, &Database), query: &PeriodQuery) -> Fallible<Value> {
    let host = runtime.block_on(cold(database))?;
    Ok(serde_json::to_value(runtime.block_on(host.metrics().workflows(ADMIN, CLIENT, query))?)?)
}

fn measure(
    effort: Effort,
    at: (&Runtime, &Database),
    reading: &Reading,
    query: &PeriodQuery,
) -> Fallible<Pairs> {
    host::pairs(at, Duration::from_secs(effort.pick(3, 20)), reading, |host| {
        let query = query.clone();
        async move {
            let document = host.metrics().document(ADMIN, CLIENT, ClientView::Workflows, &query).await?;
            std::hint::black_box(document);
            Ok(())
        }
    })
}

/// How many rows of rollups the bare statements read.
fn rows((runtime, database): (&Runtime, &Database), reading: &Reading) -> Fallible<usize> {
    let rows = runtime.block_on(reading.run(&database.bare))?;
    rows.checked_sub(HEAD_ROWS).ok_or_else(|| "client and workflows are not read".into())
}

fn hand_in(report: &mut Report, (name, what): (&'static str, &str), rows: usize, pairs: &Pairs) {
    report.note(format!(
        "{name}: {what}: {rows} rows; a host that has just started; one request at a time, serialised; {} pairs after one of warm-up; quartiles {:.2} to {:.2}",
        pairs.rounds,
        1.0 / pairs.quartiles.1,
        1.0 / pairs.quartiles.0,
    ));
    report.row(Row::millis(name, pairs, 1.5));
}

fn summary(answer: &Value) -> Fallible<&Value> {
    answer.get("summary").ok_or_else(|| "a report has a summary".into())
}

fn check_workflows(answer: &Value) -> Fallible<()> {
    let workflows = answer.get("workflows").and_then(Value::as_array).ok_or("a report lists workflows")?;
    let total = |of: &Value| of.get("total_executions").and_then(Value::as_i64);
    let sum: i64 = workflows.iter().filter_map(total).sum();
    if workflows.len() as i64 != WORKFLOWS || Some(sum) != total(summary(answer)?) {
        return Err("the workflows are not what the summary sums".into());
    }
    Ok(())
}

fn check_trend(answer: &Value, now: i64, before: i64) -> Fallible<()> {
    let known = ((now - before) as f64 / before as f64 * 10_000.0).round() / 100.0;
    let found = answer.pointer("/summary/trends/execution_trend").and_then(Value::as_f64);
    if found.is_none_or(|found| (found - known).abs() > 0.005) {
        return Err(format!("the trend is {found:?} and not {known}").into());
    }
    Ok(())
}

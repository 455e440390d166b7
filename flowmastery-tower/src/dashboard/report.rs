//! The report of a month for a client, to be printed: black on white, and told apart without colours.

use askama::Template;
use flowmastery_core::{
    error::Result,
    model::{
        freshness::Gap,
        report::{ClientMetrics, WorkflowMetrics, WorkflowsReport},
        series::ClientSeries,
    },
};
use jiff::tz::TimeZone;

use super::{Chrome, chart, client, words};

/// The most workflows of a list: the rest is on the page of the client.
const WORKFLOWS: usize = 25;
/// The most workflows that failed.
const FAILURES: usize = 10;

/// A row of the totals.
struct Total {
    name: &'static str,
    now: String,
    before: String,
    change: String,
}

/// A workflow that saved time.
struct Saver {
    name: String,
    saved: String,
    total: String,
    rate: String,
    p50: String,
}

/// A workflow that failed.
struct Failing {
    name: String,
    failed: String,
    total: String,
    rate: String,
}

/// What a report is made of.
pub(crate) struct Content<'c> {
    pub(crate) report: &'c WorkflowsReport,
    /// The month before.
    pub(crate) before: &'c ClientMetrics,
    pub(crate) series: &'c ClientSeries,
    pub(crate) month: Month,
}

/// Which month it is.
#[derive(Clone, Debug)]
pub(crate) struct Month {
    /// As a field of a form has it: `2026-10`.
    pub(crate) value: String,
    /// As people say it.
    pub(crate) name: String,
    pub(crate) name_before: String,
    pub(crate) before: String,
    /// `None` while this one is not over.
    pub(crate) after: Option<String>,
    pub(crate) tz: String,
}

/// The report.
#[derive(Template)]
#[template(path = "report.html")]
pub(crate) struct ReportPage {
    chrome: Chrome,
    here: String,
    client: String,
    name: String,
    month: Month,
    totals: Vec<Total>,
    chart: Option<String>,
    savers: Vec<Saver>,
    /// How many workflows are not in the list.
    more_savers: usize,
    failing: Vec<Failing>,
    more_failing: usize,
    failures: String,
    remarks: Vec<String>,
}

impl ReportPage {
    /// The report of what was read for it.
    ///
    /// # Errors
    /// When its chart cannot be drawn.
    pub(crate) fn new(chrome: Chrome, content: &Content<'_>) -> Result<Self> {
        let Content { report, before, series, month } = content;
        let tz = TimeZone::get(&month.tz).unwrap_or(TimeZone::UTC);
        let client = format!("{}/clients/{}", chrome.base, report.client_id);
        let (savers, more_savers) = savers(&report.workflows);
        let (failing, more_failing) = failing(&report.workflows);
        Ok(Self {
            here: format!("{client}/report"),
            client,
            name: report.client_name.clone(),
            totals: totals(&report.summary, before),
            chart: chart::executions(&series.series, &chart::GREYS)?,
            savers,
            more_savers,
            failures: failures(&report.summary, failing.len() + more_failing),
            failing,
            more_failing,
            remarks: remarks(&report.summary, month.after.is_some(), &tz),
            month: month.clone(),
            chrome,
        })
    }
}

fn totals(now: &ClientMetrics, before: &ClientMetrics) -> Vec<Total> {
    let count = |count: Option<i64>| count.map(|count| count as f64);
    let row = |name, pair: [Option<f64>; 2], said: [String; 2], unit: &str| {
        let [now, before] = pair;
        let change = now.zip(before).and_then(|(now, before)| match unit {
            "points" => Some(now - before),
            _ => (before > 0.0).then(|| (now - before) / before * 100.0),
        });
        let change = words::change(change, unit).unwrap_or_else(|| words::count(None));
        let [now, before] = said;
        Total { name, now, before, change }
    };
    let counted = |name, of: fn(&ClientMetrics) -> Option<i64>| {
        let both = [of(now), of(before)];
        row(name, both.map(count), both.map(words::count), "%")
    };
    let measured = |name, of: fn(&ClientMetrics) -> Option<f64>, say: fn(Option<f64>) -> String, unit| {
        let both = [of(now), of(before)];
        row(name, both, both.map(say), unit)
    };
    vec![
        counted("Executions", |metrics| metrics.executions.total_executions),
        counted("Successful", |metrics| metrics.executions.successful_executions),
        counted("Failed", |metrics| metrics.executions.failed_executions),
        measured("Success rate", |metrics| metrics.executions.success_rate, words::percent, "points"),
        measured("Median duration", |metrics| metrics.executions.p50_execution_time, words::duration, "%"),
        measured("95th percentile", |metrics| metrics.executions.p95_execution_time, words::duration, "%"),
        measured("Time saved", |metrics| metrics.time_saved_hours, words::hours, "%"),
    ]
}

/// Those that saved most first, then those that ran most often, as far as they ran.
fn savers(workflows: &[WorkflowMetrics]) -> (Vec<Saver>, usize) {
    let ran = |workflow: &&WorkflowMetrics| workflow.executions.total_executions.unwrap_or(0) > 0;
    let mut ran: Vec<_> = workflows.iter().filter(ran).collect();
    ran.sort_by(|a, b| {
        let saved = |workflow: &WorkflowMetrics| workflow.time_saved_hours.unwrap_or(0.0);
        let by_count = b.executions.total_executions.cmp(&a.executions.total_executions);
        saved(b).total_cmp(&saved(a)).then(by_count)
    });
    let row = |workflow: &&WorkflowMetrics| Saver {
        name: words::name(&workflow.workflow_name),
        saved: words::hours(workflow.time_saved_hours),
        total: words::count(workflow.executions.total_executions),
        rate: words::percent(workflow.executions.success_rate),
        p50: words::duration(workflow.executions.p50_execution_time),
    };
    (ran.iter().take(WORKFLOWS).map(row).collect(), ran.len().saturating_sub(WORKFLOWS))
}

fn failing(workflows: &[WorkflowMetrics]) -> (Vec<Failing>, usize) {
    let count = |workflow: &WorkflowMetrics| workflow.executions.failed_executions.unwrap_or(0);
    let mut failed: Vec<_> = workflows.iter().filter(|workflow| count(workflow) > 0).collect();
    failed.sort_by_key(|workflow| std::cmp::Reverse(count(workflow)));
    let row = |workflow: &&WorkflowMetrics| Failing {
        name: words::name(&workflow.workflow_name),
        failed: words::count(workflow.executions.failed_executions),
        total: words::count(workflow.executions.total_executions),
        rate: words::percent(workflow.executions.success_rate),
    };
    (failed.iter().take(FAILURES).map(row).collect(), failed.len().saturating_sub(FAILURES))
}

fn failures(summary: &ClientMetrics, workflows: usize) -> String {
    match summary.executions.failed_executions {
        None => "It is not known yet what failed.".to_owned(),
        Some(0) => "Nothing failed in this month.".to_owned(),
        Some(1) => "One execution failed in this month.".to_owned(),
        Some(failed) => {
            let of =
                if workflows == 1 { "one workflow".to_owned() } else { format!("{workflows} workflows") };
            format!("{} executions of {of} failed in this month.", words::count(Some(failed)))
        }
    }
}

/// How fresh the numbers are, and what is missing of this month.
fn remarks(summary: &ClientMetrics, is_over: bool, tz: &TimeZone) -> Vec<String> {
    let mut freshness = summary.freshness.clone();
    let (from, to) = (summary.period.from, summary.period.to);
    let touches = |gap: &Gap| from.is_none_or(|from| gap.to > from) && gap.from < to;
    freshness.gaps.retain(touches);
    let has_gaps = !freshness.gaps.is_empty();
    let mut remarks = client::freshness(&freshness, tz);
    if !is_over {
        remarks.push("The month is not over yet.".to_owned());
    }
    if !has_gaps && summary.executions.total_executions.is_some() {
        remarks.push("No gap is known in the numbers of this month.".to_owned());
    }
    remarks
}

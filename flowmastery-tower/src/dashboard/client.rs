//! The page of one client: its numbers with their change, its chart, its workflows and its recent failures.

use askama::Template;
use flowmastery_core::{
    error::Result,
    model::{
        freshness::{Freshness, FreshnessStatus},
        instance::InstanceUrl,
        listing::ListedExecution,
        report::{ClientMetrics, WorkflowMetrics, WorkflowsReport},
        series::{ClientSeries, Point},
    },
};
use jiff::tz::TimeZone;

use super::{
    Chrome,
    asked::{Asked, PERIODS, Part, Sort},
    chart, words,
};

/// The most workflows of a page.
const WORKFLOWS: usize = 200;
/// The most points of the chart that stand in a table below it, too.
const POINTS: usize = 400;

/// A number on top of the page.
struct Figure {
    name: &'static str,
    value: String,
    /// Its change, and whether that is good, bad or neither.
    change: Option<(String, &'static str)>,
}

/// A row of the table of workflows.
struct WorkflowRow {
    name: String,
    /// Its page in n8n.
    link: Option<String>,
    status: &'static str,
    total: String,
    failed: String,
    has_failed: bool,
    rate: String,
    p50: String,
    p95: String,
    saved: String,
    last: String,
}

/// A row of the list of failures.
struct FailureRow {
    at: String,
    workflow: String,
    id: String,
    status: &'static str,
    link: Option<String>,
}

/// A row of the chart's table.
struct PointRow {
    at: String,
    numbers: [String; 5],
}

/// What a page of a client is made of.
pub(crate) struct Content<'c> {
    pub(crate) report: &'c WorkflowsReport,
    pub(crate) series: &'c ClientSeries,
    pub(crate) failures: &'c [ListedExecution],
    /// Its n8n, for links to workflows.
    pub(crate) n8n: Option<InstanceUrl>,
    pub(crate) asked: Asked,
}

/// The page of one client.
#[derive(Template)]
#[template(path = "client.html")]
pub(crate) struct ClientPage {
    chrome: Chrome,
    /// Where the page is, without its query.
    here: String,
    /// What is watched for changes.
    watch: String,
    client_id: i64,
    name: String,
    asked: Asked,
    state: &'static str,
    tone: &'static str,
    freshness: Vec<String>,
    figures: Vec<Figure>,
    chart: Option<String>,
    points: Vec<PointRow>,
    workflows: Vec<WorkflowRow>,
    /// How many of them have the name that is looked for, and how many have others.
    found: usize,
    hidden: usize,
    part: Part,
    failures: Vec<FailureRow>,
    borders: String,
}

impl ClientPage {
    /// The page of what was read for it.
    ///
    /// # Errors
    /// When its chart cannot be drawn.
    pub(crate) fn new(chrome: Chrome, here: String, content: &Content<'_>) -> Result<Self> {
        let Content { report, series, failures, n8n, asked } = content;
        let tz = TimeZone::get(&asked.tz).unwrap_or(TimeZone::UTC);
        let summary = &report.summary;
        let found = found(report, asked);
        let (part, shown) = Part::of(&found, asked.page, WORKFLOWS);
        let id = report.client_id;
        Ok(Self {
            watch: format!("{}/clients/{id}/live", chrome.base),
            client_id: id.0,
            here,
            name: report.client_name.clone(),
            state: words::state(summary.freshness.status),
            tone: words::tone(summary.freshness.status),
            freshness: freshness(&summary.freshness, &tz),
            figures: figures(summary),
            chart: chart::executions(&series.series, &chart::COLOURS)?,
            points: points(series, &tz),
            workflows: shown.iter().map(|workflow| workflow_row(workflow, n8n.as_ref(), &tz)).collect(),
            found: found.len(),
            hidden: report.workflows.len() - found.len(),
            part,
            failures: failures.iter().map(|failure| failure_row(failure, &tz)).collect(),
            borders: words::borders(&summary.period, &tz),
            asked: asked.clone(),
            chrome,
        })
    }

    fn periods(&self) -> [(&'static str, &'static str); 7] {
        PERIODS
    }

    /// What the search is for.
    fn rows(&self) -> &'static str {
        "Workflows"
    }

    fn states(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn sheets(&self) -> [(&'static str, &'static str); 3] {
        [("workflows", "workflows"), ("series", "chart"), ("executions", "executions")]
    }

    fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        const COLUMNS: [(Sort, &str); 5] = [
            (Sort::Name, "Workflow"),
            (Sort::Executions, "Executions"),
            (Sort::Failures, "Failed"),
            (Sort::Slowest, "p95"),
            (Sort::Saved, "Saved"),
        ];
        let sorted = self.asked.sort;
        COLUMNS.into_iter().map(move |(sort, name)| (sort.word(), name, sort == sorted))
    }
}

fn figures(summary: &ClientMetrics) -> Vec<Figure> {
    let (numbers, trends) = (&summary.executions, &summary.trends);
    let tone = |by: f64| if by < 0.0 { "bad" } else { "good" };
    let plain = |name, value| Figure { name, value, change: None };
    vec![
        Figure {
            name: "Executions",
            value: words::count(numbers.total_executions),
            change: words::change(trends.execution_trend, "%").map(|text| (text, "calm")),
        },
        Figure {
            name: "Success rate",
            value: words::percent(numbers.success_rate),
            change: trends
                .success_rate_trend
                .map(|by| (words::change(Some(by), "points").unwrap_or_default(), tone(by))),
        },
        plain("Failed", words::count(numbers.failed_executions)),
        Figure {
            name: "Mean duration",
            value: words::duration(numbers.avg_execution_time),
            change: trends.performance_trend.map(|by| {
                let word = if by < 0.0 { "slower" } else { "faster" };
                (format!("{:.1} % {word}", by.abs()), tone(by))
            }),
        },
        plain("Median duration", words::duration(numbers.p50_execution_time)),
        plain("95th percentile", words::duration(numbers.p95_execution_time)),
        plain("Time saved", words::hours(summary.time_saved_hours)),
        plain("Active workflows", words::count(summary.active_workflows)),
    ]
}

/// What is said of freshness, and what is missing.
pub(crate) fn freshness(freshness: &Freshness, tz: &TimeZone) -> Vec<String> {
    let mut sentences = vec![freshness.message.clone()];
    if freshness.status != FreshnessStatus::NotConfigured {
        sentences.push(match freshness.last_success_at {
            Some(at) => format!("Last collected {}.", words::instant(Some(at), tz)),
            None => "Never collected.".to_owned(),
        });
    }
    sentences.extend(freshness.gaps.iter().map(|gap| {
        format!(
            "Numbers are missing from {} to {}: n8n had removed these executions before they could be collected.",
            words::instant(Some(gap.from), tz),
            words::instant(Some(gap.to), tz)
        )
    }));
    sentences
}

/// The newest first; nothing where there are too many to be read.
fn points(series: &ClientSeries, tz: &TimeZone) -> Vec<PointRow> {
    let points = &series.series.points;
    if points.len() > POINTS {
        return Vec::new();
    }
    let row = |point: &Point| PointRow {
        at: chart::start_of(point, series.series.interval, tz),
        numbers: [point.total, point.successful, point.failed, point.canceled, point.unfinished]
            .map(words::count),
    };
    points.iter().rev().map(row).collect()
}

/// The workflows that are looked for, in the order that was asked for.
fn found<'r>(report: &'r WorkflowsReport, asked: &Asked) -> Vec<&'r WorkflowMetrics> {
    let mut found: Vec<_> =
        report.workflows.iter().filter(|workflow| asked.finds(&workflow.workflow_name)).collect();
    asked.sort.apply(&mut found);
    found
}

fn workflow_row(workflow: &WorkflowMetrics, n8n: Option<&InstanceUrl>, tz: &TimeZone) -> WorkflowRow {
    let numbers = &workflow.executions;
    WorkflowRow {
        name: words::name(&workflow.workflow_name),
        link: n8n.map(|n8n| n8n.workflow_page(&workflow.workflow_id)),
        status: workflow.status.as_str(),
        total: words::count(numbers.total_executions),
        failed: words::count(numbers.failed_executions),
        has_failed: numbers.failed_executions.unwrap_or(0) > 0,
        rate: words::percent(numbers.success_rate),
        p50: words::duration(numbers.p50_execution_time),
        p95: words::duration(numbers.p95_execution_time),
        saved: words::hours(workflow.time_saved_hours),
        last: words::instant(workflow.last_execution, tz),
    }
}

fn failure_row(failure: &ListedExecution, tz: &TimeZone) -> FailureRow {
    FailureRow {
        at: words::instant(failure.started_at, tz),
        workflow: words::name(&failure.workflow_name),
        id: failure.id.to_string(),
        status: failure.status.as_str(),
        link: failure.url.clone(),
    }
}

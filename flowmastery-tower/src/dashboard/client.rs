//! The page of one client: its numbers with their change, its chart, its workflows and its recent failures.

use askama::Template;
use flowmastery_core::{
    clock::Timestamp,
    error::Result,
    model::{
        freshness::{Freshness, FreshnessStatus},
        instance::InstanceUrl,
        listing::ListedExecution,
        report::{ClientMetrics, WorkflowMetrics, WorkflowsReport},
        series::ClientSeries,
    },
};
use jiff::tz::TimeZone;

use super::{Chrome, chart, words};

/// The periods that can be chosen, with what they are called.
pub(crate) const PERIODS: [(&str, &str); 6] = [
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "365 days"),
    ("all", "All time"),
];

/// What somebody asked for, as it stands in the page's form and links.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) period: String,
    pub(crate) tz: String,
    /// Only workflows whose names hold this.
    pub(crate) search: String,
    pub(crate) sort: Sort,
}

/// By what workflows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// By their names.
    Name,
    /// Those that ran most often first.
    #[default]
    Executions,
    /// Those that failed most often first.
    Failures,
    /// The slowest first, by their 95th percentile.
    Slowest,
    /// Those that saved most first.
    Saved,
}

impl Sort {
    /// Each with the word for it in a query, and what its column is called.
    pub(crate) const ALL: [(Self, &str, &str); 5] = [
        (Self::Name, "name", "Workflow"),
        (Self::Executions, "executions", "Executions"),
        (Self::Failures, "failures", "Failed"),
        (Self::Slowest, "slowest", "p95"),
        (Self::Saved, "saved", "Saved"),
    ];

    /// The one of a word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known, _)| *known == word).map(|(sort, _, _)| sort)
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(sort, _, _)| *sort == self).map_or("", |(_, word, _)| word)
    }

    fn apply(self, workflows: &mut [&WorkflowMetrics]) {
        let most = |number: Option<f64>| -number.unwrap_or(f64::MIN);
        let count = |number: Option<i64>| number.map(|number| number as f64);
        workflows.sort_by(|a, b| {
            let key = |workflow: &WorkflowMetrics| match self {
                Self::Name => 0.0,
                Self::Executions => most(count(workflow.executions.total_executions)),
                Self::Failures => most(count(workflow.executions.failed_executions)),
                Self::Slowest => most(workflow.executions.p95_execution_time),
                Self::Saved => most(workflow.time_saved_hours),
            };
            let names = || a.workflow_name.to_lowercase().cmp(&b.workflow_name.to_lowercase());
            key(a).total_cmp(&key(b)).then_with(names)
        });
    }
}

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
    failed_tone: &'static str,
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
    pub(crate) now: Timestamp,
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
    hidden: usize,
    failures: Vec<FailureRow>,
    borders: String,
}

impl ClientPage {
    /// The page of what was read for it.
    ///
    /// # Errors
    /// When its chart cannot be drawn.
    pub(crate) fn new(chrome: Chrome, here: String, content: &Content<'_>) -> Result<Self> {
        let Content { report, series, failures, n8n, asked, now } = content;
        let tz = TimeZone::get(&asked.tz).unwrap_or(TimeZone::UTC);
        let summary = &report.summary;
        let (workflows, hidden) = workflows(report, asked, n8n.as_ref(), &tz);
        let id = report.client_id;
        Ok(Self {
            watch: format!("{}/clients/{id}/live", chrome.base),
            client_id: id.0,
            here,
            name: report.client_name.clone(),
            state: words::state(summary.freshness.status),
            tone: words::tone(summary.freshness.status),
            freshness: freshness(&summary.freshness, *now, &tz),
            figures: figures(summary),
            chart: chart::executions(&series.series)?,
            points: series
                .series
                .points
                .iter()
                .rev()
                .map(|point| PointRow {
                    at: words::instant(Some(point.start), &tz),
                    numbers: [point.total, point.successful, point.failed, point.canceled, point.unfinished]
                        .map(words::count),
                })
                .collect(),
            workflows,
            hidden,
            failures: failures.iter().map(|failure| failure_row(failure, &tz)).collect(),
            borders: format!(
                "{} – {}, {}",
                summary.period.from.map_or_else(
                    || "Since the first execution".to_owned(),
                    |from| words::instant(Some(from), &tz)
                ),
                words::instant(Some(summary.period.to), &tz),
                asked.tz,
            ),
            asked: asked.clone(),
            chrome,
        })
    }

    fn periods(&self) -> [(&'static str, &'static str); 6] {
        PERIODS
    }

    fn sheets(&self) -> [(&'static str, &'static str); 3] {
        [("workflows", "workflows"), ("series", "chart"), ("executions", "executions")]
    }

    fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        let sorted = self.asked.sort;
        Sort::ALL.into_iter().map(move |(sort, word, name)| (word, name, sort == sorted))
    }
}

fn figures(summary: &ClientMetrics) -> Vec<Figure> {
    let numbers = &summary.executions;
    let neutral = |by: Option<f64>| words::change(by, "%").map(|text| (text, "calm"));
    let judged = |by: Option<f64>, unit| {
        words::change(by, unit).map(|text| (text, if by.unwrap_or(0.0) < 0.0 { "bad" } else { "good" }))
    };
    let plain = |name, value| Figure { name, value, change: None };
    vec![
        Figure {
            name: "Executions",
            value: words::count(numbers.total_executions),
            change: neutral(summary.trends.execution_trend),
        },
        Figure {
            name: "Success rate",
            value: words::percent(numbers.success_rate),
            change: judged(summary.trends.success_rate_trend, "points"),
        },
        plain("Failed", words::count(numbers.failed_executions)),
        Figure {
            name: "Mean duration",
            value: words::duration(numbers.avg_execution_time),
            change: judged(summary.trends.performance_trend, "% faster").map(|(text, tone)| {
                match text.strip_prefix('−') {
                    Some(slower) => (slower.replace("faster", "slower"), tone),
                    None => (text, tone),
                }
            }),
        },
        plain("Median duration", words::duration(numbers.p50_execution_time)),
        plain("95th percentile", words::duration(numbers.p95_execution_time)),
        plain("Time saved", words::hours(summary.time_saved_hours)),
        plain("Active workflows", words::count(summary.active_workflows)),
    ]
}

fn freshness(freshness: &Freshness, now: Timestamp, tz: &TimeZone) -> Vec<String> {
    let mut sentences = vec![freshness.message.clone()];
    if freshness.status != FreshnessStatus::NotConfigured {
        sentences.push(format!("Last collected {}.", words::ago(freshness.last_success_at, now)));
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

fn workflows(
    report: &WorkflowsReport,
    asked: &Asked,
    n8n: Option<&InstanceUrl>,
    tz: &TimeZone,
) -> (Vec<WorkflowRow>, usize) {
    let wanted = asked.search.trim().to_lowercase();
    let mut shown: Vec<_> = report
        .workflows
        .iter()
        .filter(|workflow| wanted.is_empty() || workflow.workflow_name.to_lowercase().contains(&wanted))
        .collect();
    asked.sort.apply(&mut shown);
    let hidden = report.workflows.len() - shown.len();
    let row = |workflow: &&WorkflowMetrics| {
        let numbers = &workflow.executions;
        WorkflowRow {
            name: workflow.workflow_name.clone(),
            link: n8n.map(|n8n| n8n.workflow_page(&workflow.workflow_id)),
            status: workflow.status.as_str(),
            total: words::count(numbers.total_executions),
            failed: words::count(numbers.failed_executions),
            failed_tone: if numbers.failed_executions.unwrap_or(0) > 0 { "bad" } else { "" },
            rate: words::percent(numbers.success_rate),
            p50: words::duration(numbers.p50_execution_time),
            p95: words::duration(numbers.p95_execution_time),
            saved: words::hours(workflow.time_saved_hours),
            last: words::instant(workflow.last_execution, tz),
        }
    };
    (shown.iter().map(row).collect(), hidden)
}

fn failure_row(failure: &ListedExecution, tz: &TimeZone) -> FailureRow {
    FailureRow {
        at: words::instant(failure.started_at, tz),
        workflow: failure.workflow_name.clone(),
        id: failure.id.to_string(),
        status: failure.status.as_str(),
        link: failure.url.clone(),
    }
}

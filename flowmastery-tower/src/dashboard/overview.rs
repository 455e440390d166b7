//! The page of all clients, for admins.

use askama::Template;
use flowmastery_core::{
    clock::Timestamp,
    error::Result,
    model::{report::AllMetrics, series::Series},
};

use super::{
    Chrome,
    asked::{Asked, PERIODS},
    chart, words,
};

/// A client's row.
struct Row {
    id: i64,
    name: String,
    state: &'static str,
    tone: &'static str,
    total: String,
    failed: String,
    rate: String,
    saved: String,
    last: String,
}

/// The page of all clients.
#[derive(Template)]
#[template(path = "overview.html")]
pub(crate) struct OverviewPage {
    chrome: Chrome,
    here: String,
    watch: String,
    asked: Asked,
    clients: Vec<Row>,
    without: i64,
    total: String,
    rate: String,
    saved: String,
    change: Option<String>,
    chart: Option<String>,
}

impl OverviewPage {
    /// The page of what was read for it.
    ///
    /// # Errors
    /// When its chart cannot be drawn.
    pub(crate) fn new(
        chrome: Chrome,
        (here, asked): (String, Asked),
        (all, series): (&AllMetrics, &Series),
        now: Timestamp,
    ) -> Result<Self> {
        let rows = all.clients.iter().map(|client| Row {
            id: client.client_id.0,
            name: client.client_name.clone(),
            state: words::state(client.freshness.status),
            tone: words::tone(client.freshness.status),
            total: words::count(client.executions.total_executions),
            failed: words::count(client.executions.failed_executions),
            rate: words::percent(client.executions.success_rate),
            saved: words::hours(client.time_saved_hours),
            last: words::ago(client.last_activity, now),
        });
        Ok(Self {
            watch: format!("{}/live", chrome.base),
            clients: rows.collect(),
            without: all.clients_without_data,
            total: words::count(all.total_executions),
            rate: words::percent(all.overall_success_rate),
            saved: words::hours(all.total_time_saved_hours),
            change: words::change(all.trends.execution_trend, "%"),
            chart: chart::executions(series, &chart::COLOURS)?,
            chrome,
            here,
            asked,
        })
    }

    fn periods(&self) -> [(&'static str, &'static str); 7] {
        PERIODS
    }
}

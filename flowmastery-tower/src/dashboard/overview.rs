//! The page of all clients, for admins.

use std::collections::HashMap;

use askama::Template;
use flowmastery_core::{
    error::Result,
    id::ClientId,
    model::{
        report::{AllMetrics, ClientMetrics},
        series::Series,
    },
};
use jiff::tz::TimeZone;

use super::{
    Chrome,
    asked::{Asked, PERIODS, Part, STATES, Sort},
    chart, words,
};

/// The most clients of a page.
const CLIENTS: usize = 100;

/// A client's row.
struct Row {
    id: i64,
    name: String,
    state: &'static str,
    tone: &'static str,
    spark: Option<String>,
    total: String,
    failed: String,
    has_failed: bool,
    rate: String,
    saved: String,
    last: String,
}

/// The clients that a page shows.
pub(crate) struct Shown<'m> {
    clients: Vec<&'m ClientMetrics>,
    found: usize,
    part: Part,
}

impl<'m> Shown<'m> {
    /// Those that are looked for, as far as they are on the page that was asked for.
    pub(crate) fn of(all: &'m AllMetrics, asked: &Asked) -> Self {
        let is_state = |client: &ClientMetrics| {
            asked.state.is_empty() || words::tone(client.freshness.status) == asked.state
        };
        let mut found: Vec<_> = all
            .clients
            .iter()
            .filter(|client| is_state(client) && asked.finds(&client.client_name))
            .collect();
        asked.sort.apply(&mut found);
        let (part, clients) = Part::of(&found, asked.page, CLIENTS);
        Self { clients: clients.to_vec(), found: found.len(), part }
    }

    /// Who they are.
    pub(crate) fn ids(&self) -> Vec<ClientId> {
        self.clients.iter().map(|client| client.client_id).collect()
    }
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
    found: usize,
    part: Part,
    count: String,
    without: i64,
    total: String,
    rate: String,
    saved: String,
    change: Option<String>,
    chart: Option<String>,
}

impl OverviewPage {
    /// The page of what was read for it: the numbers, the clients that are shown, and what ran of each of them on the last days.
    ///
    /// # Errors
    /// When its charts cannot be drawn.
    pub(crate) fn new(
        chrome: Chrome,
        asked: &Asked,
        (all, series): (&AllMetrics, &Series),
        (shown, days): (Shown<'_>, &HashMap<ClientId, Vec<i64>>),
    ) -> Result<Self> {
        let tz = TimeZone::get(&asked.tz).unwrap_or(TimeZone::UTC);
        let row = |client: &&ClientMetrics| row(client, days.get(&client.client_id), &tz);
        Ok(Self {
            watch: format!("{}/live", chrome.base),
            here: chrome.base.clone(),
            clients: shown.clients.iter().map(row).collect::<Result<_>>()?,
            found: shown.found,
            part: shown.part,
            count: words::count(Some(all.total_clients)),
            without: all.clients_without_data,
            total: words::count(all.total_executions),
            rate: words::percent(all.overall_success_rate),
            saved: words::hours(all.total_time_saved_hours),
            change: words::change(all.trends.execution_trend, "%"),
            chart: chart::executions(series, &chart::COLOURS)?,
            asked: asked.clone(),
            chrome,
        })
    }

    fn periods(&self) -> [(&'static str, &'static str); 7] {
        PERIODS
    }

    /// What the search is for.
    fn rows(&self) -> &'static str {
        "Clients"
    }

    fn states(&self) -> &'static [(&'static str, &'static str)] {
        &STATES
    }

    /// Word, name and whether it is what clients are sorted by; without a word one cannot.
    fn columns(&self) -> impl Iterator<Item = (&'static str, &'static str, bool)> {
        const COLUMNS: [(Option<Sort>, &str); 8] = [
            (Some(Sort::Name), "Client"),
            (None, "State"),
            (None, "Last 30 days"),
            (Some(Sort::Executions), "Executions"),
            (Some(Sort::Failures), "Failed"),
            (None, "Success"),
            (Some(Sort::Saved), "Saved"),
            (None, "Last run"),
        ];
        let sorted = self.asked.sort;
        let word = |sort: Option<Sort>| sort.map_or("", Sort::word);
        COLUMNS.into_iter().map(move |(sort, name)| (word(sort), name, sort == Some(sorted)))
    }
}

fn row(client: &ClientMetrics, days: Option<&Vec<i64>>, tz: &TimeZone) -> Result<Row> {
    // Before a collection succeeded, nothing is known of these days.
    let days = days.filter(|_| client.executions.total_executions.is_some());
    Ok(Row {
        id: client.client_id.0,
        name: client.client_name.clone(),
        state: words::state(client.freshness.status),
        tone: words::tone(client.freshness.status),
        spark: days.map(|days| chart::line(days)).transpose()?.flatten(),
        total: words::count(client.executions.total_executions),
        failed: words::count(client.executions.failed_executions),
        has_failed: client.executions.failed_executions.unwrap_or(0) > 0,
        rate: words::percent(client.executions.success_rate),
        saved: words::hours(client.time_saved_hours),
        last: words::instant(client.last_activity, tz),
    })
}

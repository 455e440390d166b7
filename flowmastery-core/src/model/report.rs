//! What metrics answers hold: the shapes of the API, made from tallies. Durations in seconds, rates in percent.
//!
//! A number that is not known is null, never 0: before the first collection succeeded, every count is.

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::{
    clock::Timestamp,
    id::ClientId,
    model::{
        freshness::Freshness,
        rollup::Tally,
        workflow::{WorkflowId, WorkflowStatus},
    },
};

/// The borders of an answer's period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PeriodBorders {
    /// First instant; null for `all` when nothing was collected yet.
    pub from: Option<Timestamp>,
    /// The instant after the last.
    pub to: Timestamp,
}

/// Counts and durations of executions that started in the period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExecutionNumbers {
    /// successful + failed + canceled + unfinished.
    pub total_executions: Option<i64>,
    /// `success`.
    pub successful_executions: Option<i64>,
    /// `error` and `crashed`.
    pub failed_executions: Option<i64>,
    /// `canceled`.
    pub canceled_executions: Option<i64>,
    /// `new`, `running`, `waiting`, `unknown`.
    pub unfinished_executions: Option<i64>,
    /// successful / (successful + failed) × 100, two decimals; null when nothing finished.
    pub success_rate: Option<f64>,
    /// Mean of stopped − started over `success` and `error`, in seconds.
    pub avg_execution_time: Option<f64>,
    /// Median in seconds, at most 1 % off.
    pub p50_execution_time: Option<f64>,
    /// 95th percentile in seconds, at most 1 % off.
    pub p95_execution_time: Option<f64>,
    /// 99th percentile in seconds, at most 1 % off.
    pub p99_execution_time: Option<f64>,
}

impl ExecutionNumbers {
    /// The numbers of a tally.
    pub fn of(tally: &Tally) -> Self {
        let quantile = |q| tally.sketch().quantile(q).map(seconds);
        Self {
            total_executions: Some(tally.total()),
            successful_executions: Some(tally.successful()),
            failed_executions: Some(tally.failed()),
            canceled_executions: Some(tally.canceled()),
            unfinished_executions: Some(tally.unfinished()),
            success_rate: tally.success_rate().map(two_decimals),
            avg_execution_time: tally.mean_millis().map(seconds),
            p50_execution_time: quantile(0.50),
            p95_execution_time: quantile(0.95),
            p99_execution_time: quantile(0.99),
        }
    }

    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        total_executions: None,
        successful_executions: None,
        failed_executions: None,
        canceled_executions: None,
        unfinished_executions: None,
        success_rate: None,
        avg_execution_time: None,
        p50_execution_time: None,
        p95_execution_time: None,
        p99_execution_time: None,
    };
}

/// Milliseconds as seconds, to the microsecond.
pub(crate) fn seconds(millis: f64) -> f64 {
    (millis * 1000.0).round() / 1_000_000.0
}

/// A number with two decimals; what rounds to zero has no sign.
pub fn two_decimals(number: f64) -> f64 {
    (number * 100.0).round() / 100.0 + 0.0
}

/// Change against the same elapsed length just before; null where there is no base.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Trends {
    /// Change of the total in percent.
    pub execution_trend: Option<f64>,
    /// Difference of the success rates in points.
    pub success_rate_trend: Option<f64>,
    /// Improvement of the mean execution time in percent; positive is faster.
    pub performance_trend: Option<f64>,
}

impl Trends {
    /// The change from `before` to `now`.
    pub fn between(now: &Tally, before: &Tally) -> Self {
        let percent = |from: f64, to: f64| (from > 0.0).then(|| two_decimals((to - from) / from * 100.0));
        Self {
            execution_trend: percent(before.total() as f64, now.total() as f64),
            success_rate_trend: now
                .success_rate()
                .zip(before.success_rate())
                .map(|(now, before)| two_decimals(now - before)),
            performance_trend: now
                .mean_millis()
                .zip(before.mean_millis())
                .and_then(|(now, before)| percent(before, now).map(|slower| two_decimals(-slower))),
        }
    }
}

/// The metrics of one client.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ClientMetrics {
    /// Whose.
    pub client_id: ClientId,
    /// The client's name.
    pub client_name: String,
    /// The borders that were used.
    pub period: PeriodBorders,
    /// Workflows that are neither archived nor deleted.
    pub total_workflows: Option<i64>,
    /// Of these, the active ones.
    pub active_workflows: Option<i64>,
    /// The executions of the period.
    #[serde(flatten)]
    pub executions: ExecutionNumbers,
    /// Start of the newest execution ever seen.
    pub last_activity: Option<Timestamp>,
    /// Σ over workflows of successful × minutes per execution / 60.
    pub time_saved_hours: Option<f64>,
    /// Change against the span before.
    pub trends: Trends,
    /// When the numbers last changed.
    pub last_updated: Option<Timestamp>,
    /// How fresh they are, and why not fresher.
    pub freshness: Freshness,
}

/// The metrics of one workflow.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct WorkflowMetrics {
    /// n8n's id.
    pub workflow_id: WorkflowId,
    /// Its name when last listed; its id if it never was.
    pub workflow_name: String,
    /// Its state when last listed.
    pub status: WorkflowStatus,
    /// The executions of the period.
    #[serde(flatten)]
    pub executions: ExecutionNumbers,
    /// Start of its newest execution ever seen.
    pub last_execution: Option<Timestamp>,
    /// Minutes of manual work that one successful execution saves.
    pub time_saved_per_execution_minutes: i64,
    /// successful × minutes / 60.
    pub time_saved_hours: Option<f64>,
}

/// The metrics of a client's workflows with the client's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct WorkflowsReport {
    /// Whose.
    pub client_id: ClientId,
    /// The client's name.
    pub client_name: String,
    /// Every workflow that was ever seen, by name.
    pub workflows: Vec<WorkflowMetrics>,
    /// What they sum to.
    pub summary: ClientMetrics,
}

/// The metrics of all clients. Totals sum what is known; rates are computed from the sums.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct AllMetrics {
    /// Each client, by id.
    pub clients: Vec<ClientMetrics>,
    /// How many there are.
    pub total_clients: i64,
    /// How many of them have no numbers yet.
    pub clients_without_data: i64,
    /// Sum of the clients' workflows; null when no client has numbers.
    pub total_workflows: Option<i64>,
    /// Sum of the clients' executions; null when no client has numbers.
    pub total_executions: Option<i64>,
    /// Success rate over the sums.
    pub overall_success_rate: Option<f64>,
    /// Sum of the clients' saved hours.
    pub total_time_saved_hours: Option<f64>,
    /// Change over the sums.
    pub trends: Trends,
    /// When any number last changed.
    pub last_updated: Option<Timestamp>,
}

//! What a history is made of: how many workflows, how busy, how long, how well.

use std::time::Duration;

use flowmastery_core::clock::Timestamp;

use super::after;
use crate::random::Random;

const DAY_MILLIS: f64 = 86_400_000.0;

/// What happens how often. Shares are from 0 to 1.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How many workflows there are.
    pub workflows: usize,
    /// How many executions triggers and webhooks begin in a day, over all workflows; some workflows are far busier than others.
    pub per_day: f64,
    /// Half of the runs take less than about this; the medians of workflows differ.
    pub median_millis: f64,
    /// How much the times of one workflow differ: the standard deviation of their logarithm.
    pub spread: f64,
    /// How many runs fail.
    pub failures: f64,
    /// How many runs somebody cancels.
    pub cancellations: f64,
    /// How many failed runs are retried, minutes later.
    pub retries: f64,
    /// How many runs are started by hand.
    pub manual: f64,
    /// How many failures start a run of mode `error`.
    pub error_runs: f64,
    /// How many runs start one of mode `integrated`.
    pub sub_runs: f64,
    /// How many workflows have a Wait node: for seconds, or for minutes.
    pub sleepers: f64,
    /// How many workflows do not save their successes.
    pub unsaved: f64,
    /// How often n8n is killed and starts again, on average.
    pub crash_every: Option<Duration>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            workflows: 12,
            per_day: 2000.0,
            median_millis: 400.0,
            spread: 1.2,
            failures: 0.06,
            cancellations: 0.004,
            retries: 0.3,
            manual: 0.03,
            error_runs: 0.2,
            sub_runs: 0.03,
            sleepers: 0.15,
            unsaved: 0.1,
            crash_every: Some(Duration::from_secs(10 * 86_400)),
        }
    }
}

/// One workflow of a history.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mode: &'static str,
    pub(super) saves_successes: bool,
    pub(super) sleeps: bool,
    pub(super) failures: f64,
    pub(super) median_millis: f64,
    /// Between two runs, on average.
    interval: f64,
}

impl Flow {
    pub(super) fn all(plan: &Plan, random: &mut Random) -> Vec<Self> {
        let weights: Vec<f64> = (0..plan.workflows).map(|_| random.log_normal(1.0, 1.0)).collect();
        let sum: f64 = weights.iter().sum();
        let flow = |(number, weight): (usize, f64)| Self {
            id: String::new(),
            name: format!("{} {}", NAMES.get(number % NAMES.len()).unwrap_or(&"Workflow"), number + 1),
            mode: if random.happens(0.4) { "trigger" } else { "webhook" },
            saves_successes: !random.happens(plan.unsaved),
            sleeps: random.happens(plan.sleepers),
            failures: (plan.failures * random.log_normal(0.8, 0.7)).min(1.0),
            median_millis: plan.median_millis * random.log_normal(1.0, 0.8),
            interval: DAY_MILLIS / (plan.per_day.max(1e-6) * weight / sum),
        };
        weights.into_iter().enumerate().map(flow).collect()
    }

    /// When it may be triggered next: by the clock, or by whoever calls a webhook.
    pub(super) fn next(&self, now: Timestamp, random: &mut Random) -> Timestamp {
        let wait = match self.mode {
            "trigger" => self.interval + 20.0 * random.unit(),
            // Twice as often as it is: half of the calls come to nothing, by the time of day.
            _ => random.exponential(self.interval / 2.0),
        };
        after(now, wait.max(1.0))
    }

    /// Whether it is triggered, at an instant that [`Flow::next`] named: webhooks are called most in the early afternoon.
    pub(super) fn is_triggered_at(&self, at: Timestamp, random: &mut Random) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a day")]
        let of_day = at.as_millis().rem_euclid(86_400_000) as f64 / DAY_MILLIS;
        let share = 0.5 + 0.4 * (std::f64::consts::TAU * (of_day - 14.0 / 24.0)).cos();
        self.mode == "trigger" || random.happens(share)
    }
}

const NAMES: [&str; 12] = [
    "Orders: ingest",
    "Billing: charge",
    "Leads: enrich",
    "Support: triage",
    "Stock: sync",
    "Reports: daily",
    "Newsletter: send",
    "Contacts: clean up",
    "Invoices: archive",
    "Shipments: track",
    "Payroll: prepare",
    "Feeds: poll",
];

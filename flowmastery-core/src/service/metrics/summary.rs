//! From a snapshot of the store to the shapes of the API.

use crate::{
    clock::Timestamp,
    model::{
        freshness::Freshness,
        period::Period,
        report::{
            AllMetrics, ClientMetrics, ExecutionNumbers, PeriodBorders, Trends, WorkflowMetrics,
            WorkflowsReport, two_decimals,
        },
        rollup::Tally,
        workflow::{WorkflowId, WorkflowRecord, WorkflowStatus},
    },
    store::ClientSnapshot,
};

/// A client's numbers, summed once for whichever shape is asked for.
pub(super) struct Summary<'a> {
    snapshot: &'a ClientSnapshot,
    period: Period,
    freshness: Freshness,
    /// Whether there are numbers: before, every count is null.
    known: bool,
    current: Tally,
    previous: Option<Tally>,
    saved_minutes: i64,
}

impl<'a> Summary<'a> {
    pub(super) fn new(snapshot: &'a ClientSnapshot, period: Period, freshness: Freshness) -> Self {
        let mut sums = snapshot.tallies.iter().map(|workflows| {
            let mut sum = Tally::default();
            workflows.values().for_each(|tally| sum.merge(tally));
            sum
        });
        let current = sums.next().unwrap_or_default();
        let previous = sums.next();
        let saved = |workflow| saved_minutes(workflow, tally_of(snapshot, workflow));
        let saved_minutes = snapshot.workflows.iter().map(saved).sum();
        let known = snapshot.collection.has_numbers();
        Self { snapshot, period, freshness, known, current, previous, saved_minutes }
    }

    /// The client's metrics.
    pub(super) fn client(&self) -> ClientMetrics {
        let Self { snapshot, known, .. } = self;
        ClientMetrics {
            client_id: snapshot.client_id,
            client_name: snapshot.name.as_str().to_owned(),
            period: self.borders(),
            total_workflows: known.then(|| self.workflows_that(present)),
            active_workflows: known.then(|| self.workflows_that(|status| status == WorkflowStatus::Active)),
            executions: if *known { ExecutionNumbers::of(&self.current) } else { ExecutionNumbers::UNKNOWN },
            last_activity: self.last_activity(),
            time_saved_hours: known.then(|| hours(self.saved_minutes)),
            trends: if *known { trends(&self.current, self.previous.as_ref()) } else { Trends::default() },
            last_updated: snapshot.collection.changed_at,
            freshness: self.freshness.clone(),
        }
    }

    /// The metrics of its workflows, by name and then by id, with the client's own.
    pub(super) fn workflows(&self) -> WorkflowsReport {
        let mut workflows: Vec<_> =
            self.snapshot.workflows.iter().map(|record| self.workflow(record)).collect();
        workflows.sort_by(|a, b| (&a.workflow_name, &a.workflow_id).cmp(&(&b.workflow_name, &b.workflow_id)));
        WorkflowsReport {
            client_id: self.snapshot.client_id,
            client_name: self.snapshot.name.as_str().to_owned(),
            workflows,
            summary: self.client(),
        }
    }

    /// The metrics over all clients.
    pub(super) fn all(clients: &[Self]) -> AllMetrics {
        let known = || clients.iter().filter(|client| client.known);
        let (mut current, mut previous) = (Tally::default(), Tally::default());
        for client in known() {
            current.merge(&client.current);
            client.previous.iter().for_each(|tally| previous.merge(tally));
        }
        let any = known().next().is_some();
        let has_previous = known().any(|client| client.previous.is_some());
        let workflows = known().map(|client| client.workflows_that(present)).sum();
        AllMetrics {
            clients: clients.iter().map(Self::client).collect(),
            total_clients: count(clients.len()),
            clients_without_data: count(clients.len() - known().count()),
            total_workflows: any.then_some(workflows),
            total_executions: any.then(|| current.total()),
            overall_success_rate: current.success_rate().map(two_decimals),
            total_time_saved_hours: any.then(|| hours(known().map(|client| client.saved_minutes).sum())),
            trends: trends(&current, has_previous.then_some(&previous)),
            last_updated: clients.iter().filter_map(|client| client.snapshot.collection.changed_at).max(),
        }
    }

    /// The metrics of one workflow; `None` for an unknown one.
    pub(super) fn workflow_with(&self, id: &WorkflowId) -> Option<WorkflowMetrics> {
        self.snapshot.workflows.iter().find(|record| record.id == *id).map(|record| self.workflow(record))
    }

    fn workflow(&self, record: &WorkflowRecord) -> WorkflowMetrics {
        let tally = tally_of(self.snapshot, record);
        let numbers = || tally.map_or_else(|| ExecutionNumbers::of(&Tally::default()), ExecutionNumbers::of);
        WorkflowMetrics {
            workflow_id: record.id.clone(),
            workflow_name: record.name.clone(),
            status: record.status,
            executions: if self.known { numbers() } else { ExecutionNumbers::UNKNOWN },
            last_execution: record.last_execution,
            time_saved_per_execution_minutes: record.time_saved_per_execution_minutes,
            time_saved_hours: self.known.then(|| hours(saved_minutes(record, tally))),
        }
    }

    fn borders(&self) -> PeriodBorders {
        let from =
            if self.period.is_all { self.snapshot.oldest_bucket } else { Some(self.period.current.from) };
        PeriodBorders { from, to: self.period.current.to }
    }

    fn last_activity(&self) -> Option<Timestamp> {
        self.snapshot.workflows.iter().filter_map(|workflow| workflow.last_execution).max()
    }

    fn workflows_that(&self, counts: impl Fn(WorkflowStatus) -> bool) -> i64 {
        count(self.snapshot.workflows.iter().filter(|workflow| counts(workflow.status)).count())
    }
}

fn tally_of<'a>(snapshot: &'a ClientSnapshot, workflow: &WorkflowRecord) -> Option<&'a Tally> {
    snapshot.tallies.first()?.get(&workflow.id)
}

fn saved_minutes(workflow: &WorkflowRecord, tally: Option<&Tally>) -> i64 {
    tally.map_or(0, Tally::successful) * workflow.time_saved_per_execution_minutes
}

fn trends(current: &Tally, previous: Option<&Tally>) -> Trends {
    previous.map(|previous| Trends::between(current, previous)).unwrap_or_default()
}

fn present(status: WorkflowStatus) -> bool {
    matches!(status, WorkflowStatus::Active | WorkflowStatus::Inactive)
}

fn hours(minutes: i64) -> f64 {
    two_decimals(minutes as f64 / 60.0)
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

//! What a fake n8n holds: workflows, executions, the fault that it shows, and a log of what it was asked.

use std::collections::BTreeMap;

use flowmastery_core::clock::Timestamp;
use http::Uri;

use super::{Dialect, Fault};

/// One execution. Statuses and modes are n8n's words, so that a test can invent new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The workflow's id.
    pub workflow_id: String,
    /// `success`, `error`, `running`, …
    pub status: String,
    /// `webhook`, `trigger`, `manual`, …
    pub mode: String,
    /// When it started; `None` while queued.
    pub started_at: Option<Timestamp>,
    /// When it ended, or fell asleep.
    pub stopped_at: Option<Timestamp>,
    /// When it wakes up.
    pub wait_till: Option<Timestamp>,
    /// The execution that it retries.
    pub retry_of: Option<i64>,
    /// The execution that retried it with success.
    pub retry_success_id: Option<i64>,
}

impl Run {
    /// One that ended with `status` after some milliseconds.
    pub fn ended(workflow_id: &str, status: &str, started_at: Timestamp, millis: u32) -> Self {
        let stopped_at = Timestamp::from_millis(started_at.as_millis().saturating_add(millis.into()));
        Self {
            started_at: Some(started_at),
            stopped_at: Some(stopped_at),
            ..Self::queued(workflow_id).with_status(status)
        }
    }

    /// One that runs.
    pub fn running(workflow_id: &str, started_at: Timestamp) -> Self {
        Self { started_at: Some(started_at), ..Self::queued(workflow_id).with_status("running") }
    }

    /// One that fell asleep at once and wakes up at `wait_till`.
    pub fn waiting(workflow_id: &str, started_at: Timestamp, wait_till: Timestamp) -> Self {
        Self { wait_till: Some(wait_till), ..Self::ended(workflow_id, "waiting", started_at, 0) }
    }

    /// One that waits for its turn: status `new`.
    pub fn queued(workflow_id: &str) -> Self {
        Self {
            workflow_id: workflow_id.to_owned(),
            status: "new".to_owned(),
            mode: "webhook".to_owned(),
            started_at: None,
            stopped_at: None,
            wait_till: None,
            retry_of: None,
            retry_success_id: None,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(self, status: &str) -> Self {
        Self { status: status.to_owned(), ..self }
    }

    /// The same in another mode.
    #[must_use]
    pub fn with_mode(self, mode: &str) -> Self {
        Self { mode: mode.to_owned(), ..self }
    }
}

#[derive(Clone, Debug)]
pub(super) struct WorkflowRow {
    pub(super) name: String,
    pub(super) active: bool,
    pub(super) archived: bool,
}

/// What a server holds. Ids start at 1 and are not used again.
#[derive(Debug)]
pub struct State {
    pub(super) dialect: Dialect,
    pub(super) key: String,
    pub(super) workflows: BTreeMap<String, WorkflowRow>,
    pub(super) executions: BTreeMap<i64, Run>,
    /// Executions up to this id are older than the process, which remembers none of them.
    pub(super) forgotten_up_to: i64,
    last_workflow: u64,
    last_execution: i64,
    fault: Fault,
    /// Requests that the fault still meets; `None` is all.
    fault_left: Option<usize>,
    requests: Vec<String>,
    in_flight: usize,
    max_in_flight: usize,
}

impl State {
    pub(super) fn new(dialect: Dialect, key: &str) -> Self {
        Self {
            dialect,
            key: key.to_owned(),
            workflows: BTreeMap::new(),
            executions: BTreeMap::new(),
            forgotten_up_to: 0,
            last_workflow: 0,
            last_execution: 0,
            fault: Fault::None,
            fault_left: None,
            requests: Vec::new(),
            in_flight: 0,
            max_in_flight: 0,
        }
    }

    /// Accepts this key and no other.
    pub fn set_key(&mut self, key: &str) {
        key.clone_into(&mut self.key);
    }

    /// Adds an active workflow and returns its id.
    pub fn add_workflow(&mut self, name: &str) -> String {
        self.last_workflow += 1;
        let id = format!("wf{:014}", self.last_workflow);
        self.workflows
            .insert(id.clone(), WorkflowRow { name: name.to_owned(), active: true, archived: false });
        id
    }

    /// Switches a workflow on or off.
    pub fn set_active(&mut self, workflow: &str, active: bool) {
        self.workflows.entry(workflow.to_owned()).and_modify(|row| row.active = active);
    }

    /// Renames a workflow.
    pub fn rename_workflow(&mut self, workflow: &str, name: &str) {
        self.workflows.entry(workflow.to_owned()).and_modify(|row| name.clone_into(&mut row.name));
    }

    /// Archives a workflow, which switches it off; its executions stay listed.
    pub fn archive_workflow(&mut self, workflow: &str) {
        let archive = |row: &mut WorkflowRow| (row.active, row.archived) = (false, true);
        self.workflows.entry(workflow.to_owned()).and_modify(archive);
    }

    /// Deletes a workflow and with it its executions.
    pub fn delete_workflow(&mut self, workflow: &str) {
        self.workflows.remove(workflow);
        self.executions.retain(|_, run| run.workflow_id != workflow);
    }

    /// Adds an execution and returns its id.
    pub fn add(&mut self, run: Run) -> i64 {
        self.last_execution += 1;
        self.executions.insert(self.last_execution, run);
        self.last_execution
    }

    /// Changes an execution that is there.
    pub fn update(&mut self, id: i64, change: impl FnOnce(&mut Run)) {
        self.executions.entry(id).and_modify(change);
    }

    /// Ends an execution that is there.
    pub fn end(&mut self, id: i64, status: &str, stopped_at: Timestamp) {
        self.update(id, |run| {
            status.clone_into(&mut run.status);
            run.stopped_at = Some(stopped_at);
            run.wait_till = None;
        });
    }

    /// Deletes an execution, by hand or as n8n prunes: it is neither listed nor found by id.
    pub fn delete(&mut self, id: i64) {
        self.executions.remove(&id);
    }

    /// Uses up ids without a row, as workflows that do not save their successes do.
    pub fn skip_ids(&mut self, ids: u32) {
        self.last_execution = self.last_execution.saturating_add(ids.into());
    }

    /// Kills the process and starts it again: what ran is crashed, and n8n 1 lists what waits.
    pub fn restart(&mut self) {
        self.forgotten_up_to = self.last_execution;
        for run in self.executions.values_mut().filter(|run| run.status == "running") {
            run.status = "crashed".to_owned();
            run.stopped_at = run.started_at;
        }
    }

    /// Starts over with an empty database: ids start at 1 again.
    pub fn reset(&mut self) {
        self.workflows.clear();
        self.executions.clear();
        (self.last_workflow, self.last_execution, self.forgotten_up_to) = (0, 0, 0);
    }

    /// Meets every request with this fault, until another is set.
    pub fn set_fault(&mut self, fault: Fault) {
        (self.fault, self.fault_left) = (fault, None);
    }

    /// Meets so many requests with this fault and answers properly afterwards.
    pub fn fail_next(&mut self, fault: Fault, requests: usize) {
        (self.fault, self.fault_left) = (fault, Some(requests));
    }

    /// Path and query of every request so far, oldest first.
    pub fn requests(&self) -> &[String] {
        &self.requests
    }

    /// Forgets the requests so far and how many there were at once.
    pub fn clear_requests(&mut self) {
        self.requests.clear();
        self.max_in_flight = self.in_flight;
    }

    /// The most requests that were in flight at one time. Use [`Fault::Slow`] to make them overlap if they can.
    pub fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    pub(super) fn enter(&mut self) {
        self.in_flight += 1;
        self.max_in_flight = self.max_in_flight.max(self.in_flight);
    }

    pub(super) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    pub(super) fn take_fault(&mut self, asked: &Uri) -> Fault {
        self.requests.push(asked.to_string());
        match &mut self.fault_left {
            Some(0) => Fault::None,
            Some(left) => {
                *left -= 1;
                self.fault
            }
            None => self.fault,
        }
    }
}

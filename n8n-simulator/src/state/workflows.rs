//! Workflows: made, switched on and off, renamed, archived, deleted.

use std::collections::BTreeMap;

use flowmastery_core::clock::Timestamp;

use super::State;
use crate::{random::Random, run::Gone};

/// One workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRow {
    /// Its name.
    pub name: String,
    /// Whether it is switched on.
    pub active: bool,
    /// Whether it is archived; such ones are listed, too.
    pub archived: bool,
    /// Whether successes are kept: `saveDataSuccessExecution` of its settings.
    pub saves_successes: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed; "`updatedAt` does NOT change on a successful activation, […]; archiving bumps it on both
    /// (with .000 ms)".
    pub updated_at: Timestamp,
}

impl State {
    /// The workflows, in the order of lists, which is that of their ids.
    pub fn workflows(&self) -> &BTreeMap<String, WorkflowRow> {
        &self.workflows
    }

    /// Adds an active workflow and returns its id.
    pub fn add_workflow(&mut self, name: &str) -> String {
        self.made_workflows += 1;
        let id = Random::new(self.made_workflows).id16();
        self.add_workflow_as(&id, name);
        id
    }

    /// Adds an active workflow under an id of your own.
    pub fn add_workflow_as(&mut self, id: &str, name: &str) {
        let row = WorkflowRow {
            name: name.to_owned(),
            active: true,
            archived: false,
            saves_successes: true,
            created_at: self.now,
            updated_at: self.now,
        };
        self.workflows.insert(id.to_owned(), row);
    }

    fn with_workflow(&mut self, workflow: &str, change: impl FnOnce(&mut WorkflowRow)) {
        if let Some(row) = self.workflows.get_mut(workflow) {
            change(row);
        }
    }

    /// Switches a workflow on or off.
    pub fn set_active(&mut self, workflow: &str, active: bool) {
        self.with_workflow(workflow, |row| row.active = active);
    }

    /// Says whether successes of a workflow are kept: "Workflows with `saveDataSuccessExecution: none` consume an id and the row is
    /// deleted on success -> permanent id gaps".
    pub fn save_successes(&mut self, workflow: &str, saves: bool) {
        self.with_workflow(workflow, |row| row.saves_successes = saves);
    }

    pub(super) fn saves_successes(&self, workflow: &str) -> bool {
        self.workflows.get(workflow).is_none_or(|row| row.saves_successes)
    }

    /// Renames a workflow.
    pub fn rename_workflow(&mut self, workflow: &str, name: &str) {
        let now = self.now;
        self.with_workflow(workflow, |row| {
            name.clone_into(&mut row.name);
            row.updated_at = now;
        });
    }

    /// Archives a workflow, which switches it off; its executions stay listed.
    pub fn archive_workflow(&mut self, workflow: &str) {
        let now = Timestamp::from_millis(self.now.as_seconds() * 1000);
        self.with_workflow(workflow, |row| (row.active, row.archived, row.updated_at) = (false, true, now));
    }

    /// Takes a workflow out of the archive; it stays switched off.
    pub fn unarchive_workflow(&mut self, workflow: &str) {
        let now = self.now;
        self.with_workflow(workflow, |row| (row.archived, row.updated_at) = (false, now));
    }

    /// "Deleting a workflow deletes its executions from list, filter (200 `[]`) and by id (404)."
    pub fn delete_workflow(&mut self, workflow: &str) {
        self.workflows.remove(workflow);
        let of_it =
            |serial: &usize| self.log.get(*serial).is_some_and(|record| record.run.workflow_id == workflow);
        let ids: Vec<i64> = self.table.rows().filter(|(_, serial)| of_it(serial)).map(|(id, _)| id).collect();
        for id in ids {
            self.take_away(id, Gone::WorkflowDeleted);
        }
    }
}

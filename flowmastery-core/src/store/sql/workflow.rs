//! Workflows in SQL: the names and states that n8n lists, and when each last ran.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::FromRow;

use super::{dialect, ledger::Ledger, pool::fetch_all};
use crate::{
    clock::Timestamp,
    model::{
        rollup::{FastMap, Fold},
        workflow::{Workflow, WorkflowId, WorkflowStatus},
    },
    store::StoreResult,
};

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub(super) struct WorkflowRow {
    pub(super) workflow_id: String,
    pub(super) name: String,
    pub(super) status: String,
    pub(super) last_execution_at: Option<i64>,
}

impl Ledger {
    /// Replaces names and states with n8n's list; whether anything changed.
    pub(super) async fn save_workflows(&mut self, listed: &[Workflow]) -> StoreResult<bool> {
        let mut rows = self.workflows().await?;
        let before = rows.clone();
        for row in rows.values_mut() {
            row.status = WorkflowStatus::Deleted.as_str().to_owned();
        }
        for workflow in listed {
            let row = rows.entry(workflow.id.as_str().to_owned()).or_insert_with_key(|id| unlisted(id));
            // Postgres stores no NUL.
            row.name = workflow.name.replace('\0', "\u{fffd}");
            row.status = WorkflowStatus::from(workflow).as_str().to_owned();
        }
        self.write_changed(&before, rows).await
    }

    /// Makes workflows known that stand only in executions, and raises the time of their last one.
    pub(super) async fn note_executions(
        &mut self,
        last_starts: FastMap<WorkflowId, Option<Timestamp>>,
    ) -> StoreResult<()> {
        let mut rows = self.workflows().await?;
        let before = rows.clone();
        for (id, start) in last_starts {
            let row = rows.entry(id.as_str().to_owned()).or_insert_with_key(|id| unlisted(id));
            row.last_execution_at = row.last_execution_at.max(start.map(Timestamp::as_millis));
        }
        self.write_changed(&before, rows).await?;
        Ok(())
    }

    async fn workflows(&mut self) -> StoreResult<BTreeMap<String, WorkflowRow>> {
        let rows: Vec<WorkflowRow> = fetch_all!(
            self.tx.db(),
            "SELECT workflow_id, name, status, last_execution_at FROM workflows WHERE client_id = $1",
            self.client,
        )?;
        Ok(rows.into_iter().map(|row| (row.workflow_id.clone(), row)).collect())
    }

    async fn write_changed(
        &mut self,
        before: &BTreeMap<String, WorkflowRow>,
        mut after: BTreeMap<String, WorkflowRow>,
    ) -> StoreResult<bool> {
        after.retain(|id, row| before.get(id) != Some(row));
        let changed: Vec<_> = after.into_values().collect();
        if !changed.is_empty() {
            dialect::write_workflows(&mut self.tx, self.client, &changed).await?;
        }
        Ok(!changed.is_empty())
    }
}

/// When each workflow of what a fold changed last started.
pub(super) fn last_starts(fold: &Fold) -> FastMap<WorkflowId, Option<Timestamp>> {
    let mut starts = FastMap::default();
    for execution in fold.changed().map(|recorded| &recorded.execution) {
        match starts.get_mut(&execution.workflow_id) {
            Some(last) => *last = execution.started_at.max(*last),
            None => drop(starts.insert(execution.workflow_id.clone(), execution.started_at)),
        }
    }
    starts
}

/// A workflow that n8n has not listed yet: its id stands for its name.
fn unlisted(id: &str) -> WorkflowRow {
    WorkflowRow {
        workflow_id: id.to_owned(),
        name: id.to_owned(),
        status: WorkflowStatus::Inactive.as_str().to_owned(),
        last_execution_at: None,
    }
}

//! Rows of the table of executions, and what they stand for.

use sqlx::FromRow;

use super::fault::corrupt;
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        execution::{Execution, Status},
        rollup::Recorded,
        workflow::WorkflowId,
    },
    store::StoreResult,
};

/// A row of `executions`.
#[derive(FromRow)]
pub(super) struct ExecutionRow {
    pub(super) epoch: i64,
    pub(super) execution_id: i64,
    pub(super) workflow_id: String,
    pub(super) status: i16,
    pub(super) mode: String,
    pub(super) started_at: Option<i64>,
    pub(super) stopped_at: Option<i64>,
    pub(super) retry_of: Option<i64>,
    pub(super) retry_success_id: Option<i64>,
    pub(super) bucket: i64,
    pub(super) misses: i16,
    pub(super) seen_at: i64,
}

/// A row of `executions` that [`super::dialect`] writes: an execution that was just read, so that nothing of it is missed.
#[derive(Clone, Copy)]
pub(super) struct NewExecution<'a> {
    pub(super) epoch: i64,
    pub(super) recorded: &'a Recorded,
}

impl NewExecution<'_> {
    pub(super) fn id(&self) -> ExecutionId {
        self.recorded.execution.id
    }

    pub(super) fn workflow_id(&self) -> &str {
        self.recorded.execution.workflow_id.as_str()
    }

    pub(super) fn status(&self) -> i16 {
        // There are eight.
        self.recorded.execution.status.index() as i16
    }

    pub(super) fn mode(&self) -> &str {
        &self.recorded.execution.mode
    }

    /// When it started and stopped, what it retries, and what retried it.
    pub(super) fn optional(&self) -> [Option<i64>; 4] {
        let Execution { started_at, stopped_at, retry_of, retry_success_id, .. } = &self.recorded.execution;
        [
            started_at.map(Timestamp::as_millis),
            stopped_at.map(Timestamp::as_millis),
            retry_of.map(|id| id.0),
            retry_success_id.map(|id| id.0),
        ]
    }
}

/// An execution as stored.
pub(super) struct Known {
    pub(super) recorded: Recorded,
    pub(super) misses: i16,
    pub(super) seen_at: Timestamp,
}

impl TryFrom<ExecutionRow> for Known {
    type Error = crate::store::StoreError;

    fn try_from(row: ExecutionRow) -> StoreResult<Self> {
        let status = usize::try_from(row.status).ok().and_then(|index| Status::ALL.get(index).copied());
        let execution = Execution {
            id: ExecutionId(row.execution_id),
            workflow_id: WorkflowId::from(row.workflow_id.as_str()),
            status: status.ok_or_else(|| corrupt("executions", row.execution_id, "status"))?,
            mode: row.mode.into(),
            started_at: row.started_at.map(Timestamp::from_millis),
            stopped_at: row.stopped_at.map(Timestamp::from_millis),
            retry_of: row.retry_of.map(ExecutionId),
            retry_success_id: row.retry_success_id.map(ExecutionId),
        };
        let recorded = Recorded { execution, bucket: Timestamp::from_millis(row.bucket) };
        Ok(Self { recorded, misses: row.misses, seen_at: Timestamp::from_millis(row.seen_at) })
    }
}

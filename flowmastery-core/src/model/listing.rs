//! Lists of single executions: which are asked for, where each stands, and what is shown of one.

use compact_str::CompactString;
use serde::Serialize;

use super::{
    execution::{Class, Execution, Status},
    instance::InstanceUrl,
    report::seconds,
    rollup::Range,
    workflow::WorkflowId,
};
use crate::{clock::Timestamp, id::ExecutionId, page::Position};

/// Which executions a list holds: those that the totals of the same period and classes count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListingQuery {
    /// When they are counted; the ends are quarter hours.
    pub range: Range,
    /// The classes that count.
    pub classes: Vec<Class>,
    /// Only those.
    pub filter: ListingFilter,
}

/// A narrower choice of executions; `None` is no choice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingFilter {
    /// In this state.
    pub status: Option<Status>,
    /// Of this workflow.
    pub workflow_id: Option<WorkflowId>,
}

/// Where an execution stands among all of a client: by the quarter hour in which it is counted, and there by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListingPosition {
    /// Start of the quarter hour.
    pub bucket: Timestamp,
    /// The life of n8n that it is of.
    pub epoch: i64,
    /// Its number in that life.
    pub id: ExecutionId,
}

impl ListingPosition {
    /// Before everything that is counted from an instant on, and after everything before it.
    pub const fn start_of(bucket: Timestamp) -> Self {
        Self { bucket, epoch: i64::MIN, id: ExecutionId(i64::MIN) }
    }
}

impl Position for ListingPosition {
    fn to_numbers(self) -> Vec<i64> {
        vec![self.bucket.as_millis(), self.epoch, self.id.0]
    }

    fn from_numbers(numbers: &[i64]) -> Option<Self> {
        let [bucket, epoch, id] = *numbers else { return None };
        Some(Self { bucket: Timestamp::from_millis(bucket), epoch, id: ExecutionId(id) })
    }
}

/// One execution of a list, without its payload, which is never fetched.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ListedExecution {
    /// n8n's number of it; another database of n8n gives the same numbers anew.
    pub id: ExecutionId,
    /// Whose run it is.
    pub workflow_id: WorkflowId,
    /// The workflow's name when last listed; its id if it never was.
    pub workflow_name: String,
    /// Its state.
    pub status: Status,
    /// How it was started, n8n's word.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub mode: CompactString,
    /// When it started; null while queued.
    pub started_at: Option<Timestamp>,
    /// When it ended, or fell asleep.
    pub stopped_at: Option<Timestamp>,
    /// stopped − started in seconds, of `success` and `error`; null where that means nothing, or is negative.
    pub execution_time: Option<f64>,
    /// Its page in the client's n8n; null where none is configured, and for a run of another database than n8n has now.
    pub url: Option<String>,
}

impl ListedExecution {
    /// What is shown of an execution; `instance` is the n8n that has it still.
    pub fn new(execution: Execution, workflow_name: String, instance: Option<&InstanceUrl>) -> Self {
        Self {
            execution_time: execution.duration_millis().map(|millis| seconds(millis as f64)),
            url: instance.map(|url| url.execution_page(&execution.workflow_id, execution.id)),
            id: execution.id,
            workflow_id: execution.workflow_id,
            workflow_name,
            status: execution.status,
            mode: execution.mode,
            started_at: execution.started_at,
            stopped_at: execution.stopped_at,
        }
    }
}

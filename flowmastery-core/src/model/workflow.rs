//! Workflows as n8n lists them, and what is kept of them.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, error::FieldError};

/// n8n's id of a workflow: 16 characters today, digits in older ones; opaque to us.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(transparent))]
#[serde(transparent)]
pub struct WorkflowId(#[cfg_attr(feature = "schema", schemars(with = "String"))] pub CompactString);

impl WorkflowId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for WorkflowId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// A workflow in n8n's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workflow {
    /// n8n's id.
    pub id: WorkflowId,
    /// Its name, any text.
    pub name: String,
    /// Whether it is switched on (in n8n 2: published).
    pub active: bool,
    /// Whether it is archived; its executions stay listed.
    pub archived: bool,
}

/// State of a workflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WorkflowStatus {
    /// Switched on.
    Active,
    /// Switched off.
    Inactive,
    /// Archived in n8n.
    Archived,
    /// No longer in n8n's list; its executions stay counted.
    Deleted,
}

impl WorkflowStatus {
    /// The status's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
        }
    }

    /// The status of a stored name; `None` for a name that we never store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Active, Self::Inactive, Self::Archived, Self::Deleted]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

impl From<&Workflow> for WorkflowStatus {
    fn from(workflow: &Workflow) -> Self {
        match (workflow.archived, workflow.active) {
            (true, _) => Self::Archived,
            (false, true) => Self::Active,
            (false, false) => Self::Inactive,
        }
    }
}

/// What is kept of a workflow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkflowRecord {
    /// n8n's id.
    pub id: WorkflowId,
    /// The name last listed; for one that was only seen in executions, its id.
    pub name: String,
    /// Its state when last listed.
    pub status: WorkflowStatus,
    /// Minutes of manual work that one successful execution saves.
    pub time_saved_per_execution_minutes: i64,
    /// Start of its newest execution.
    pub last_execution: Option<Timestamp>,
}

/// Minutes of manual work that one successful execution saves, as an admin sets them: at most a year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeSaved(i64);

impl TimeSaved {
    /// The most minutes: those of 365 days, so that no sum over executions overflows.
    pub const MAX: i64 = 365 * 24 * 60;

    /// Those of a workflow for which nothing else was set.
    pub const DEFAULT: Self = Self(DEFAULT_TIME_SAVED_MINUTES);

    /// So many minutes.
    ///
    /// # Errors
    /// A fault of `time_saved_per_execution_minutes` when they are negative or more than [`TimeSaved::MAX`].
    pub fn of_minutes(minutes: i64) -> Result<Self, FieldError> {
        if (0..=Self::MAX).contains(&minutes) {
            return Ok(Self(minutes));
        }
        let message = "The minutes are a whole number from 0 to 525,600, which is a year.";
        Err(FieldError::new("time_saved_per_execution_minutes", message))
    }

    /// The minutes.
    pub fn minutes(self) -> i64 {
        self.0
    }
}

/// Minutes saved by an execution of a workflow for which nothing else was set.
pub const DEFAULT_TIME_SAVED_MINUTES: i64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_saved_are_0_to_those_of_a_year() {
        for minutes in [0, 1, DEFAULT_TIME_SAVED_MINUTES, 525_600] {
            assert_eq!(TimeSaved::of_minutes(minutes).unwrap().minutes(), minutes);
        }
        for minutes in [-1, 525_601, i64::MIN, i64::MAX] {
            let fault = TimeSaved::of_minutes(minutes).unwrap_err();
            assert_eq!(fault.field, "time_saved_per_execution_minutes", "{minutes}");
        }
    }
}

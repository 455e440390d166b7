//! One execution as n8n stores it, and what is remembered of every one that ever was.

use compact_str::CompactString;
use flowmastery_core::clock::Timestamp;

/// One execution. Statuses and modes are n8n's words, so that a test can invent new ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The workflow's id.
    pub workflow_id: CompactString,
    /// `success`, `error`, `running`, …
    pub status: CompactString,
    /// `webhook`, `trigger`, `manual`, …
    pub mode: CompactString,
    /// When the row was made: before it started when it was queued, and on n8n 1 before a long wait moved its start. `None` only
    /// before it is added, which makes it the start or else the server's latest instant.
    pub created_at: Option<Timestamp>,
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
        Self { stopped_at: Some(stopped_at), ..Self::running(workflow_id, started_at).with_status(status) }
    }

    /// One that runs.
    pub fn running(workflow_id: &str, started_at: Timestamp) -> Self {
        Self {
            created_at: Some(started_at),
            started_at: Some(started_at),
            ..Self::queued(workflow_id).with_status("running")
        }
    }

    /// One that fell asleep at once and wakes up at `wait_till`.
    pub fn waiting(workflow_id: &str, started_at: Timestamp, wait_till: Timestamp) -> Self {
        Self { wait_till: Some(wait_till), ..Self::ended(workflow_id, "waiting", started_at, 0) }
    }

    /// One that waits for its turn: status `new`.
    pub fn queued(workflow_id: &str) -> Self {
        Self {
            workflow_id: workflow_id.into(),
            status: CompactString::const_new("new"),
            mode: CompactString::const_new("webhook"),
            created_at: None,
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
        Self { status: status.into(), ..self }
    }

    /// The same in another mode.
    #[must_use]
    pub fn with_mode(self, mode: &str) -> Self {
        Self { mode: mode.into(), ..self }
    }

    /// The same, made at another time than it started.
    #[must_use]
    pub fn with_created_at(self, created_at: Timestamp) -> Self {
        Self { created_at: Some(created_at), ..self }
    }

    /// The same as the retry of another.
    #[must_use]
    pub fn with_retry_of(self, original: i64) -> Self {
        Self { retry_of: Some(original), ..self.with_mode("retry") }
    }

    /// Whether n8n has not ended it: such rows are never pruned.
    pub fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "new" | "running" | "waiting")
    }

    /// Whether it takes one of the places of the concurrency limit, which holds for what triggers and webhooks start.
    pub(crate) fn takes_a_place(&self) -> bool {
        matches!(self.mode.as_str(), "webhook" | "trigger")
    }
}

/// One run in the log of all that ever were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the log. No other run has it, whatever becomes of n8n's ids.
    pub serial: usize,
    /// n8n's id, which another run of another life can have too.
    pub id: i64,
    /// The life of the database in which it was made; the first is 1, and every reset or restore begins another.
    pub life: u32,
    /// Its last state.
    pub run: Run,
    /// Why n8n has it no longer; `None` while it has.
    pub gone: Option<Gone>,
    /// The state that it had reached after a back-up, when restoring that back-up took it back to another.
    pub undone: Option<Box<Run>>,
}

/// Why n8n has a run no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gone {
    /// Too old, or too many newer ones.
    Pruned,
    /// Somebody deleted it.
    Deleted,
    /// Somebody deleted its workflow.
    WorkflowDeleted,
    /// It succeeded, and its workflow does not save successes.
    Unsaved,
    /// The database was made anew.
    Reset,
    /// A back-up from before it was restored.
    Restored,
}

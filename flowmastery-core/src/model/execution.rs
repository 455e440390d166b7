//! Executions: single runs of a workflow, as n8n reports them.
//!
//! n8n adds statuses and modes over time, so both are open sets: a status that we do not know is unfinished
//! ([`Status::Unknown`]), a mode that we do not know counts as production.

use compact_str::CompactString;
use serde::Serialize;

use crate::{clock::Timestamp, error::FieldError, id::ExecutionId, model::workflow::WorkflowId};

/// State of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Queued, not started.
    New,
    /// Running.
    Running,
    /// Asleep until a time or a call.
    Waiting,
    /// Ended well.
    Success,
    /// Ended with an error.
    Error,
    /// n8n died while it ran; its end time means nothing.
    Crashed,
    /// Somebody stopped it.
    Canceled,
    /// A status that n8n added after this was written, or an outcome that can no longer be learnt.
    Unknown,
}

impl Status {
    /// Every status, in the order of [`Status::index`].
    pub const ALL: [Self; 8] = [
        Self::New,
        Self::Running,
        Self::Waiting,
        Self::Success,
        Self::Error,
        Self::Crashed,
        Self::Canceled,
        Self::Unknown,
    ];

    /// n8n's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Success => "success",
            Self::Error => "error",
            Self::Crashed => "crashed",
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the value of the query parameter `status`.
    ///
    /// # Errors
    /// A fault of `status` for a word that is none of the eight.
    pub fn parse(word: &str) -> Result<Self, FieldError> {
        let known = Self::ALL.into_iter().find(|status| status.as_str() == word);
        known.ok_or_else(|| {
            let message = "A status is new, running, waiting, success, error, crashed, canceled or unknown.";
            FieldError::new("status", message)
        })
    }

    /// Reads n8n's word; one that we do not know is [`Status::Unknown`].
    pub fn from_n8n(word: &str) -> Self {
        match word {
            "new" => Self::New,
            "running" => Self::Running,
            "waiting" => Self::Waiting,
            "success" => Self::Success,
            "error" => Self::Error,
            "crashed" => Self::Crashed,
            "canceled" => Self::Canceled,
            _ => Self::Unknown,
        }
    }

    /// The status's place in [`Status::ALL`] and in a tally.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Whether n8n will not run it any further. (n8n itself resumes waiting ones.)
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Success | Self::Error | Self::Crashed | Self::Canceled)
    }

    /// Whether stopped − started is how long it ran: not for crashed, canceled and waiting ones.
    pub const fn has_duration(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

/// Which counts an execution belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Run by a trigger, webhook, schedule, retry and every mode that n8n adds.
    Production,
    /// Started by hand in the editor.
    Manual,
    /// Evaluation, internal, sub-workflow (`integrated`) and command-line runs.
    Other,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 3] = [Self::Production, Self::Manual, Self::Other];

    /// The class that a mode belongs to.
    pub fn of_mode(mode: &str) -> Self {
        match mode {
            "manual" => Self::Manual,
            "evaluation" | "internal" | "integrated" | "cli" => Self::Other,
            _ => Self::Production,
        }
    }

    /// The stored number.
    pub const fn code(self) -> i16 {
        self as i16
    }
}

/// One run of a workflow, without its payload, which is never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// n8n's number of it, increasing.
    pub id: ExecutionId,
    /// Whose run it is.
    pub workflow_id: WorkflowId,
    /// Its state.
    pub status: Status,
    /// How it was started, n8n's word.
    pub mode: CompactString,
    /// When it started; n8n 1 moves this when a long wait resumes. `None` while queued.
    pub started_at: Option<Timestamp>,
    /// When it ended, or fell asleep; means something only where [`Status::has_duration`].
    pub stopped_at: Option<Timestamp>,
    /// The execution that this one retries.
    pub retry_of: Option<ExecutionId>,
    /// The execution that retried this one with success.
    pub retry_success_id: Option<ExecutionId>,
}

impl Execution {
    /// Which counts it belongs to.
    pub fn class(&self) -> Class {
        Class::of_mode(&self.mode)
    }

    /// How long it ran, in milliseconds; `None` where that means nothing. A negative span is a fault of the data and dropped.
    pub fn duration_millis(&self) -> Option<u64> {
        if !self.status.has_duration() {
            return None;
        }
        let span = self.stopped_at?.as_millis().checked_sub(self.started_at?.as_millis())?;
        u64::try_from(span).ok()
    }
}

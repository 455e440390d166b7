//! Whether executions come from the instance that we know: n8n's numbers start at 1 in every new database, so a number alone says nothing.
//!
//! An instance whose address changed is still the same one, and one that was reset at its address is not. What tells them apart is
//! whether the executions that both sides have are the same runs.

use crate::model::execution::Execution;

/// What one execution says about the instance that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It is the run that we know under this number.
    Same,
    /// It is another run: the instance is another one.
    Other,
    /// It can be either.
    Unclear,
}

impl Evidence {
    /// Compares what was `seen` with what is `known` under the same number. n8n 1 moves the start of a run that resumes, but an ended one
    /// stays as it is.
    pub fn of(known: &Execution, seen: &Execution) -> Self {
        if known.workflow_id != seen.workflow_id {
            Self::Other
        } else if known.started_at.is_some() && known.started_at == seen.started_at {
            Self::Same
        } else if known.status.is_terminal() && known.started_at.is_some() {
            Self::Other
        } else {
            Self::Unclear
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Timestamp, id::ExecutionId, model::execution::Status};

    fn run(workflow: &str, status: Status, start: Option<i64>) -> Execution {
        Execution {
            id: ExecutionId(7),
            workflow_id: workflow.into(),
            status,
            mode: "webhook".into(),
            started_at: start.map(Timestamp::from_millis),
            stopped_at: None,
            retry_of: None,
            retry_success_id: None,
        }
    }

    #[test]
    fn runs_of_the_same_workflow_and_start_are_the_same_whatever_became_of_them() {
        let known = run("w", Status::Running, Some(5));
        assert_eq!(Evidence::of(&known, &run("w", Status::Error, Some(5))), Evidence::Same);
    }

    #[test]
    fn runs_of_another_workflow_or_an_ended_one_with_another_start_are_others() {
        let known = run("w", Status::Success, Some(5));
        assert_eq!(Evidence::of(&known, &run("v", Status::Success, Some(5))), Evidence::Other);
        assert_eq!(Evidence::of(&known, &run("w", Status::Success, Some(6))), Evidence::Other);
    }

    #[test]
    fn a_wait_that_resumed_and_a_run_that_was_queued_say_nothing() {
        let seen = run("w", Status::Success, Some(6));
        assert_eq!(Evidence::of(&run("w", Status::Waiting, Some(5)), &seen), Evidence::Unclear);
        assert_eq!(Evidence::of(&run("w", Status::New, None), &seen), Evidence::Unclear);
        assert_eq!(
            Evidence::of(&run("w", Status::Canceled, None), &run("w", Status::Canceled, None)),
            Evidence::Unclear
        );
    }
}

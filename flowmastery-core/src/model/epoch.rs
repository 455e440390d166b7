//! Which life of which n8n executions come from: numbers start at 1 in every new database, so a number alone says nothing.
//!
//! Every life is an epoch. An instance whose address changed is still in the same one; one that was reset begins another; one that was
//! restored from a back-up begins one that shares the older numbers with the epoch it branched off from. What tells them apart is
//! whether the executions that both sides have are the same runs, and the newest of these is where they part.

use std::time::Duration;

use crate::{clock::Timestamp, id::ExecutionId, model::execution::Execution};

/// What one execution says about the life that it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It is the run that we know under this number.
    Same,
    /// It is another run.
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

    /// What the creation of a run says where its start is not the one that is known: one that resumed was created before it first started,
    /// which may be long before where it was queued. One that has ended and started earlier is another one; one that has not was taken
    /// back by a back-up to where it was.
    pub fn of_creation(first_start: Timestamp, created_at: Timestamp, seen: &Execution) -> Self {
        /// From the creation of a row to the start that is written into it.
        const SLACK: Duration = Duration::from_secs(2);
        let is_older = seen.status.is_terminal() && seen.started_at.is_some_and(|start| start < first_start);
        if created_at <= first_start.plus(SLACK) && !is_older { Self::Same } else { Self::Other }
    }
}

/// An epoch, and where its numbers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number.
    pub number: i64,
    /// The epoch that it shares the numbers up to `fork_at` with.
    pub parent: Option<i64>,
    /// The newest shared number; 0 when it shares none.
    pub fork_at: ExecutionId,
    /// Ended executions up to this number have aged out.
    pub aged_to: ExecutionId,
    /// Start of the newest quarter hour of an execution that has aged out.
    pub aged_until: Timestamp,
}

impl Epoch {
    /// One that shares nothing and has kept everything.
    pub const fn root(number: i64) -> Self {
        let (none, never) = (ExecutionId(0), Timestamp::from_millis(0));
        Self { number, parent: None, fork_at: none, aged_to: none, aged_until: never }
    }
}

/// An epoch with those that it branched off from: everything that one n8n database has or had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(Vec<Epoch>);

impl Line {
    /// The line that ends in `tip`, of all epochs of a client; those that are not among them are roots.
    pub fn to(tip: i64, epochs: &[Epoch]) -> Self {
        let find = |number| epochs.iter().find(|epoch| epoch.number == number).copied();
        let mut line = vec![find(tip).unwrap_or(Epoch::root(tip))];
        // A parent is always older, so this ends.
        while let Some(parent) = line.last().and_then(|epoch| epoch.parent) {
            line.push(find(parent).unwrap_or(Epoch::root(parent)));
        }
        Self(line)
    }

    /// The newest id of which it is known that what stands below has aged out.
    pub fn aged_to(&self) -> ExecutionId {
        let mut owned_to = ExecutionId(i64::MAX);
        for epoch in &self.0 {
            if epoch.aged_to > epoch.fork_at {
                return epoch.aged_to.min(owned_to);
            }
            owned_to = owned_to.min(epoch.fork_at);
        }
        ExecutionId(0)
    }

    /// The epoch that an execution of this line belongs to.
    pub fn owner(&self, id: ExecutionId) -> Option<&Epoch> {
        self.0.iter().find(|epoch| id > epoch.fork_at).or(self.0.last())
    }

    /// Its epochs, newest first.
    pub fn epochs(&self) -> &[Epoch] {
        &self.0
    }
}

/// What some executions say of one line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// The newest that is the run we know.
    pub same: Option<ExecutionId>,
    /// The newest that is another run.
    pub other: Option<ExecutionId>,
    /// Those of the known workflow with another start, whose creation would tell.
    pub unclear: Vec<Unclear>,
}

/// A run whose start is not the one that is known: it resumed, or it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// Its number.
    pub id: ExecutionId,
    /// The start that is known.
    pub first_start: Timestamp,
    /// What it says as long as nobody asked for its creation.
    pub presumed: Evidence,
}

impl Witness {
    /// Hears one execution.
    pub fn hear(&mut self, id: ExecutionId, evidence: Evidence) {
        match evidence {
            Evidence::Same => self.same = self.same.max(Some(id)),
            Evidence::Other => self.other = self.other.max(Some(id)),
            Evidence::Unclear => {}
        }
    }

    /// Hears what another one heard.
    pub fn join(&mut self, more: Self) {
        self.same = self.same.max(more.same);
        self.other = self.other.max(more.other);
        self.unclear.extend(more.unclear);
    }

    /// Whether the newest runs are others than those that we know.
    pub fn parts(&self) -> bool {
        let presumed =
            self.unclear.iter().filter(|run| run.presumed == Evidence::Other).map(|run| run.id).max();
        self.other.max(presumed) > self.same
    }
}

/// Where the executions that were read belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// To the line that ends in this epoch.
    Line(i64),
    /// To a new epoch that shares the numbers up to this one with that line: n8n was restored from a back-up.
    Fork {
        /// The tip of the line.
        parent: i64,
        /// The newest run that both have.
        at: ExecutionId,
    },
    /// To a new epoch that shares nothing: another n8n, or an empty database.
    New,
}

/// What all lines of a client have heard.
#[derive(Clone, Debug, Default)]
pub struct Hearing {
    /// The current epoch.
    pub current: i64,
    /// Whether what answers is known to be the current line's instance, unless its runs say otherwise.
    pub identified: bool,
    /// Whether the current line has no run that could be known again.
    pub is_empty: bool,
    /// The newest number that was read of the current line.
    pub known_to: Option<ExecutionId>,
    /// The newest number that was heard.
    pub newest: Option<ExecutionId>,
    /// By tip.
    pub witnesses: Vec<(i64, Witness)>,
}

impl Hearing {
    /// Whether a verdict can be given before everything was heard: what comes later is older, and the newest run that is known counts.
    pub fn is_clear(&self) -> bool {
        self.is_empty || self.witnesses.iter().any(|(_, witness)| witness.same.is_some())
    }

    /// Hears older executions.
    pub fn join(&mut self, more: Self) {
        self.newest = self.newest.max(more.newest);
        for (tip, witness) in more.witnesses {
            match self.witnesses.iter_mut().find(|(known, _)| *known == tip) {
                Some((_, known)) => known.join(witness),
                None => self.witnesses.push((tip, witness)),
            }
        }
    }

    /// Whether all that was heard is unknown and stands below what is known: numbers were given anew.
    fn begins_again(&self) -> bool {
        let is_silent = self.witnesses.iter().all(|(_, heard)| heard.same.is_none() && !heard.parts());
        !self.is_empty && is_silent && self.newest < self.known_to
    }

    /// Where they belong.
    pub fn verdict(&self) -> Verdict {
        if self.begins_again() {
            return Verdict::New;
        }
        let current = self.witnesses.iter().find(|(tip, _)| *tip == self.current).map(|(_, witness)| witness);
        let is_known = |witness: &&Witness| self.identified || self.is_empty || witness.same.is_some();
        if current.filter(is_known).is_some_and(|witness| !witness.parts()) {
            return Verdict::Line(self.current);
        }
        let known = self.witnesses.iter().filter_map(|(tip, witness)| Some((witness.same?, *tip, witness)));
        let best = known.max_by_key(|(same, tip, _)| (*same, *tip == self.current, *tip));
        match best {
            Some((at, parent, witness)) if witness.parts() => Verdict::Fork { parent, at },
            Some((_, tip, _)) => Verdict::Line(tip),
            None => Verdict::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::execution::Status;

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

    #[test]
    fn a_wait_that_resumed_was_created_before_it_first_started() {
        let at = Timestamp::from_millis;
        let says = |created, status, start| {
            Evidence::of_creation(at(75_000), at(created), &run("w", status, Some(start)))
        };
        assert_eq!(says(74_990, Status::Success, 99_000), Evidence::Same);
        assert_eq!(says(10_000, Status::Success, 99_000), Evidence::Same, "it was queued before it started");
        assert_eq!(says(90_000, Status::Success, 90_000), Evidence::Other);
        assert_eq!(
            says(10_000, Status::Success, 10_000),
            Evidence::Other,
            "it ended before the known one began"
        );
        assert_eq!(says(10_000, Status::Waiting, 10_000), Evidence::Same, "a back-up took it back");
    }

    fn fork(number: i64, parent: i64, at: i64) -> Epoch {
        Epoch { parent: Some(parent), fork_at: ExecutionId(at), ..Epoch::root(number) }
    }

    #[test]
    fn numbers_belong_to_the_epoch_in_which_they_were_given() {
        let epochs = [fork(2, 0, 50), fork(3, 2, 60), Epoch::root(1)];
        let line = Line::to(3, &epochs);
        let owners = [50, 51, 60, 61].map(|id| line.owner(ExecutionId(id)).unwrap().number);
        assert_eq!(owners, [0, 2, 2, 3]);
        // A back-up that is older than the fork was: what lies between belongs to a dead end.
        let line = Line::to(4, &[fork(2, 0, 50), fork(4, 2, 30)]);
        assert_eq!([30, 31].map(|id| line.owner(ExecutionId(id)).unwrap().number), [0, 4]);
    }

    fn heard(current: i64, identified: bool, witnesses: &[(i64, i64, i64)]) -> Hearing {
        let id = |id: i64| (id > 0).then_some(ExecutionId(id));
        let witness = |&(tip, same, other): &(i64, i64, i64)| {
            (tip, Witness { same: id(same), other: id(other), unclear: Vec::new() })
        };
        let witnesses = witnesses.iter().map(witness).collect();
        Hearing { current, identified, witnesses, ..Hearing::default() }
    }

    #[test]
    fn verdicts_follow_the_newest_run_that_is_known() {
        let cases = [
            (heard(0, true, &[(0, 9, 0)]), Verdict::Line(0)),
            (heard(0, true, &[(0, 0, 0)]), Verdict::Line(0)),
            (heard(0, false, &[(0, 0, 0)]), Verdict::New),
            (heard(0, false, &[(0, 4, 0)]), Verdict::Line(0)),
            // One run that changed below those that did not is no reset.
            (heard(0, true, &[(0, 9, 8)]), Verdict::Line(0)),
            (heard(0, true, &[(0, 0, 8)]), Verdict::New),
            (heard(0, true, &[(0, 5, 8)]), Verdict::Fork { parent: 0, at: ExecutionId(5) }),
            (heard(1, true, &[(0, 9, 0), (1, 0, 9)]), Verdict::Line(0)),
            (heard(1, true, &[(0, 5, 9), (1, 6, 9)]), Verdict::Fork { parent: 1, at: ExecutionId(6) }),
            // Both share the runs from before they parted.
            (heard(0, true, &[(0, 5, 9), (2, 5, 9)]), Verdict::Fork { parent: 0, at: ExecutionId(5) }),
        ];
        for (hearing, verdict) in cases {
            assert_eq!(hearing.verdict(), verdict, "{hearing:?}");
        }
    }

    #[test]
    fn unknown_runs_below_the_known_ones_are_of_a_new_database() {
        let hearing = |same, (newest, known_to)| Hearing {
            known_to: Some(ExecutionId(known_to)),
            newest: Some(ExecutionId(newest)),
            ..heard(0, true, &[(0, same, 0)])
        };
        assert_eq!(hearing(0, (3, 90)).verdict(), Verdict::New);
        assert_eq!(hearing(2, (3, 90)).verdict(), Verdict::Line(0), "one of them is known");
        assert_eq!(hearing(0, (95, 90)).verdict(), Verdict::Line(0), "n8n pruned all that was known");
        let nothing_to_know = Hearing { is_empty: true, ..hearing(0, (3, 90)) };
        assert_eq!(nothing_to_know.verdict(), Verdict::Line(0));
    }
}

//! The fold that turns readings of executions into what is stored and what is added to rollups.

use super::{FastMap, Sign, Tally, Width};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        execution::{Class, Execution, Status},
        workflow::WorkflowId,
    },
};

/// Where an execution counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BucketKey {
    /// Whose execution it is.
    pub workflow_id: WorkflowId,
    /// Which counts it belongs to.
    pub class: Class,
    /// Start of the quarter hour.
    pub start: Timestamp,
}

/// An execution with the quarter hour in which it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// As last read.
    pub execution: Execution,
    /// Start of the quarter hour.
    pub bucket: Timestamp,
}

impl Recorded {
    /// An execution read at `now`.
    pub fn new(execution: Execution, now: Timestamp) -> Self {
        let bucket = Width::Quarter.floor(execution.started_at.unwrap_or(now));
        Self { execution, bucket }
    }

    fn key(&self) -> BucketKey {
        BucketKey {
            workflow_id: self.execution.workflow_id.clone(),
            class: self.execution.class(),
            start: self.bucket,
        }
    }
}

/// What reading some executions changes.
#[derive(Debug, Default)]
pub struct Fold {
    changed: Vec<Recorded>,
    /// Where each execution stands in `changed`. Not made while their ids only fall, as they do in n8n's lists: then none comes twice.
    places: Option<FastMap<ExecutionId, usize>>,
    /// What was counted before of those that were, by their places in `changed`.
    before: FastMap<usize, Recorded>,
}

impl Fold {
    /// A fold with room for so many executions.
    pub fn with_capacity(executions: usize) -> Self {
        Self { changed: Vec::with_capacity(executions), ..Self::default() }
    }

    /// Folds one execution that was read at `now` over what is known of it. An ended execution is never taken back to an
    /// unfinished one, for that read is older than what we hold; but for a crashed one, which n8n may find asleep when it comes back.
    pub fn read(&mut self, execution: Execution, known: Option<&Recorded>, now: Timestamp) {
        let place = self.place(execution.id);
        let before = place.and_then(|place| self.changed.get(place)).or(known);
        if let Some(before) = before.filter(|before| before.execution.status.is_terminal()) {
            let is_older = !execution.status.is_terminal() && before.execution.status != Status::Crashed;
            // One that was canceled in the queue never started, and stays where it ended.
            if is_older || before.execution == execution {
                return;
            }
        }
        let after = Recorded::new(execution, now);
        if before == Some(&after) {
            return;
        }
        self.put(place, known, after);
    }

    /// Counts one execution as something else, without a reading of it.
    pub fn replace(&mut self, before: &Recorded, after: Recorded) {
        let place = self.place(after.execution.id);
        self.put(place, Some(before), after);
    }

    /// Where an execution stands in `changed`.
    fn place(&mut self, id: ExecutionId) -> Option<usize> {
        if self.places.is_none() && self.changed.last().is_none_or(|last| id < last.execution.id) {
            return None;
        }
        let places =
            || self.changed.iter().enumerate().map(|(place, row)| (row.execution.id, place)).collect();
        self.places.get_or_insert_with(places).get(&id).copied()
    }

    /// Counts an execution as it is now, in place of what stands at its place, else of what is known of it.
    fn put(&mut self, place: Option<usize>, known: Option<&Recorded>, after: Recorded) {
        if let Some(slot) = place.and_then(|place| self.changed.get_mut(place)) {
            *slot = after;
            return;
        }
        if let Some(known) = known {
            self.before.insert(self.changed.len(), known.clone());
        }
        if let Some(places) = &mut self.places {
            places.insert(after.execution.id, self.changed.len());
        }
        self.changed.push(after);
    }

    /// The executions to store, each once, in the order in which they were first read.
    pub fn changed(&self) -> impl Iterator<Item = &Recorded> {
        self.changed.iter()
    }

    /// Whether nothing has to be stored.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }

    /// What to add to each quarter hour; nothing that changes nothing. It is added up here.
    pub fn deltas(&self) -> FastMap<BucketKey, Tally> {
        let mut deltas = FastMap::with_capacity_and_hasher(self.changed.len(), Default::default());
        let mut record = |recorded: &Recorded, sign| {
            let tally: &mut Tally = deltas.entry(recorded.key()).or_default();
            tally.record(&recorded.execution, sign);
        };
        self.before.values().for_each(|recorded| record(recorded, Sign::Minus));
        self.changed.iter().for_each(|recorded| record(recorded, Sign::Plus));
        deltas.retain(|_, tally| !tally.is_zero());
        deltas
    }
}

//! The queue of what will happen, in the order of its time.

use std::{cmp::Reverse, collections::BinaryHeap};

use flowmastery_core::clock::Timestamp;

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Success,
    Error,
    Canceled,
}

impl End {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Canceled => "canceled",
        }
    }
}

/// Something that will happen. Times are in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// A workflow may be triggered.
    Arrive(usize),
    /// A run comes to its Wait node.
    Sleep {
        serial: usize,
        nap: f64,
        rest: f64,
        end: End,
    },
    /// It goes on.
    Wake {
        serial: usize,
        rest: f64,
        end: End,
    },
    End {
        serial: usize,
        end: End,
    },
    /// Somebody retries a failed run.
    Retry {
        serial: usize,
    },
    Crash,
    Prune,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    queue: BinaryHeap<Reverse<Event>>,
    pushed: u64,
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: Timestamp,
    /// What was pushed first happens first.
    order: u64,
    happening: Happening,
}

impl Events {
    pub(super) fn push(&mut self, at: Timestamp, happening: Happening) {
        self.pushed += 1;
        self.queue.push(Reverse(Event { at, order: self.pushed, happening }));
    }

    /// The next that happens up to an instant.
    pub(super) fn next_until(&mut self, to: Timestamp) -> Option<(Timestamp, Happening)> {
        self.queue.peek().filter(|event| event.0.at <= to)?;
        self.queue.pop().map(|Reverse(event)| (event.at, event.happening))
    }
}

impl Event {
    fn key(&self) -> (Timestamp, u64) {
        (self.at, self.order)
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

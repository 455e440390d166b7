//! Rollups: counts and durations per workflow, class and bucket of time, and the fold that turns executions into them.
//!
//! An execution counts in the quarter hour (UTC) in which it started; one that has not started counts in the quarter hour in which
//! it was last read. When a row changes, the difference new − old is applied, so reading a row again changes nothing. Hours and
//! days are sums of quarter hours, kept so that long ranges read few rows.

mod fold;
mod sum;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use self::{
    fold::{BucketKey, Fold, Recorded},
    sum::TallySum,
};
use crate::{
    clock::Timestamp,
    model::{
        execution::{Execution, Status},
        sketch::Sketch,
    },
};

/// A hash map for the hot path.
pub type FastMap<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Width {
    /// 15 minutes: every time zone's days are sums of these.
    Quarter,
    /// An hour, UTC.
    Hour,
    /// A day, UTC.
    Day,
}

impl Width {
    /// Every width, narrow to wide.
    pub const ALL: [Self; 3] = [Self::Quarter, Self::Hour, Self::Day];

    /// Its length in milliseconds.
    pub const fn millis(self) -> i64 {
        match self {
            Self::Quarter => 15 * 60 * 1000,
            Self::Hour => 60 * 60 * 1000,
            Self::Day => 24 * 60 * 60 * 1000,
        }
    }

    /// The stored number: its length in minutes.
    pub const fn code(self) -> i16 {
        match self {
            Self::Quarter => 15,
            Self::Hour => 60,
            Self::Day => 1440,
        }
    }

    /// Start of the bucket that an instant falls into.
    pub const fn floor(self, at: Timestamp) -> Timestamp {
        Timestamp::from_millis(at.as_millis().div_euclid(self.millis()) * self.millis())
    }

    /// Start of the first bucket that begins at an instant or after it.
    pub const fn ceil(self, at: Timestamp) -> Timestamp {
        let floor = self.floor(at);
        if floor.as_millis() == at.as_millis() {
            floor
        } else {
            Timestamp::from_millis(floor.as_millis() + self.millis())
        }
    }
}

/// A half-open span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Its first instant.
    pub from: Timestamp,
    /// The instant after its last.
    pub to: Timestamp,
}

/// Buckets of one width that follow each other without a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// How long each is.
    pub width: Width,
    /// Start of the first to the end of the last.
    pub range: Range,
}

/// The fewest buckets that cover a range whose ends are quarter hours: days inside, then hours, then quarter hours at the ends.
///
/// ```
/// use flowmastery_core::{clock::Timestamp, model::rollup::{Range, Width, cover}};
/// let at = |text: &str| Timestamp::parse(text).unwrap();
/// let spans = cover(Range { from: at("2026-01-01T23:30:00Z"), to: at("2026-01-03T00:00:00Z") });
/// let widths: Vec<_> = spans.iter().map(|span| span.width).collect();
/// assert_eq!(widths, [Width::Quarter, Width::Day]);
/// ```
pub fn cover(range: Range) -> Vec<Span> {
    let mut spans = Vec::with_capacity(5);
    cover_with(range, &[Width::Day, Width::Hour, Width::Quarter], &mut spans);
    spans
}

fn cover_with(range: Range, widths: &[Width], spans: &mut Vec<Span>) {
    let [width, narrower @ ..] = widths else { return };
    let (from, to) = (width.ceil(range.from), width.floor(range.to));
    if from < to {
        cover_with(Range { from: range.from, to: from }, narrower, spans);
        spans.push(Span { width: *width, range: Range { from, to } });
        cover_with(Range { from: to, to: range.to }, narrower, spans);
    } else if range.from < range.to {
        cover_with(range, narrower, spans);
    }
}

/// Counts and durations of executions; as a difference, its numbers may be negative.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    counts: [i64; Status::ALL.len()],
    duration_count: i64,
    duration_sum_millis: i64,
    sketch: Sketch,
}

impl Tally {
    /// A stored tally.
    pub fn from_parts(counts: [i64; 8], duration_sum_millis: i64, sketch: Sketch) -> Self {
        Self { counts, duration_count: sketch.count(), duration_sum_millis, sketch }
    }

    /// Adds one execution, or takes it away.
    pub fn record(&mut self, execution: &Execution, sign: Sign) {
        let by = sign as i64;
        if let Some(count) = self.counts.get_mut(execution.status.index()) {
            *count += by;
        }
        if let Some(millis) = execution.duration_millis() {
            self.duration_count += by;
            self.duration_sum_millis += by * i64::try_from(millis).unwrap_or(i64::MAX);
            self.sketch.record(millis, by);
        }
    }

    /// Adds another tally, or a difference.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.duration_count += other.duration_count;
        self.duration_sum_millis += other.duration_sum_millis;
        self.sketch.merge(&other.sketch);
    }

    /// Executions with a status.
    pub fn count(&self, status: Status) -> i64 {
        self.counts.get(status.index()).copied().unwrap_or(0)
    }

    /// The counts in the order of [`Status::ALL`].
    pub fn counts(&self) -> &[i64; 8] {
        &self.counts
    }

    /// All executions.
    pub fn total(&self) -> i64 {
        self.counts.iter().sum()
    }

    /// `success`.
    pub fn successful(&self) -> i64 {
        self.count(Status::Success)
    }

    /// `error` and `crashed`.
    pub fn failed(&self) -> i64 {
        self.count(Status::Error) + self.count(Status::Crashed)
    }

    /// `canceled`.
    pub fn canceled(&self) -> i64 {
        self.count(Status::Canceled)
    }

    /// `new`, `running`, `waiting`, `unknown`.
    pub fn unfinished(&self) -> i64 {
        self.total() - self.successful() - self.failed() - self.canceled()
    }

    /// successful / (successful + failed) × 100; `None` when nothing finished.
    pub fn success_rate(&self) -> Option<f64> {
        let finished = self.successful() + self.failed();
        (finished > 0).then(|| self.successful() as f64 / finished as f64 * 100.0)
    }

    /// Sum of the durations, in milliseconds.
    pub fn duration_sum_millis(&self) -> i64 {
        self.duration_sum_millis
    }

    /// Mean duration in milliseconds; `None` when nothing has one.
    pub fn mean_millis(&self) -> Option<f64> {
        (self.duration_count > 0).then(|| self.duration_sum_millis as f64 / self.duration_count as f64)
    }

    /// The durations.
    pub fn sketch(&self) -> &Sketch {
        &self.sketch
    }

    /// Whether nothing is in it and nothing would change by merging it.
    pub fn is_zero(&self) -> bool {
        self.counts == [0; 8]
            && self.duration_count == 0
            && self.duration_sum_millis == 0
            && self.sketch.is_empty()
    }
}

/// Whether an execution is added or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// It is counted.
    Plus = 1,
    /// It is counted no longer.
    Minus = -1,
}

//! When a client is collected from again: at its interval, sooner where n8n would forget executions before, later while it fails.

use std::time::Duration;

/// The longest wait of a client that fails, unless its interval is longer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15 * 60);
/// The longest wait that a server is granted which asks for one.
const LONGEST_ASKED: Duration = Duration::from_secs(60 * 60);
/// The shortest wait of a client whose n8n forgets fast.
const SHORTEST: Duration = Duration::from_secs(1);
/// Executions that an n8n keeps unless it was told otherwise.
const DEFAULT_KEPT: i64 = 10_000;
/// The fewest that an n8n is taken to keep: one that was idle lists few, and keeps more.
const LEAST_KEPT: i64 = 100;
/// A collection is due before n8n has replaced this part of what it keeps.
const PART: i64 = 4;

/// How fast an n8n forgets what it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// New ids since the last collection.
    pub new: i64,
    /// The time since then.
    pub during: Duration,
    /// How many executions n8n kept when all were last read.
    pub kept: Option<i64>,
}

/// The wait after a collection that succeeded: the interval, or as long as n8n takes to replace a quarter of what it keeps, which defaults
/// to 10,000 executions.
///
/// ```
/// use std::time::Duration;
/// use flowmastery_core::model::schedule::{Pace, after_success};
/// let minute = Duration::from_secs(60);
/// let quiet = Pace { new: 40, during: minute, kept: None };
/// assert_eq!(after_success(minute, quiet), minute);
/// let busy = Pace { new: 1000, during: minute, kept: Some(400) };
/// assert_eq!(after_success(minute, busy), Duration::from_secs(6));
/// ```
pub fn after_success(interval: Duration, pace: Pace) -> Duration {
    let Pace { new, during, kept } = pace;
    let part = kept.unwrap_or(DEFAULT_KEPT).max(LEAST_KEPT) / PART;
    if new <= 0 {
        return interval;
    }
    let safe = during.mul_f64(part as f64 / new as f64);
    safe.max(SHORTEST).min(interval)
}

/// The wait after so many failures in a row, at least one: the interval, doubled with each further one up to 15 minutes; longer where n8n
/// `asked` for that, up to an hour.
///
/// ```
/// use std::time::Duration;
/// use flowmastery_core::model::schedule::after_failure;
/// let minute = Duration::from_secs(60);
/// let waits = [1, 2, 4, 5, 99].map(|failures| after_failure(minute, failures, None).as_secs() / 60);
/// assert_eq!(waits, [1, 2, 8, 15, 15]);
/// assert_eq!(after_failure(minute, 1, Some(Duration::from_secs(1200))).as_secs(), 1200);
/// ```
pub fn after_failure(interval: Duration, failures: i64, asked: Option<Duration>) -> Duration {
    let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(16);
    let backoff = interval.saturating_mul(1 << doublings).min(LONGEST_BACKOFF.max(interval));
    backoff.max(asked.unwrap_or_default().min(LONGEST_ASKED))
}

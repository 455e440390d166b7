//! Saying one kind of trouble once a minute at most.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::clock::Timestamp;

/// How often one kind of trouble is logged.
const GAP: Duration = Duration::from_secs(60);

/// Something that is said once a minute at most.
#[derive(Debug)]
pub(crate) struct Seldom(AtomicI64);

impl Default for Seldom {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Seldom {
    /// Whether it is to be said now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        let due = now.since(Timestamp::from_millis(last)) >= GAP;
        due && self.0.compare_exchange(last, now.as_millis(), Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_once_a_minute() {
        let seldom = Seldom::default();
        let said = [0, 1, 59_999, 60_000, 60_001].map(|at| seldom.is_due(Timestamp::from_millis(at)));
        assert_eq!(said, [true, false, false, true, false]);
    }
}

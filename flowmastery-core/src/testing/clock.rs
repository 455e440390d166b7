//! A clock that stands still until it is moved.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::Duration,
};

use crate::clock::{Clock, Timestamp};

/// A clock that shows what it was set to.
///
/// ```
/// use std::time::Duration;
/// use flowmastery_core::{clock::{Clock, Timestamp}, testing::clock::FixedClock};
/// let clock = FixedClock::at(Timestamp::from_millis(0));
/// clock.advance(Duration::from_secs(1));
/// assert_eq!(clock.now().as_millis(), 1000);
/// ```
#[derive(Debug)]
pub struct FixedClock(AtomicI64);

impl FixedClock {
    /// A clock that shows an instant.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millis()))
    }

    /// Shows another instant.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Goes on by a span.
    pub fn advance(&self, span: Duration) {
        self.set(self.now().plus(span));
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        self.now().since(Timestamp::from_millis(0))
    }
}

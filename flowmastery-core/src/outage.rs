//! Saying that something is away: at most once a minute, and once when it is back.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// At most one warning in this time.
const QUIET: Duration = Duration::from_secs(60);

/// What was said of something that may be away.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Said>);

#[derive(Debug, Default)]
struct Said {
    at: Option<Instant>,
    /// Whether it has not come back since.
    open: bool,
}

impl Outage {
    /// Notes that it failed; whether that is to be said now.
    pub(crate) fn begins(&self) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.at.is_none_or(|at| at.elapsed() >= QUIET);
        if due {
            *said = Said { at: Some(Instant::now()), open: true };
        }
        due
    }

    /// Notes that it works; whether that is to be said now.
    pub(crate) fn ends(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_said_once_and_its_end_once() {
        let outage = Outage::default();
        assert!(!outage.ends(), "nothing was away");
        assert!(outage.begins() && !outage.begins());
        assert!(outage.ends() && !outage.ends());
        assert!(
            !outage.begins() && !outage.ends(),
            "the next one within the minute is not said, nor its end"
        );
    }
}

//! Taking times in pairs: the limit and ours in turn, so that what else the machine does tells on both.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::Fallible;

/// How much time a section may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// All of the table in five minutes.
    Quick,
    /// What is published.
    Full,
}

impl Effort {
    /// One of two, for sizes and times.
    pub fn pick<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// Fewer pairs say nothing.
const FEWEST: usize = 5;

/// What a number of pairs of runs came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    /// Median of our seconds.
    pub ours: f64,
    /// Median of the limit's seconds.
    pub limit: f64,
    /// Median over the pairs of the limit's time divided by ours: above 1 we are faster.
    pub speed: f64,
    /// Lower and upper quartile of the same.
    pub quartiles: (f64, f64),
    /// How many pairs.
    pub rounds: usize,
}

impl Pairs {
    /// Runs the limit and ours in turn, after one pair that does not count, for about as long as `budget` and five times at least. Each
    /// gives the time of the part that counts.
    ///
    /// # Errors
    /// The first one that a run ends with.
    pub fn measure(
        budget: Duration,
        mut limit: impl FnMut() -> Fallible<Duration>,
        mut ours: impl FnMut() -> Fallible<Duration>,
    ) -> Fallible<Self> {
        limit()?;
        ours()?;
        let (begun, mut times) = (Instant::now(), Vec::new());
        while times.len() < FEWEST || begun.elapsed() < budget {
            // Who goes first changes, for the second finds what the first left behind.
            let (bare, own) = if times.len() % 2 == 0 {
                let bare = limit()?;
                (bare, ours()?)
            } else {
                let own = ours()?;
                (limit()?, own)
            };
            times.push((bare.as_secs_f64(), own.as_secs_f64()));
        }
        Ok(Self::of(&times))
    }

    /// Of pairs of seconds, the limit's and ours.
    pub fn of(times: &[(f64, f64)]) -> Self {
        let speeds = || times.iter().map(|(limit, ours)| limit / ours);
        Self {
            ours: quantile(times.iter().map(|times| times.1), 0.5),
            limit: quantile(times.iter().map(|times| times.0), 0.5),
            speed: quantile(speeds(), 0.5),
            quartiles: (quantile(speeds(), 0.25), quantile(speeds(), 0.75)),
            rounds: times.len(),
        }
    }
}

/// The value at a share of all values in order; NaN of none.
pub fn quantile(values: impl Iterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = (share * values.len().saturating_sub(1) as f64).round() as usize;
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// How long something takes, and what it gives.
///
/// # Errors
/// Those of the work.
pub fn timed<T>(work: impl FnOnce() -> Fallible<T>) -> Fallible<(Duration, T)> {
    let start = Instant::now();
    let result = work()?;
    Ok((start.elapsed(), result))
}

/// How long something keeps a core busy, which is what other programs take nothing of; it must not leave the thread.
///
/// # Errors
/// Those of the work.
pub fn timed_on_core<T>(work: impl FnOnce() -> Fallible<T>) -> Fallible<(Duration, T)> {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime));
    let start = now()?;
    let result = work()?;
    Ok((now()?.saturating_sub(start), result))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_compare_each_run_with_the_one_beside_it() {
        // The machine became twice as slow after the second pair: the ratio stays.
        let pairs = Pairs::of(&[(1.0, 2.0), (1.0, 2.0), (2.0, 4.0), (2.0, 4.0), (2.0, 4.0)]);
        assert_eq!((pairs.limit, pairs.ours, pairs.speed), (2.0, 4.0, 0.5));
        assert_eq!(pairs.quartiles, (0.5, 0.5));
    }

    #[test]
    fn the_first_pair_is_warm_up() {
        let mut calls = 0;
        let mut run = || {
            calls += 1;
            Ok(Duration::from_secs(1))
        };
        let pairs = Pairs::measure(Duration::ZERO, || Ok(Duration::from_secs(2)), &mut run).unwrap();
        assert_eq!((pairs.rounds, pairs.speed, calls), (FEWEST, 2.0, FEWEST + 1));
    }
}

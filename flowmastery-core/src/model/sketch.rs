//! A quantile sketch of durations: DDSketch with bins whose borders are whole milliseconds, at most 1 % off.
//!
//! 0 ms has a bin of its own; a bin that starts at `a` ms holds `a ..= a + a / 50` (rounded down), and the next one starts behind it.
//! So the borders follow from integer arithmetic alone and are the same on every machine, durations below 50 ms are exact, and
//! 2,071 bins reach from 0 ms to the end of 64 bits: nothing is clipped and no bins are ever collapsed. That makes merging
//! a plain addition of counts: it does not depend on the order, and what was added can be taken away again to the byte.
//!
//! # Stored form
//! The borders above and the bytes below are stored for years; change neither without a new version byte.
//! Varints are LEB128: seven bits a byte, lowest first, the top bit set on every byte but the last, no superfluous bytes.
//!
//! | bytes | meaning |
//! |---|---|
//! | `01` | version |
//! | varint `c` ≥ 1 | the next bin holds `c` durations; the first next bin is bin 0 |
//! | `00`, varint `g` ≥ 1 | the next `g` bins hold nothing |
//!
//! Counts and gaps follow each other to the end; a gap never follows a gap and never stands at the end, and all
//! counts together fit into 63 bits. There is one form for each sketch, and everything else is refused. The empty
//! sketch is the version byte alone; one duration takes at most 5 bytes.

mod bins;
mod bytes;
#[cfg(test)]
mod tests;

use std::mem;

use smallvec::SmallVec;

/// A bin's number with its count, never 0.
type Bin = (u16, i64);

/// Most sketches are of one quarter hour of one workflow: two bins need no allocation.
type Bins = SmallVec<[Bin; 2]>;

/// Durations, mergeable and decrementable, with quantiles at most 1 % off.
///
/// ```
/// use flowmastery_core::model::sketch::Sketch;
/// let mut sketch = Sketch::default();
/// for millis in 1..=1000 {
///     sketch.record(millis, 1);
/// }
/// let p95 = sketch.quantile(0.95).unwrap();
/// assert!((p95 - 950.0).abs() <= 9.5);
/// assert_eq!(Sketch::from_bytes(&sketch.to_bytes().unwrap()).unwrap(), sketch);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    /// Ascending by number.
    bins: Bins,
}

impl Sketch {
    /// Adds `by` occurrences of a duration in milliseconds; a negative number takes them away.
    pub fn record(&mut self, millis: u64, by: i64) {
        if by == 0 {
            return;
        }
        let bin = bins::bin_of(millis);
        match self.bins.binary_search_by_key(&bin, |(bin, _)| *bin) {
            Err(at) => self.bins.insert(at, (bin, by)),
            Ok(at) => {
                let emptied = self.bins.get_mut(at).is_some_and(|(_, count)| {
                    *count = count.saturating_add(by);
                    *count == 0
                });
                if emptied {
                    self.bins.remove(at);
                }
            }
        }
    }

    /// Adds another sketch, or a difference.
    pub fn merge(&mut self, other: &Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        let mut sum = Bins::with_capacity(self.bins.len() + other.bins.len());
        let mut mine = mem::take(&mut self.bins).into_iter().peekable();
        for &(bin, count) in &other.bins {
            while let Some(below) = mine.next_if(|(known, _)| *known < bin) {
                sum.push(below);
            }
            let known = mine.next_if(|(known, _)| *known == bin).map_or(0, |(_, count)| count);
            let count = count.saturating_add(known);
            if count != 0 {
                sum.push((bin, count));
            }
        }
        sum.extend(mine);
        self.bins = sum;
    }

    /// How many durations are in it.
    pub fn count(&self) -> i64 {
        self.bins.iter().fold(0, |sum: i64, (_, count)| sum.saturating_add(*count))
    }

    /// Whether no bin holds anything.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// The duration in milliseconds that the share `q` (0 to 1) of all does not exceed, at most 1 % off; `None` for an empty sketch.
    ///
    /// Of `n` durations in ascending order it stands for the one at rank ⌈q · n⌉, counted from 1, and for the first where that is 0:
    /// one of the recorded durations, never a mean of two, like `percentile_disc` in SQL. A difference has no meaningful quantiles.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let rank = ((q * self.count() as f64).ceil() as i64).clamp(1, self.count().max(1));
        let mut seen: i64 = 0;
        let holds_rank = |(_, count): &&Bin| {
            seen = seen.saturating_add(*count);
            seen >= rank
        };
        self.bins.iter().find(holds_rank).map(|(bin, _)| bins::middle(*bin))
    }

    /// The stored form.
    ///
    /// # Errors
    /// [`SketchError`] when a bin is negative: that is a difference, not a sketch.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SketchError> {
        bytes::write(&self.bins)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SketchError`] for bytes that [`Sketch::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SketchError> {
        bytes::read(bytes).map(|bins| Self { bins })
    }
}

/// Bytes that are no sketch, or a sketch that has no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SketchError;

impl std::fmt::Display for SketchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a quantile sketch")
    }
}

impl std::error::Error for SketchError {}

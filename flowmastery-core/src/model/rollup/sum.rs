//! A tally under way: stored rows are added to it as they come from the database.

use std::mem;

use super::Tally;
use crate::model::sketch::{SketchError, SketchSum};

/// The sum of stored tallies.
///
/// ```
/// use flowmastery_core::model::{rollup::{Tally, TallySum}, sketch::Sketch};
/// let mut durations = Sketch::default();
/// durations.record(1500, 2);
/// let mut sum = TallySum::default();
/// for _ in 0..2 {
///     sum.add(&[0, 0, 0, 2, 0, 0, 0, 0], 3000, &durations.to_bytes()?)?;
/// }
/// durations.record(1500, 2);
/// assert_eq!(sum.take(), Tally::from_parts([0, 0, 0, 4, 0, 0, 0, 0], 6000, durations));
/// # Ok::<_, flowmastery_core::model::sketch::SketchError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TallySum {
    counts: [i64; 8],
    duration_sum_millis: i64,
    sketch: SketchSum,
}

impl TallySum {
    /// Adds a stored tally: its counts, the sum of its durations, and its sketch in the stored form.
    ///
    /// # Errors
    /// [`SketchError`] for bytes that are no sketch; then the sum means nothing.
    pub fn add(
        &mut self,
        counts: &[i64; 8],
        duration_sum_millis: i64,
        sketch: &[u8],
    ) -> Result<(), SketchError> {
        for (mine, theirs) in self.counts.iter_mut().zip(counts) {
            *mine += theirs;
        }
        self.duration_sum_millis += duration_sum_millis;
        self.sketch.add(sketch)
    }

    /// The sum as a tally; what is left is empty, and keeps its room for another one.
    pub fn take(&mut self) -> Tally {
        let counts = mem::take(&mut self.counts);
        Tally::from_parts(counts, mem::take(&mut self.duration_sum_millis), self.sketch.take())
    }
}

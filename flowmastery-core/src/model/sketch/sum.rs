//! A sketch under way: many stored ones are added to it, each straight from its bytes.

use super::{Bins, Sketch, SketchError, bytes};

/// How many bins it grows by beyond what it needs.
const ROOM: usize = 32;

/// The sum of stored sketches, with a place for every bin from the lowest to the highest: adding is one look-up, and nothing is allocated once the
/// durations have been seen that a workflow takes. A few kilobytes, so for what is being summed and not for what is kept.
#[derive(Clone, Debug, Default)]
pub(in crate::model) struct SketchSum {
    first: usize,
    counts: Vec<i64>,
}

impl SketchSum {
    /// Adds a sketch in its stored form.
    ///
    /// # Errors
    /// [`SketchError`] for bytes that [`Sketch::to_bytes`] does not write; then the sum means nothing.
    pub(in crate::model) fn add(&mut self, stored: &[u8]) -> Result<(), SketchError> {
        bytes::each(stored, |bin, count| {
            if let Some(sum) = self.place(usize::from(bin)) {
                *sum = sum.saturating_add(count);
            }
        })
    }

    /// The sum as a sketch; what is left is empty, and has its room still.
    pub(in crate::model) fn take(&mut self) -> Sketch {
        let mut bins = Bins::with_capacity(self.counts.iter().filter(|count| **count != 0).count());
        for (bin, count) in (self.first..).zip(&mut self.counts) {
            let count = std::mem::take(count);
            if let Some(bin) = u16::try_from(bin).ok().filter(|_| count != 0) {
                bins.push((bin, count));
            }
        }
        Sketch { bins }
    }

    fn place(&mut self, bin: usize) -> Option<&mut i64> {
        let at = bin.wrapping_sub(self.first);
        if at >= self.counts.len() {
            self.grow(bin);
        }
        self.counts.get_mut(bin.wrapping_sub(self.first))
    }

    #[cold]
    fn grow(&mut self, bin: usize) {
        if self.counts.is_empty() {
            self.first = bin.saturating_sub(ROOM);
        }
        if let Some(below) = self.first.checked_sub(bin) {
            let room = (below + ROOM).min(self.first);
            self.first -= room;
            self.counts.splice(..0, std::iter::repeat_n(0, room));
        }
        let length = bin - self.first + 1;
        if length > self.counts.len() {
            self.counts.resize(length + ROOM, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_sum_is_what_merging_gives(
            sketches in prop::collection::vec(prop::collection::vec((any::<u64>(), 0..64u32, 1..300i64), 0..40), 0..8)
        ) {
            let (mut sum, mut merged) = (SketchSum::default(), Sketch::default());
            for durations in sketches {
                let mut sketch = Sketch::default();
                for (millis, shift, times) in durations {
                    sketch.record(millis >> shift, times);
                }
                sum.add(&sketch.to_bytes().unwrap()).unwrap();
                merged.merge(&sketch);
            }
            prop_assert_eq!(sum.take(), merged);
            prop_assert_eq!(sum.take(), Sketch::default(), "nothing is left");
        }
    }

    #[test]
    fn bytes_that_are_no_sketch_are_refused() {
        for bytes in [&[][..], &[2], &[1, 0], &[1, 0, 0, 1], &[1, 0x80, 0]] {
            assert!(SketchSum::default().add(bytes).is_err(), "{bytes:?}");
        }
    }
}

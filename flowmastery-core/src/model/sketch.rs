//! A quantile sketch of durations.

use std::collections::BTreeMap;

/// Durations, mergeable and decrementable, with quantiles at most 1 % off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sketch {
    bins: BTreeMap<i32, i64>,
}

impl Sketch {
    /// Adds `by` occurrences of a duration in milliseconds; a negative number takes them away.
    pub fn record(&mut self, millis: u64, by: i64) {
        let _ = (millis, by);
    }

    /// Adds another sketch, or a difference.
    pub fn merge(&mut self, other: &Self) {
        let _ = other;
    }

    /// How many durations are in it.
    pub fn count(&self) -> i64 {
        self.bins.values().sum()
    }

    /// Whether no bin holds anything.
    pub fn is_empty(&self) -> bool {
        self.bins.is_empty()
    }

    /// The duration in milliseconds below which the share `q` (0 to 1) of all lies; `None` for an empty sketch.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let _ = q;
        None
    }

    /// The stored form.
    ///
    /// # Errors
    /// [`SketchError`] when a bin is negative: that is a difference, not a sketch.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SketchError> {
        Err(SketchError)
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`SketchError`] for bytes that [`Sketch::to_bytes`] does not write.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SketchError> {
        let _ = bytes;
        Err(SketchError)
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

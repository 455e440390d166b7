//! Which bin a duration falls into, by two tables made at compile time from integer arithmetic.
//!
//! A cell is a duration's position of the highest bit with the six bits behind it. A cell is at most 1/64 of its start wide and a bin
//! at least 1/50 of its own, so a cell lies in one bin or across one border: one look-up and one comparison find the bin.

/// How many bins there are: 0 ms to `u64::MAX` ms.
pub(super) const BINS: usize = 2071;

/// Below this a cell is one duration.
const EXACT: u64 = 64;
const CELL_BITS: u32 = EXACT.trailing_zeros();
const CELLS: usize = (u64::BITS - CELL_BITS + 1) as usize * EXACT as usize;

/// The shortest duration of each bin.
static STARTS: [u64; BINS] = starts();
/// The bin of the shortest duration of each cell.
static CELL_BIN: [u16; CELLS] = cell_bins();

/// The bin that a duration belongs to.
pub(super) fn bin_of(millis: u64) -> u16 {
    let Some(&bin) = CELL_BIN.get(cell_of(millis)) else { return 0 };
    let behind = STARTS.get(usize::from(bin) + 1).is_some_and(|next| *next <= millis);
    bin + u16::from(behind)
}

/// The duration that stands for a bin: as far from its shortest as from its longest, relative to each.
pub(super) fn middle(bin: u16) -> f64 {
    let bin = usize::from(bin);
    let first = STARTS.get(bin).copied().unwrap_or(0);
    let last = STARTS.get(bin + 1).map_or(u64::MAX, |next| next - 1);
    if first == last {
        return first as f64;
    }
    let (first, last) = (first as f64, last as f64);
    2.0 * first / (first + last) * last
}

fn cell_of(millis: u64) -> usize {
    if millis < EXACT {
        return millis as usize;
    }
    let octave = millis.ilog2() - CELL_BITS;
    ((octave as usize) << CELL_BITS) + (millis >> octave) as usize
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where a wrong index does not compile"
)]
const fn starts() -> [u64; BINS] {
    let mut starts = [0; BINS];
    let (mut bin, mut start) = (0, 0u64);
    while bin < BINS {
        starts[bin] = start;
        start = start.saturating_add(start / 50 + 1);
        bin += 1;
    }
    assert!(start == u64::MAX, "the last bin reaches the end of 64 bits");
    starts
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated at compile time, where a wrong index does not compile"
)]
const fn cell_bins() -> [u16; CELLS] {
    let starts = starts();
    let mut bins = [0; CELLS];
    let (mut cell, mut bin) = (0, 0);
    while cell < CELLS {
        let octave = (cell >> CELL_BITS).saturating_sub(1);
        let start = (cell as u64 - ((octave as u64) << CELL_BITS)) << octave;
        while bin + 1 < BINS && starts[bin + 1] <= start {
            bin += 1;
        }
        bins[cell] = bin as u16;
        cell += 1;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, without the tables.
    fn borders() -> impl Iterator<Item = (u16, u64, u64)> {
        let mut next = Some((0u16, 0u64));
        std::iter::from_fn(move || {
            let (bin, start) = next?;
            let after = start.checked_add(start / 50 + 1);
            next = after.map(|after| (bin + 1, after));
            Some((bin, start, after.map_or(u64::MAX, |after| after - 1)))
        })
    }

    #[test]
    fn every_bin_holds_its_first_and_its_last_duration_and_is_one_percent_wide_at_most() {
        let mut bins = 0;
        for (bin, first, last) in borders() {
            assert_eq!((bin_of(first), bin_of(last)), (bin, bin), "{first} ..= {last}");
            assert_eq!(bin_of(first + (last - first) / 2), bin);
            let off = |exact: u64| (middle(bin) - exact as f64).abs() <= 0.01 * exact as f64;
            assert!(off(first) && off(last), "{first} ..= {last} by {}", middle(bin));
            bins += 1;
        }
        assert_eq!(bins, BINS);
    }

    #[test]
    fn every_duration_up_to_two_million_falls_where_the_definition_says() {
        let mut borders = borders();
        let (mut bin, _, mut last) = borders.next().unwrap();
        for millis in 0..2_000_000 {
            if millis > last {
                (bin, _, last) = borders.next().unwrap();
            }
            assert_eq!(bin_of(millis), bin, "{millis}");
        }
    }

    #[test]
    fn durations_around_every_power_of_two_fall_where_the_definition_says() {
        let borders: Vec<_> = borders().collect();
        for exponent in 0..64 {
            for step in 0..64u64 {
                let cell = (1u64 << exponent) | (step << exponent) >> 6;
                for millis in [cell.saturating_sub(1), cell, cell.saturating_add(1)] {
                    let defined =
                        borders.iter().find(|(_, first, last)| (first..=last).contains(&&millis)).unwrap();
                    assert_eq!(bin_of(millis), defined.0, "{millis}");
                }
            }
        }
    }

    #[test]
    fn the_borders_that_are_stored_for_years_have_not_moved() {
        let year = 365 * 24 * 60 * 60 * 1000;
        let bins = [0, 1, 49, 50, 51, 1000, 60_000, 3_600_000, year, u64::MAX].map(bin_of);
        assert_eq!(bins, [0, 1, 49, 50, 50, 180, 386, 592, 1051, 2070]);
    }
}

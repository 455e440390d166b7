//! What the sketch promises, against exact quantiles of the same ranks.

use proptest::{collection::vec, prelude::*, test_runner::TestRng};

use super::*;

fn sketch_of(durations: &[u64]) -> Sketch {
    let mut sketch = Sketch::default();
    durations.iter().for_each(|millis| sketch.record(*millis, 1));
    sketch
}

/// Durations around `median` milliseconds, log-normal by Box and Muller.
fn log_normal(median: f64, sigma: f64, uniform: &[(f64, f64)]) -> Vec<u64> {
    let normal = |(a, b): &(f64, f64)| (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos();
    uniform.iter().map(|pair| (median * (sigma * normal(pair)).exp()) as u64).collect()
}

fn uniform(count: usize, seed: u8) -> Vec<(f64, f64)> {
    let mut rng = TestRng::from_seed(prop::test_runner::RngAlgorithm::ChaCha, &[seed; 32]);
    (0..count).map(|_| (rng.random(), rng.random())).collect()
}

/// Any duration: small, at a border and beside it, and of any size.
fn duration() -> impl Strategy<Value = u64> {
    let border = (1..2071usize, 0..3u64).prop_map(|(bin, near)| {
        let start = (0..bin).fold(0u64, |start, _| start + start / 50 + 1);
        (start - 1).saturating_add(near)
    });
    prop_oneof![0..100u64, 100..10_000_000u64, any::<u64>(), border]
}

fn assert_quantiles(durations: &[u64]) {
    let sketch = sketch_of(durations);
    let mut sorted = durations.to_vec();
    sorted.sort_unstable();
    for q in [0.0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0] {
        let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
        let exact = sorted[rank - 1] as f64;
        let estimate = sketch.quantile(q).unwrap();
        assert!((estimate - exact).abs() <= 0.01 * exact, "q {q}: {estimate} for {exact}");
    }
}

proptest! {
    #[test]
    fn quantiles_of_log_normal_durations_are_one_percent_off_at_most(
        seed in any::<u8>(), median in 1.0..1e7f64, sigma in 0.0..4.0f64, count in 1..2000usize
    ) {
        assert_quantiles(&log_normal(median, sigma, &uniform(count, seed)));
    }

    #[test]
    fn quantiles_of_bimodal_durations_are_one_percent_off_at_most(seed in any::<u8>(), share in 1..99usize) {
        let uniform = uniform(1000, seed);
        let (fast, slow) = uniform.split_at(share * 10);
        assert_quantiles(&[log_normal(20.0, 0.3, fast), log_normal(600_000.0, 0.1, slow)].concat());
    }

    #[test]
    fn quantiles_of_constant_durations_are_one_percent_off_at_most(millis in duration(), count in 1..50usize) {
        assert_quantiles(&vec![millis; count]);
    }

    #[test]
    fn quantiles_of_any_durations_are_one_percent_off_at_most(durations in vec(duration(), 1..300)) {
        assert_quantiles(&durations);
    }

    #[test]
    fn merging_gives_the_same_in_any_order(a in vec(duration(), 0..60), b in vec(duration(), 0..60), c in vec(0..90u64, 0..60)) {
        let whole = sketch_of(&[a.clone(), b.clone(), c.clone()].concat());
        let parts = [sketch_of(&a), sketch_of(&b), sketch_of(&c)];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut sum = Sketch::default();
            order.iter().for_each(|part| sum.merge(&parts[*part]));
            prop_assert_eq!(&sum, &whole);
        }
        let mut right = parts[1].clone();
        right.merge(&parts[2]);
        let mut sum = parts[0].clone();
        sum.merge(&right);
        prop_assert_eq!(&sum, &whole);
    }

    #[test]
    fn taking_away_what_was_added_restores_the_bytes(kept in vec(duration(), 0..60), passing in vec(duration(), 0..60)) {
        let before = sketch_of(&kept);
        let mut one_by_one = before.clone();
        passing.iter().for_each(|millis| one_by_one.record(*millis, 1));
        passing.iter().rev().for_each(|millis| one_by_one.record(*millis, -1));
        prop_assert_eq!(one_by_one.to_bytes(), before.to_bytes());

        let mut difference = Sketch::default();
        passing.iter().for_each(|millis| difference.record(*millis, -1));
        let mut merged = before.clone();
        merged.merge(&sketch_of(&passing));
        merged.merge(&difference);
        prop_assert_eq!(merged.to_bytes(), before.to_bytes());
        prop_assert_eq!(difference.to_bytes().is_err(), !passing.is_empty());
    }

    #[test]
    fn what_is_written_is_read_back(durations in vec((duration(), 1..i64::MAX / 300), 0..200)) {
        let mut sketch = Sketch::default();
        durations.iter().for_each(|(millis, times)| sketch.record(*millis, *times));
        let bytes = sketch.to_bytes().unwrap();
        prop_assert_eq!(Sketch::from_bytes(&bytes), Ok(sketch));
    }

    #[test]
    fn what_is_read_would_be_written_the_same(bytes in vec(prop_oneof![0..4u8, any::<u8>()], 0..40)) {
        for bytes in [bytes.clone(), [vec![1], bytes].concat()] {
            if let Ok(sketch) = Sketch::from_bytes(&bytes) {
                prop_assert_eq!(sketch.to_bytes(), Ok(bytes));
            }
        }
    }
}

#[test]
fn rank_is_the_share_of_the_count_rounded_up() {
    let sketch = sketch_of(&[10, 20, 30, 40]);
    let quantiles = [0.0, 0.25, 0.26, 0.5, 0.75, 0.76, 1.0].map(|q| sketch.quantile(q).unwrap());
    assert_eq!(quantiles, [10.0, 10.0, 20.0, 20.0, 30.0, 40.0, 40.0]);
    assert_eq!(Sketch::default().quantile(0.5), None);
}

#[test]
fn stored_bytes_are_as_documented() {
    let mut sketch = sketch_of(&[0, 1, 1, 3, 10_000]);
    sketch.record(10_000, 299);
    assert_eq!(sketch.to_bytes().unwrap(), [1, 1, 2, 0, 1, 1, 0, 0xa3, 2, 0xac, 2]);
    assert_eq!(Sketch::default().to_bytes().unwrap(), [1]);
    for millis in [0, 1, 5000, 365 * 86_400_000, u64::MAX] {
        assert!(sketch_of(&[millis]).to_bytes().unwrap().len() <= 5, "{millis}");
    }
    sketch = Sketch::default();
    sketch.record(u64::MAX, i64::MAX);
    assert!(sketch.to_bytes().unwrap().len() <= 16);
}

#[test]
fn ten_thousand_log_normal_durations_take_800_bytes_at_most() {
    for sigma in [0.25, 0.5, 1.0, 1.5, 2.0] {
        for median in [1000.0, 3000.0, 10_000.0] {
            let bytes = sketch_of(&log_normal(median, sigma, &uniform(10_000, 7))).to_bytes().unwrap();
            assert!(bytes.len() <= 800, "{} bytes for sigma {sigma} around {median} ms", bytes.len());
        }
    }
}

#[test]
fn empty_single_merged_and_decremented_sketches_hold_what_was_recorded() {
    let empty = Sketch::default();
    assert_eq!((empty.count(), empty.is_empty(), empty.quantile(0.95)), (0, true, None));
    let one = sketch_of(&[40]);
    assert_eq!((one.count(), one.is_empty()), (1, false));
    assert!([0.0, 0.5, 1.0].iter().all(|q| one.quantile(*q) == Some(40.0)));

    let mut merged = one.clone();
    merged.merge(&empty);
    assert_eq!(merged, one);
    merged.merge(&sketch_of(&[10, 20, 30]));
    assert_eq!((merged.count(), merged.quantile(0.5), merged.quantile(1.0)), (4, Some(20.0), Some(40.0)));

    let mut decremented = merged.clone();
    decremented.record(40, -1);
    assert_eq!((decremented.count(), decremented.quantile(1.0)), (3, Some(30.0)));
    assert_eq!(decremented, sketch_of(&[10, 20, 30]));
    [10, 20, 30].iter().for_each(|millis| decremented.record(*millis, -1));
    assert_eq!(decremented, empty);
}

#[test]
fn a_duration_of_a_millisecond_to_a_year_is_one_percent_off_at_most_and_takes_16_bytes_at_most() {
    let year = 365 * 86_400_000u64;
    let mut millis = 1;
    while millis <= year {
        for millis in [millis, (millis + millis / 50).min(year)] {
            let sketch = sketch_of(&[millis]);
            let (told, exact) = (sketch.quantile(0.5).unwrap(), millis as f64);
            assert!((told - exact).abs() <= 0.01 * exact, "{told} for {exact}");
            assert!(sketch.to_bytes().unwrap().len() <= 16, "{millis}");
        }
        millis += 1 + millis / 997;
    }
    assert_quantiles(&[1, 1, 1000, 60_000, 3_600_000, 86_400_000, year, year]);
}

#[test]
fn bytes_that_are_never_written_are_refused() {
    let refused: [&[u8]; 12] = [
        &[],                                                                 // no version
        &[2, 1],                                                             // another version
        &[1, 0],                                                             // a gap without its length
        &[1, 0, 3],                                                          // a gap at the end
        &[1, 0, 0, 5],                                                       // a gap of nothing
        &[1, 0, 1, 0, 1, 5],                                                 // a gap behind a gap
        &[1, 0x81, 0],                                                       // a superfluous byte
        &[1, 0x80],                                                          // a varint without end
        &[1, 0, 0x97, 0x10, 1],                                              // one bin too far
        &[1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1], // a gap of all 64 bits
        &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],       // a count of 64 bits
        &[1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1], // counts of more than 63 bits together
    ];
    for bytes in refused {
        assert_eq!(Sketch::from_bytes(bytes), Err(SketchError), "{bytes:?}");
    }
    assert!(Sketch::from_bytes(&[1, 0, 0x96, 0x10, 1]).is_ok(), "the last bin");
}

#[test]
fn a_sketch_too_large_for_the_stored_form_is_refused() {
    let mut sketch = Sketch::default();
    sketch.record(1, i64::MAX);
    assert!(sketch.to_bytes().is_ok());
    sketch.record(2, 1);
    assert_eq!(sketch.to_bytes(), Err(SketchError));
}

//! The contracts of clock and entropy: the machine's, those of tests, and ones that break them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flowmastery_core::{
    clock::{Clock, SystemClock, Timestamp},
    entropy::{Entropy, OsEntropy},
    error::Result,
    testing::{
        clock::FixedClock,
        contract::{clock::cases as clock, entropy::cases as entropy},
        entropy::SeededEntropy,
    },
};

use super::fails;

mod system_clock {
    use super::*;

    async fn on_clock(case: impl AsyncFnOnce(Arc<dyn Clock>)) {
        case(Arc::new(SystemClock)).await;
    }

    flowmastery_core::clock_contract!(on_clock);
}

mod fixed_clock {
    use super::*;

    async fn on_clock(case: impl AsyncFnOnce(Arc<dyn Clock>)) {
        case(Arc::new(FixedClock::at(Timestamp::from_millis(1_800_000_000_000)))).await;
    }

    flowmastery_core::clock_contract!(on_clock);
}

mod os_entropy {
    use super::*;

    async fn on_source(case: impl AsyncFnOnce(Arc<dyn Entropy>)) {
        case(Arc::new(OsEntropy)).await;
    }

    flowmastery_core::entropy_contract!(on_source);
}

mod seeded_entropy {
    use super::*;

    async fn on_source(case: impl AsyncFnOnce(Arc<dyn Entropy>)) {
        case(Arc::new(SeededEntropy::new(7))).await;
    }

    flowmastery_core::entropy_contract!(on_source);
}

/// Goes back every now and then, and is far beyond every calendar.
#[derive(Debug, Default)]
struct Unsteady(AtomicU64);

impl Clock for Unsteady {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(i64::MAX)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::SeqCst) % 100)
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_or_leaves_the_calendar_is_caught() {
    assert!(fails(clock::elapsed_never_goes_back(Arc::new(Unsteady::default()))).await);
    assert!(fails(clock::now_is_an_instant_of_the_calendar(Arc::new(Unsteady::default()))).await);
}

/// Random bytes, but only the first 32 of a buffer.
#[derive(Debug)]
struct Short;

impl Entropy for Short {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        let end = buffer.len().min(32);
        OsEntropy.fill(&mut buffer[..end])
    }
}

/// Random bytes without their highest bit.
#[derive(Debug)]
struct Ascii;

impl Entropy for Ascii {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        OsEntropy.fill(buffer)?;
        buffer.iter_mut().for_each(|byte| *byte &= 0x7f);
        Ok(())
    }
}

/// The same bytes for everybody.
#[derive(Debug)]
struct Reseeded;

impl Entropy for Reseeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        SeededEntropy::new(7).fill(buffer)
    }
}

#[tokio::test]
async fn a_source_that_is_short_or_lopsided_or_repeats_itself_is_caught() {
    assert!(fails(entropy::the_whole_buffer_is_filled(Arc::new(Short))).await);
    assert!(fails(entropy::every_byte_is_as_frequent_as_every_other(Arc::new(Ascii))).await);
    assert!(fails(entropy::no_two_callers_get_the_same(Arc::new(Reseeded))).await);
}

//! The contract of [`crate::clock::Clock`], as far as one can be asked without another clock beside it.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flowmastery_core::clock::{Clock, SystemClock};
//!
//! async fn on_clock(case: impl AsyncFnOnce(Arc<dyn Clock>)) {
//!     case(Arc::new(SystemClock)).await;
//! }
//!
//! flowmastery_core::clock_contract!(on_clock);
//! # fn main() {}
//! ```

use std::{sync::Arc, time::Duration};

use super::suite;
use crate::clock::{Clock, Timestamp};

async fn elapsed_never_goes_back(clock: Arc<dyn Clock>) {
    let watch = |clock: Arc<dyn Clock>| {
        std::thread::spawn(move || {
            let mut last = Duration::ZERO;
            for _ in 0..1000 {
                let next = clock.elapsed();
                assert!(next >= last, "{next:?} came after {last:?}");
                last = next;
            }
            last
        })
    };
    let threads = [clock.clone(), clock.clone()].map(watch);
    let ends = threads.map(|thread| thread.join().unwrap());
    let now = clock.elapsed();
    assert!(ends.iter().all(|end| *end <= now), "{now:?} came after {ends:?}");
}

async fn now_is_an_instant_of_the_calendar(clock: Arc<dyn Clock>) {
    let now = clock.now();
    // Others are cut down to the calendar's ends.
    assert_eq!(Timestamp::from(now.to_jiff()), now);
    assert_eq!(Timestamp::parse(&now.to_string()), Some(now));
}

suite! { $ clock_contract in clock of std::sync::Arc<dyn crate::clock::Clock>:
    elapsed_never_goes_back,
    now_is_an_instant_of_the_calendar,
}

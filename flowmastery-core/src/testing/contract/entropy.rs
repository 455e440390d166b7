//! The contract of [`crate::entropy::Entropy`]: what a source that is broken cannot keep. That bytes cannot be guessed no test can show.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flowmastery_core::entropy::{Entropy, OsEntropy};
//!
//! async fn on_source(case: impl AsyncFnOnce(Arc<dyn Entropy>)) {
//!     case(Arc::new(OsEntropy)).await;
//! }
//!
//! flowmastery_core::entropy_contract!(on_source);
//! # fn main() {}
//! ```

use std::{collections::HashSet, sync::Arc};

use super::suite;
use crate::entropy::{Entropy, random};

async fn the_whole_buffer_is_filled(entropy: Arc<dyn Entropy>) {
    for length in 0..100 {
        let mut was_filled = vec![false; length];
        // A byte may well be zero by chance, but not every time.
        for _ in 0..16 {
            let mut buffer = vec![0; length];
            entropy.fill(&mut buffer).unwrap();
            for (was_filled, byte) in was_filled.iter_mut().zip(buffer) {
                *was_filled |= byte != 0;
            }
        }
        assert!(was_filled.iter().all(|was_filled| *was_filled), "of {length} bytes some are never filled");
    }
}

async fn every_byte_is_as_frequent_as_every_other(entropy: Arc<dyn Entropy>) {
    let mut counts = [0_u32; 256];
    for _ in 0..1024 {
        for byte in random::<64>(entropy.as_ref()).unwrap() {
            counts[usize::from(byte)] += 1;
        }
    }
    // 256 of each are expected, and 16 more or less are usual: eight times that is no chance.
    for (byte, count) in counts.iter().enumerate() {
        assert!((128..=384).contains(count), "byte {byte} came {count} times");
    }
}

async fn no_two_callers_get_the_same(entropy: Arc<dyn Entropy>) {
    let ask = |entropy: Arc<dyn Entropy>| {
        std::thread::spawn(move || {
            (0..500).map(|_| random::<16>(entropy.as_ref()).unwrap()).collect::<Vec<_>>()
        })
    };
    let threads: Vec<_> = (0..4).map(|_| ask(entropy.clone())).collect();
    let mut seen = HashSet::new();
    for thread in threads {
        for bytes in thread.join().unwrap() {
            assert!(seen.insert(bytes), "the same 16 bytes came twice");
        }
    }
}

suite! { $ entropy_contract in entropy of std::sync::Arc<dyn crate::entropy::Entropy>:
    the_whole_buffer_is_filled,
    every_byte_is_as_frequent_as_every_other,
    no_two_callers_get_the_same,
}

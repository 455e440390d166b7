//! Bytes that look random and are the same in every run: SHA-256 over a seed and a counter.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::{entropy::Entropy, error::Result};

/// A source that gives the same bytes for the same seed. Never for anything but tests.
///
/// ```
/// use flowmastery_core::{entropy::random, testing::entropy::SeededEntropy};
/// let bytes: [u8; 40] = random(&SeededEntropy::new(7)).unwrap();
/// assert_eq!(bytes, random(&SeededEntropy::new(7)).unwrap());
/// assert_ne!(bytes, random(&SeededEntropy::new(8)).unwrap());
/// ```
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    blocks: AtomicU64,
}

impl SeededEntropy {
    /// A source at its beginning.
    pub fn new(seed: u64) -> Self {
        Self { seed, blocks: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        for chunk in buffer.chunks_mut(32) {
            let block = self.blocks.fetch_add(1, Ordering::SeqCst);
            let digest = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(block.to_be_bytes())
                .finalize();
            for (byte, random) in chunk.iter_mut().zip(digest) {
                *byte = random;
            }
        }
        Ok(())
    }
}

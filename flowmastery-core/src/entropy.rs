//! Randomness for nonces, tokens and salts, and the port it comes from.

use std::fmt;

use crate::error::{Error, Kind, Result};

/// Where the services get random bytes from. One of your own is proven by `entropy_contract!` (feature `testing`).
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills the buffer with unpredictable bytes.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the source cannot deliver; nothing predictable is ever handed out instead.
    fn fill(&self, buffer: &mut [u8]) -> Result<()>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    #[expect(clippy::disallowed_methods, reason = "the one place where the system's generator is read")]
    fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        getrandom::fill(buffer).map_err(|error| {
            Error::new(Kind::Unavailable, "The system's random generator is not available.")
                .with_source(error)
        })
    }
}

/// An array of random bytes.
///
/// # Errors
/// As [`Entropy::fill`].
pub fn random<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

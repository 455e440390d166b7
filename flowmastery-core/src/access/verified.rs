//! Tokens whose signature was found good, so that it is computed once for each and not for every request.
//!
//! What is remembered follows from the token's bytes and the keys alone. Whether it is in time and its session stands is asked every time.

use std::{borrow::Borrow, fmt, hash::Hash};

use quick_cache::sync::Cache;
use zeroize::Zeroize;

use super::token::TokenSubject;

/// How many tokens are remembered; each has about 350 bytes.
const REMEMBERED: usize = 10_000;

/// Tokens by their bytes, under a hash that is keyed anew in each process, and compared whole.
pub(super) struct Verified(Cache<Proof, Stated>);

/// What a token states whose signature is good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated {
    pub(super) subject: TokenSubject,
    /// The second at which it is over.
    pub(super) expires: i64,
}

/// The bytes of a token, which nobody is shown, and which are wiped when it is forgotten.
#[derive(PartialEq, Eq, Hash)]
struct Proof(Box<[u8]>);

impl Borrow<[u8]> for Proof {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Proof {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Verified {
    pub(super) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    /// What a token states, where it is known and not over at this second.
    pub(super) fn find(&self, token: &str, now: i64) -> Option<Stated> {
        let stated = self.0.get(token.as_bytes())?;
        if now >= stated.expires {
            self.0.remove(token.as_bytes());
            return None;
        }
        Some(stated)
    }

    /// Remembers a token whose signature is good.
    pub(super) fn remember(&self, token: &str, stated: Stated) {
        self.0.insert(Proof(token.as_bytes().into()), stated);
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").finish_non_exhaustive()
    }
}

//! The id of each request, in its header, in its answer and in every line of the log about it.

use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use flowmastery_core::request;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The id of a request: taken over from `X-Request-Id` when well-formed, else made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(request::RequestId);

impl RequestId {
    /// The header that carries it, in requests and in answers.
    pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

    /// The id that a request brings along (1 to 64 of `A-Z a-z 0-9 . _ -`), else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(Self::HEADER).and_then(|id| id.to_str().ok());
        given.and_then(request::RequestId::parse).map_or_else(Self::generate, Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The id as the services take it.
    pub(crate) const fn noted(self) -> request::RequestId {
        self.0
    }

    /// The id as the value of [`Self::HEADER`].
    pub fn to_header(&self) -> HeaderValue {
        // Every character of an id may stand in a header.
        HeaderValue::from_str(self.as_str()).unwrap_or(HeaderValue::from_static("unknown"))
    }

    /// A number like a random one, without asking the system each time: the place in this process's count, hashed under two keys of its own.
    /// It tells nobody how many there were; and it need not be a secret, since it only helps to find a request in a log.
    fn generate() -> Self {
        static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
        static MADE: AtomicU64 = AtomicU64::new(0);
        let place = MADE.fetch_add(1, Ordering::Relaxed);
        let [high, low] = KEYS.each_ref().map(|key| u128::from(key.hash_one(place)));
        Self(request::RequestId::from_number(high << 64 | low))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(given: &str) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(RequestId::HEADER, HeaderValue::try_from(given).unwrap())]))
    }

    #[test]
    fn well_formed_ids_are_taken_over() {
        for given in ["a", "req-1_2.3", &"x".repeat(64)] {
            assert_eq!(id_of(given).as_str(), given);
        }
    }

    #[test]
    fn other_ids_are_replaced() {
        for given in ["", "a b", "a\"b", "ü", &"x".repeat(65)] {
            assert_ne!(id_of(given).as_str(), given);
            assert_eq!(id_of(given).as_str().len(), 32);
        }
    }

    #[test]
    fn made_ids_differ() {
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}

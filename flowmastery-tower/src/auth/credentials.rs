//! What of a request says who makes it, as an [`Authenticator`](super::Authenticator) sees it.

use std::fmt;

use http::{Extensions, HeaderMap, header};

/// The parts of a request that may hold credentials.
#[derive(Clone, Copy)]
pub struct Credentials<'r> {
    headers: &'r HeaderMap,
    extensions: &'r Extensions,
}

impl<'r> Credentials<'r> {
    /// Those of a request with these headers and extensions.
    pub const fn new(headers: &'r HeaderMap, extensions: &'r Extensions) -> Self {
        Self { headers, extensions }
    }

    /// The request's headers.
    pub const fn headers(&self) -> &'r HeaderMap {
        self.headers
    }

    /// The request's extensions, where layers of sessions leave theirs.
    pub const fn extensions(&self) -> &'r Extensions {
        self.extensions
    }

    /// Whether a browser may have sent them without being asked to: there are cookies, and no `Authorization`.
    pub fn may_be_a_cookie(&self) -> bool {
        self.headers.contains_key(header::COOKIE) && !self.headers.contains_key(header::AUTHORIZATION)
    }
}

/// Shows none of them.
impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

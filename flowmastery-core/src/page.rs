//! Pages of lists: a limit, an opaque cursor, and the items with the cursor that follows them.
//!
//! Lists are ordered by id; a cursor stands for the last id of a page, so rows that come or go never shift what follows.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::FieldError;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0.to_be_bytes()))
    }
}

impl FromStr for Cursor {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
        bytes.map(|bytes| Self(i64::from_be_bytes(bytes))).ok_or_else(|| {
            FieldError::new("cursor", "This is not a cursor of ours; take it from the Link header.")
        })
    }
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest {
    limit: u16,
    cursor: Option<Cursor>,
}

impl PageRequest {
    /// Items on a page when nothing else is asked for.
    pub const DEFAULT_LIMIT: u16 = 100;
    /// The most items on a page.
    pub const MAX_LIMIT: u16 = 250;

    /// A page of at most `limit` items (1 to 250) after `cursor`.
    ///
    /// # Errors
    /// A fault of `limit` when it is out of range.
    pub fn new(limit: Option<i64>, cursor: Option<Cursor>) -> Result<Self, FieldError> {
        let limit = limit.unwrap_or(i64::from(Self::DEFAULT_LIMIT));
        match u16::try_from(limit) {
            Ok(limit @ 1..=Self::MAX_LIMIT) => Ok(Self { limit, cursor }),
            _ => Err(FieldError::new("limit", "The limit is a whole number from 1 to 250.")),
        }
    }

    /// The most items that the page may hold.
    pub fn limit(self) -> u16 {
        self.limit
    }

    /// Where the page before this one ended.
    pub fn cursor(self) -> Option<Cursor> {
        self.cursor
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: Self::DEFAULT_LIMIT, cursor: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts a page out of rows that were read with one more than `limit`, so that the last page is known as such.
    pub fn from_rows(mut rows: Vec<T>, request: PageRequest, id: impl Fn(&T) -> i64) -> Self {
        let limit = usize::from(request.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|last| Cursor(id(last))) } else { None };
        Self { items: rows, next }
    }

    /// The same page of something else.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

//! Pages of lists: a limit, an opaque cursor, and the items with the cursor that follows them.
//!
//! A cursor stands for the position of the last item of a page, so rows that come or go never shift what follows. Most lists are
//! ordered by id, which is then the whole [`Position`].

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::error::FieldError;

/// What a list is ordered by, as numbers: an id alone, or several that decide one after the other.
pub trait Position: Copy {
    /// The numbers; of one kind of position always equally many.
    fn to_numbers(self) -> Vec<i64>;

    /// The position of these numbers; `None` when they are too few or too many.
    fn from_numbers(numbers: &[i64]) -> Option<Self>;
}

impl Position for i64 {
    fn to_numbers(self) -> Vec<i64> {
        vec![self]
    }

    fn from_numbers(numbers: &[i64]) -> Option<Self> {
        match numbers {
            [number] => Some(*number),
            _ => None,
        }
    }
}

/// Where a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor<P = i64>(pub P);

impl<P: Position> fmt::Display for Cursor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<u8> = self.0.to_numbers().into_iter().flat_map(i64::to_be_bytes).collect();
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl<P: Position> FromStr for Cursor<P> {
    type Err = FieldError;

    fn from_str(text: &str) -> Result<Self, FieldError> {
        numbers_in(text).and_then(|numbers| P::from_numbers(&numbers)).map(Self).ok_or_else(|| {
            FieldError::new("cursor", "This is not a cursor of ours; take it from the Link header.")
        })
    }
}

fn numbers_in(text: &str) -> Option<Vec<i64>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    bytes.chunks(size_of::<i64>()).map(|chunk| chunk.try_into().ok().map(i64::from_be_bytes)).collect()
}

/// Which page of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRequest<P = i64> {
    limit: u16,
    cursor: Option<Cursor<P>>,
}

impl<P: Position> PageRequest<P> {
    /// Items on a page when nothing else is asked for.
    pub const DEFAULT_LIMIT: u16 = 100;
    /// The most items on a page.
    pub const MAX_LIMIT: u16 = 250;

    /// A page of at most `limit` items (1 to 250) after `cursor`.
    ///
    /// # Errors
    /// A fault of `limit` when it is out of range.
    pub fn new(limit: Option<i64>, cursor: Option<Cursor<P>>) -> Result<Self, FieldError> {
        let limit = limit.unwrap_or(i64::from(Self::DEFAULT_LIMIT));
        match u16::try_from(limit) {
            Ok(limit) if (1..=Self::MAX_LIMIT).contains(&limit) => Ok(Self { limit, cursor }),
            _ => Err(FieldError::new("limit", "The limit is a whole number from 1 to 250.")),
        }
    }

    /// A page for ourselves of what has to be read to its end: long, so that there are few, and not so long that they fill the memory.
    pub(crate) const fn long(cursor: Option<Cursor<P>>) -> Self {
        Self { limit: 10_000, cursor }
    }

    /// The page of the same length that begins at `cursor`.
    #[must_use]
    pub fn after(self, cursor: Cursor<P>) -> Self {
        Self { cursor: Some(cursor), ..self }
    }

    /// The most items that the page may hold.
    pub fn limit(self) -> u16 {
        self.limit
    }

    /// Where the page before this one ended.
    pub fn cursor(self) -> Option<Cursor<P>> {
        self.cursor
    }
}

impl<P: Position> Default for PageRequest<P> {
    fn default() -> Self {
        Self { limit: Self::DEFAULT_LIMIT, cursor: None }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T, P = i64> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<Cursor<P>>,
}

impl<T, P: Position> Page<T, P> {
    /// Cuts a page out of rows that were read with one more than `limit`, so that the last page is known as such.
    pub fn from_rows(mut rows: Vec<T>, request: PageRequest<P>, position: impl Fn(&T) -> P) -> Self {
        let limit = usize::from(request.limit);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|last| Cursor(position(last))) } else { None };
        Self { items: rows, next }
    }

    /// The same page of something else.
    pub fn map<U>(self, each: impl FnMut(T) -> U) -> Page<U, P> {
        Page { items: self.items.into_iter().map(each).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq)]
    struct Pair(i64, i64);

    impl Position for Pair {
        fn to_numbers(self) -> Vec<i64> {
            vec![self.0, self.1]
        }

        fn from_numbers(numbers: &[i64]) -> Option<Self> {
            let [first, second] = *numbers else { return None };
            Some(Self(first, second))
        }
    }

    fn request(limit: i64, cursor: Option<Cursor>) -> PageRequest {
        PageRequest::new(Some(limit), cursor).unwrap()
    }

    #[test]
    fn a_cursor_reads_back_as_written() {
        for id in [0, 1, -1, 250, i64::MAX, i64::MIN] {
            let text = Cursor(id).to_string();
            assert!(
                text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'),
                "{text}"
            );
            assert_eq!(text.parse(), Ok(Cursor(id)));
        }
    }

    #[test]
    fn a_position_of_several_numbers_is_no_id_and_an_id_is_no_such_position() {
        let pair = Cursor(Pair(-7, i64::MAX));
        assert_eq!(pair.to_string().parse(), Ok(pair));
        assert!(pair.to_string().parse::<Cursor>().is_err());
        assert!(Cursor(7).to_string().parse::<Cursor<Pair>>().is_err());
    }

    #[test]
    fn what_is_no_cursor_of_ours_is_a_fault_of_cursor() {
        for text in [
            "",
            "7",
            "AAAAAAAAAA",
            "AAAAAAAAAAE=",
            "AAAAAAAAAAEA",
            "AAAAAAAAAA\u{e9}",
            "eyJsYXN0SWQiOiIzNzYifQ",
        ] {
            assert_eq!(text.parse::<Cursor>().unwrap_err().field, "cursor", "{text}");
        }
    }

    #[test]
    fn a_limit_is_1_to_250_and_100_when_absent() {
        let default = PageRequest::<i64>::default();
        assert_eq!((PageRequest::new(None, None).unwrap(), default.limit()), (default, 100));
        for limit in [1, 250] {
            assert_eq!(i64::from(request(limit, None).limit()), limit);
        }
        for limit in [0, -1, 251, 65_537, i64::MAX, i64::MIN] {
            assert_eq!(PageRequest::<i64>::new(Some(limit), None).unwrap_err().field, "limit", "{limit}");
        }
    }

    #[test]
    fn pages_follow_each_other_to_the_last_one() {
        let ids: Vec<i64> = (1..=7).collect();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = request(3, cursor);
            let after = request.cursor().map_or(0, |Cursor(id)| id);
            let rows = ids.iter().copied().filter(|id| *id > after).take(usize::from(request.limit()) + 1);
            let page = Page::from_rows(rows.collect(), request, |id| *id).map(|id| id * 10);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [10, 20, 30, 40, 50, 60, 70]);
    }

    #[test]
    fn a_full_last_page_is_the_last_and_an_empty_one_too() {
        assert_eq!(Page::from_rows(vec![1, 2], request(2, None), |id| *id).next, None);
        assert_eq!(Page::from_rows(vec![1, 2, 3], request(2, None), |id| *id).next, Some(Cursor(2)));
        assert_eq!(Page::from_rows(Vec::<i64>::new(), request(2, None), |id| *id).next, None);
    }

    proptest! {
        #[test]
        fn what_is_read_as_a_cursor_is_written_the_same(text in "[A-Za-z0-9_=-]{0,24}|\\PC{0,16}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
            if let Ok(cursor) = text.parse::<Cursor<Pair>>() {
                prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
            }
        }
    }
}

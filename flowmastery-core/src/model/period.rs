//! Periods: which span of time an answer covers, with borders in the caller's time zone.

use crate::{
    clock::Timestamp,
    error::FieldError,
    model::{execution::Class, rollup::Range},
};

/// What a caller asked for, checked: `?period=`, or `?from=&to=`, with `?tz=` and `?include=`.
#[derive(Clone, Debug, Default)]
pub struct PeriodQuery {
    _private: (),
}

/// The spans that an answer covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// What is counted; `from` lies at the beginning of time for `all`.
    pub current: Range,
    /// What trends compare with: the same elapsed length just before; `None` for `all`.
    pub previous: Option<Range>,
    /// Whether the period is `all`.
    pub is_all: bool,
}

impl PeriodQuery {
    /// Checks the query parameters as given; `None` where one is absent.
    ///
    /// # Errors
    /// Every fault, each with its parameter's name.
    pub fn parse(
        period: Option<&str>,
        from_to: (Option<&str>, Option<&str>),
        tz: Option<&str>,
        include: Option<&str>,
    ) -> Result<Self, Vec<FieldError>> {
        let _ = (period, from_to, tz, include);
        Ok(Self::default())
    }

    /// The borders as they are at `now`.
    pub fn at(&self, now: Timestamp) -> Period {
        let current = Range { from: now, to: now };
        Period { current, previous: None, is_all: false }
    }

    /// The classes that count.
    pub fn classes(&self) -> &[Class] {
        &[Class::Production]
    }
}

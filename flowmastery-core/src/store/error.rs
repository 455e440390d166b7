//! What a store reports.

use std::{fmt, time::Duration};

use crate::error::{BoxError, Error, Kind};

/// The result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// What a store reports. Missing rows are no errors but `None`.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreError {
    /// The row exists already, or the change contradicts what is stored; the sentence says what.
    Conflict(&'static str),
    /// The database cannot be reached, or has no connection free in time.
    Unavailable(BoxError),
    /// A stored value that we never write; the row is named.
    Corrupt(String),
    /// Anything else that the database reports.
    Internal(BoxError),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(what) => f.write_str(what),
            Self::Unavailable(_) => f.write_str("the database is not available"),
            Self::Corrupt(what) => write!(f, "stored data is not valid: {what}"),
            Self::Internal(_) => f.write_str("the database refused a statement"),
        }
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Conflict(_) | Self::Corrupt(_) => None,
            Self::Unavailable(source) | Self::Internal(source) => Some(source.as_ref()),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::new(Kind::Conflict, what),
            StoreError::Unavailable(_) => Self::new(Kind::Unavailable, "The database is not available.")
                .with_retry_after(Duration::from_secs(5))
                .with_source(error),
            StoreError::Corrupt(_) | StoreError::Internal(_) => Self::internal(error),
        }
    }
}

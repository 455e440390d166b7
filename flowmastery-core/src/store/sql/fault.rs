//! What a database's error means for the caller.

use sqlx::{Error, error::DatabaseError};

use crate::store::StoreError;

/// An outage is [`StoreError::Unavailable`]; everything else is a fault of ours or of the data.
pub(super) fn fault(error: Error) -> StoreError {
    let unavailable = match &error {
        Error::PoolTimedOut | Error::PoolClosed | Error::Io(_) | Error::Tls(_) | Error::WorkerCrashed => true,
        Error::Database(error) => is_outage(error.as_ref()),
        _ => false,
    };
    if unavailable { StoreError::Unavailable(error.into()) } else { StoreError::Internal(error.into()) }
}

/// A stored value that we never write.
pub(super) fn corrupt(table: &str, id: impl std::fmt::Display, column: &str) -> StoreError {
    StoreError::Corrupt(format!("{table} {id}, {column}"))
}

fn is_outage(error: &dyn DatabaseError) -> bool {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref() {
        return super::postgres::is_outage(error);
    }
    #[cfg(feature = "sqlite")]
    if let Some(error) = error.try_downcast_ref() {
        return super::sqlite::is_outage(error);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outages_are_unavailable_and_everything_else_is_internal() {
        assert!(matches!(fault(Error::PoolTimedOut), StoreError::Unavailable(_)));
        assert!(matches!(
            fault(Error::Io(std::io::ErrorKind::ConnectionRefused.into())),
            StoreError::Unavailable(_)
        ));
        assert!(matches!(fault(Error::RowNotFound), StoreError::Internal(_)));
    }
}

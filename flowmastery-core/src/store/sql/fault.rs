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
    let Some(code) = error.code() else { return false };
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // The low byte of an extended code is the primary one: busy, locked, input/output, cannot open.
        return code.parse::<i32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 14));
    }
    // Connection faults, shutting down or starting up, too many connections.
    code.starts_with("08") || code.starts_with("57P0") || code == "53300"
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

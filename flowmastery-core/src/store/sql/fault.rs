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
    is_postgres_outage(&code)
}

/// Whether the same statement may well succeed a little later, by its SQLSTATE.
fn is_postgres_outage(code: &str) -> bool {
    const STATES: [&str; 6] = [
        "25006", // a server that only reads: the one that writes has moved
        "25P03", // idle in a transaction for too long
        "40001", // not serializable
        "40P01", // a deadlock
        "55P03", // no lock in time
        "57014", // canceled: out of time
    ];
    // Connection faults, no resources, shutting down or starting up; 58 is a fault of the system under the server.
    let classes = ["08", "53", "57P0", "58"];
    STATES.contains(&code) || classes.iter().any(|class| code.starts_with(class))
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
        for code in ["08006", "53300", "53100", "57P01", "57P03", "57P05", "58030", "40P01", "55P03"] {
            assert!(is_postgres_outage(code), "{code}");
        }
        for code in ["42P01", "42501", "23505", "22P02", "28P01", "40002", "57000"] {
            assert!(!is_postgres_outage(code), "{code}");
        }
    }
}

//! Leasing mails: on Postgres hosts pass over what another one is leasing, SQLite has one writer.

use super::super::outbox::MailRow;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    store::{
        StoreResult,
        sql::{
            fault::fault,
            pool::{Tx, by_database},
        },
    },
};

/// The statement, with what locks the rows that it found.
macro_rules! lease {
    ($lock:literal) => {
        concat!(
            "WITH due AS (SELECT id FROM outbox WHERE next_attempt_at <= $1 AND ($2 IS NULL OR client_id = $2)
                          ORDER BY next_attempt_at, id LIMIT $3 ",
            $lock,
            ") UPDATE outbox SET attempts = attempts + 1, next_attempt_at = $4 WHERE id IN (SELECT id FROM due)
             RETURNING id, attempts, key, sealed_mail, invitation_id, created_at"
        )
    };
}

/// Leases at most `limit` mails from now until `until`.
pub(in crate::store::sql) async fn lease_mails(
    tx: &mut Tx,
    scope: TenantScope,
    (now, until): (Timestamp, Timestamp),
    limit: u16,
) -> StoreResult<Vec<MailRow>> {
    let limit = i64::from(limit);
    by_database!(
        tx.db(),
        |pg| {
            let query = sqlx::query_as(lease!("FOR UPDATE SKIP LOCKED"));
            query.bind(now).bind(scope.only()).bind(limit).bind(until).fetch_all(pg).await
        },
        |lite| {
            let query = sqlx::query_as(lease!(""));
            query.bind(now).bind(scope.only()).bind(limit).bind(until).fetch_all(lite).await
        }
    )
    .map_err(fault)
}

//! Setting and clearing a client's n8n: what its collection forgets by it, and what is noted of it.

use super::entry;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{audit::AuditAction, client::SealedInstance, instance::InstanceUrl},
    store::{
        StoreResult,
        sql::{
            audit,
            pool::{Tx, execute, fetch_one},
        },
    },
};

/// Notes which n8n a client has now, and which it had; nothing where it had and has none. A path may hold a token of a proxy, so only
/// scheme, host and port are noted.
pub(super) async fn note(
    tx: &mut Tx,
    (scope, id): (TenantScope, ClientId),
    (before, instance): (Option<InstanceUrl>, Option<&SealedInstance>),
    now: Timestamp,
) -> StoreResult<()> {
    let action = match (&before, instance) {
        (_, Some(_)) => AuditAction::N8nKeySet,
        (Some(_), None) => AuditAction::N8nKeyRemoved,
        (None, None) => return Ok(()),
    };
    let mut entry = entry(action, scope.author(), id, now);
    if let Some(instance) = instance {
        entry = entry.with("n8n", instance.url.origin());
    }
    if let Some(before) = before {
        entry = entry.with("n8n_before", before.origin());
    }
    audit::insert(tx.db(), entry).await
}

/// Sets or clears a client's n8n; the address before, or `None` when there is no such client.
pub(in crate::store::sql) async fn configure(
    tx: &mut Tx,
    (scope, id): (TenantScope, ClientId),
    instance: Option<&SealedInstance>,
    now: Timestamp,
) -> StoreResult<Option<Option<InstanceUrl>>> {
    let url = instance.map(|instance| instance.url.as_str());
    let started = execute!(
        tx.db(),
        "UPDATE collections SET turn = turn + 1, leased_until = NULL, last_attempt_at = NULL, next_attempt_at = NULL,
             failures = 0, failure_status = NULL, failure_message = NULL
         WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
        id,
        scope.only(),
    )?;
    if started == 0 {
        return Ok(None);
    }
    // Whoever changes it has locked the row of `collections` first.
    let (before,): (Option<String>,) =
        fetch_one!(tx.db(), "SELECT n8n_api_url FROM clients WHERE id = $1", id)?;
    execute!(
        tx.db(),
        "UPDATE collections SET identified = FALSE, complete_to = NULL, back_filled = FALSE, walk_cursor = NULL,
             walk_below = NULL, walk_rows = 0, walked_at = NULL, listed = NULL, probed_to = NULL,
             progress_executions = NULL, progress_oldest = NULL
         WHERE client_id = $1 AND client_id IN (SELECT id FROM clients WHERE id = $1 AND n8n_api_url IS DISTINCT FROM $2)",
        id,
        url,
    )?;
    execute!(
        tx.db(),
        "UPDATE clients SET n8n_api_url = $2, n8n_api_key_encrypted = $3, updated_at = $4
         WHERE id = $1 AND deleted_at IS NULL",
        id,
        url,
        instance.map(|instance| instance.key.as_str()),
        now,
    )?;
    Ok(Some(before.map(InstanceUrl::stored)))
}

//! The audit log in SQL. The transaction that changes something adds its entry with [`insert`].

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore, dialect,
    fault::corrupt,
    pool::{Db, execute, fetch_all},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{AuditId, ClientId, UserId},
    model::audit::{AuditAction, AuditEntry, AuditFilter, AuditPosition},
    page::{Page, PageRequest},
    store::{AuditStore, NewAuditEntry, StoreError, StoreResult},
};

/// Adds an entry. The actor's address is the one that stands in the store now: who deletes a user adds the entry first.
pub(super) async fn insert(db: Db<'_>, entry: NewAuditEntry) -> StoreResult<()> {
    // No user has the number 0; for none Postgres would plan to read all.
    execute!(
        db,
        "INSERT INTO audit_log (at, action, actor_id, actor_email, client_id, subject_kind, subject_id, address, request_id, detail)
         VALUES ($1, $2, $3, (SELECT email FROM users WHERE id = COALESCE($3, 0)), $4, $5, $6, $7, $8, $9)",
        entry.at,
        entry.action.as_str(),
        entry.actor,
        entry.client,
        entry.subject.map(|subject| subject.kind()),
        entry.subject.map(|subject| subject.id()),
        entry.origin.address.map(|address| address.to_string()),
        entry.origin.request_id.map(|id| id.to_string()),
        entry.detail.to_json(),
    )?;
    Ok(())
}

#[derive(FromRow)]
struct AuditRow {
    id: AuditId,
    at: Timestamp,
    action: String,
    actor_id: Option<UserId>,
    actor_email: Option<String>,
    client_id: Option<ClientId>,
    subject_kind: Option<String>,
    subject_id: Option<i64>,
    address: Option<String>,
    request_id: Option<String>,
    detail: String,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = StoreError;

    fn try_from(row: AuditRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            at: row.at,
            action: row.action,
            actor_id: row.actor_id,
            actor_email: row.actor_email,
            client_id: row.client_id,
            subject_kind: row.subject_kind,
            subject_id: row.subject_id,
            address: row.address,
            request_id: row.request_id,
            detail: serde_json::from_str(&row.detail).map_err(|_| corrupt("audit_log", row.id, "detail"))?,
        })
    }
}

/// The statement that reads entries, led by what an index begins with.
macro_rules! select_audit {
    ($leading:literal) => {
        concat!(
            "SELECT id, at, action, actor_id, actor_email, client_id, subject_kind, subject_id, address, request_id, detail
             FROM audit_log WHERE ",
            $leading,
            " AND at >= $4 AND (at, id) < ($5, $6) AND ($7 IS NULL OR client_id = $7) ORDER BY at DESC, id DESC LIMIT $8"
        )
    };
}

/// One text for each index, since a database does not choose by what is not asked for; the rarest first.
fn statement(filter: &AuditFilter) -> &'static str {
    match (filter.actor, filter.client, filter.action) {
        (Some(_), ..) => {
            select_audit!("($1 IS NULL OR action = $1) AND actor_id = $2 AND ($3 IS NULL OR client_id = $3)")
        }
        (_, Some(_), _) => {
            select_audit!("($1 IS NULL OR action = $1) AND ($2 IS NULL OR actor_id = $2) AND client_id = $3")
        }
        (.., Some(_)) => {
            select_audit!("action = $1 AND ($2 IS NULL OR actor_id = $2) AND ($3 IS NULL OR client_id = $3)")
        }
        _ => select_audit!(
            "($1 IS NULL OR action = $1) AND ($2 IS NULL OR actor_id = $2) AND ($3 IS NULL OR client_id = $3)"
        ),
    }
}

#[async_trait]
impl AuditStore for SqlStore {
    async fn note(&self, entry: NewAuditEntry) -> StoreResult<()> {
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        insert(tx.db(), entry).await?;
        tx.commit().await
    }

    async fn list_audit(
        &self,
        scope: TenantScope,
        filter: &AuditFilter,
        page: PageRequest<AuditPosition>,
    ) -> StoreResult<Page<AuditEntry, AuditPosition>> {
        // Whose scope is one client's has that client's index.
        let filter = AuditFilter { client: filter.client.or(scope.only()), ..*filter };
        let end = AuditPosition::start_of(filter.range.to);
        let below = page.cursor().map_or(end, |cursor| cursor.0.min(end));
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<AuditRow> = fetch_all!(
            conn.db(),
            statement(&filter),
            filter.action.map(AuditAction::as_str),
            filter.actor,
            filter.client,
            filter.range.from,
            below.at,
            below.id,
            scope.only(),
            i64::from(page.limit()) + 1,
        )?;
        let entries = rows.into_iter().map(AuditEntry::try_from).collect::<StoreResult<_>>()?;
        Ok(Page::from_rows(entries, page, |entry: &AuditEntry| AuditPosition { at: entry.at, id: entry.id }))
    }

    async fn remove_old_audit(&self, before: Timestamp, rows: u32) -> StoreResult<u64> {
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        let gone = dialect::remove_old_audit(tx.db(), before, rows).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

//! Clients in SQL.
//!
//! A client's row of `collections` goes when the client is deleted, so that a collection under way, which locks that row, stores
//! nothing more.

pub(super) mod instance;

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore, audit,
    dialect::{self, Lock},
    fault::corrupt,
    pool::{Db, Tx, execute, fetch_all, fetch_one, fetch_optional},
    progress::parse_gaps,
};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::ClientId,
    model::{
        audit::{AuditAction, AuditDetail, AuditSubject},
        client::{ClientName, NewClient, Progress, SealedInstance},
        freshness::ConnectionStatus,
        instance::InstanceUrl,
    },
    page::{Page, PageRequest},
    secret::Sealed,
    store::{ClientStore, CollectionRecord, Configured, Failure, NewAuditEntry, StoreError, StoreResult},
};

/// The statement that reads living clients `c` with their collection `k`, and how it goes on; with more columns, where some are given before that.
macro_rules! select_client {
    ($rest:literal) => {
        $crate::store::sql::client::select_client!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT ", $more, "c.id, c.name, c.n8n_api_url, c.n8n_api_key_encrypted IS NOT NULL AS has_n8n_api_key, c.created_at,
                    c.updated_at, k.data_version, k.changed_at, k.back_filled,
                    k.last_attempt_at, k.last_success_at, k.imported_at, k.failure_status, k.failure_message,
                    k.progress_executions, k.progress_oldest, k.gaps, k.epoch_begun_at
             FROM clients c JOIN collections k ON k.client_id = c.id WHERE c.deleted_at IS NULL AND ",
            $rest
        )
    };
}
pub(super) use select_client;

#[derive(FromRow)]
pub(super) struct ClientRow {
    id: ClientId,
    name: String,
    n8n_api_url: Option<String>,
    has_n8n_api_key: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    data_version: i64,
    changed_at: Option<Timestamp>,
    back_filled: bool,
    last_attempt_at: Option<Timestamp>,
    last_success_at: Option<Timestamp>,
    imported_at: Option<Timestamp>,
    failure_status: Option<String>,
    failure_message: Option<String>,
    progress_executions: Option<i64>,
    progress_oldest: Option<Timestamp>,
    gaps: String,
    epoch_begun_at: Option<Timestamp>,
}

impl TryFrom<ClientRow> for Configured {
    type Error = StoreError;

    fn try_from(row: ClientRow) -> StoreResult<Self> {
        let failure = match (row.failure_status, row.failure_message) {
            (Some(status), Some(message)) => {
                let status = ConnectionStatus::parse(&status);
                let status = status.ok_or_else(|| corrupt("collections", row.id, "failure_status"))?;
                Some(Failure { status, message })
            }
            _ => None,
        };
        let progress =
            row.progress_executions.map(|executions| Progress { executions, oldest: row.progress_oldest });
        Ok(Self {
            id: row.id,
            name: ClientName::stored(row.name),
            n8n_api_url: row.n8n_api_url.map(InstanceUrl::stored),
            has_n8n_api_key: row.has_n8n_api_key,
            created_at: row.created_at,
            updated_at: row.updated_at,
            collection: CollectionRecord {
                data_version: row.data_version,
                changed_at: row.changed_at,
                back_filled: row.back_filled,
                last_attempt_at: row.last_attempt_at,
                last_success_at: row.last_success_at,
                imported_at: row.imported_at,
                failure,
                progress,
                gaps: parse_gaps(row.id, &row.gaps)?,
                epoch_begun_at: row.epoch_begun_at,
            },
        })
    }
}

async fn find(db: Db<'_>, scope: TenantScope, id: ClientId) -> StoreResult<Option<Configured>> {
    let row: Option<ClientRow> =
        fetch_optional!(db, select_client!("c.id = $1 AND ($2 IS NULL OR c.id = $2)"), id, scope.only())?;
    row.map(Configured::try_from).transpose()
}

fn sealed(url: String, key: String) -> SealedInstance {
    SealedInstance { url: InstanceUrl::stored(url), key: Sealed::from_stored(key) }
}

#[async_trait]
impl ClientStore for SqlStore {
    async fn create_client(&self, author: Option<Author>, client: NewClient) -> StoreResult<Configured> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let id = insert(&mut tx, &client).await?;
        let entry = entry(AuditAction::ClientCreated, author, id, client.created_at);
        audit::insert(tx.db(), entry.with("name", client.name.as_str())).await?;
        tx.commit().await?;
        Ok(Configured {
            id,
            name: client.name,
            n8n_api_url: None,
            has_n8n_api_key: false,
            created_at: client.created_at,
            updated_at: client.created_at,
            collection: CollectionRecord::default(),
        })
    }

    async fn find_client(&self, scope: TenantScope, id: ClientId) -> StoreResult<Option<Configured>> {
        find(self.pool.read(scope).await?.db(), scope, id).await
    }

    async fn list_clients(&self, scope: TenantScope, page: PageRequest) -> StoreResult<Page<Configured>> {
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<ClientRow> = fetch_all!(
            conn.db(),
            select_client!("($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id > $2) ORDER BY c.id LIMIT $3"),
            scope.only(),
            page.cursor().map(|cursor| cursor.0),
            i64::from(page.limit()) + 1,
        )?;
        let clients = rows.into_iter().map(Configured::try_from).collect::<StoreResult<_>>()?;
        Ok(Page::from_rows(clients, page, |client: &Configured| client.id.0))
    }

    async fn rename_client(
        &self,
        scope: TenantScope,
        id: ClientId,
        name: &ClientName,
        now: Timestamp,
    ) -> StoreResult<Option<Configured>> {
        let mut tx = self.pool.begin(scope).await?;
        // Locks the client, so that the name before is the one that this replaces.
        let before: Option<(String,)> = fetch_optional!(
            tx.db(),
            "UPDATE clients SET updated_at = $3 WHERE id = $1 AND ($2 IS NULL OR id = $2) AND deleted_at IS NULL RETURNING name",
            id,
            scope.only(),
            now,
        )?;
        let Some((before,)) = before else { return Ok(None) };
        execute!(tx.db(), "UPDATE clients SET name = $2 WHERE id = $1", id, name.as_str())?;
        let detail = AuditDetail::default().changed("name", before.as_str(), name.as_str());
        if !detail.is_empty() {
            let entry = entry(AuditAction::ClientRenamed, scope.author(), id, now).saying(detail);
            audit::insert(tx.db(), entry).await?;
        }
        let client = find(tx.db(), scope, id).await?;
        tx.commit().await?;
        Ok(client)
    }

    async fn set_instance(
        &self,
        scope: TenantScope,
        id: ClientId,
        instance: Option<&SealedInstance>,
        now: Timestamp,
    ) -> StoreResult<Option<Configured>> {
        let mut tx = self.pool.begin(scope).await?;
        let Some(before) = instance::configure(&mut tx, (scope, id), instance, now).await? else {
            return Ok(None);
        };
        instance::note(&mut tx, (scope, id), (before, instance), now).await?;
        let client = find(tx.db(), scope, id).await?;
        tx.commit().await?;
        Ok(client)
    }

    async fn find_instance(&self, scope: TenantScope, id: ClientId) -> StoreResult<Option<SealedInstance>> {
        let mut conn = self.pool.read(scope).await?;
        let row: Option<(String, String)> = fetch_optional!(
            conn.db(),
            "SELECT n8n_api_url, n8n_api_key_encrypted FROM clients
             WHERE id = $1 AND ($2 IS NULL OR id = $2) AND deleted_at IS NULL AND n8n_api_url IS NOT NULL",
            id,
            scope.only(),
        )?;
        Ok(row.map(|(url, key)| sealed(url, key)))
    }

    async fn delete_client(&self, scope: TenantScope, id: ClientId, now: Timestamp) -> StoreResult<bool> {
        let mut tx = self.pool.begin(scope).await?;
        // An invitation that is being made is there to be deleted, or is made later and finds no client.
        dialect::lock(&mut tx, Lock::Invitations).await?;
        let deleted = execute!(
            tx.db(),
            "DELETE FROM collections WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            id,
            scope.only(),
        )?;
        if deleted == 0 {
            return Ok(false);
        }
        execute!(
            tx.db(),
            "UPDATE clients SET deleted_at = $2, n8n_api_url = NULL, n8n_api_key_encrypted = NULL WHERE id = $1",
            id,
            now,
        )?;
        // Invitations first: that waits for an acceptance under way, whose user is then there to be deleted.
        execute!(tx.db(), "DELETE FROM invitations WHERE client_id = $1", id)?;
        let users = execute!(tx.db(), "DELETE FROM users WHERE client_id = $1", id)?;
        let (name,): (String,) = fetch_one!(tx.db(), "SELECT name FROM clients WHERE id = $1", id)?;
        let entry = entry(AuditAction::ClientDeleted, scope.author(), id, now).with("name", name);
        audit::insert(tx.db(), entry.with("users", users)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn purge_deleted(&self, scope: TenantScope, rows: u32) -> StoreResult<u64> {
        let (budget, mut purged) = (u64::from(rows), 0);
        while purged < budget {
            // Mostly there is none, and looking takes no lock of writers.
            let Some(client) = find_deleted(self.pool.read(scope).await?.db(), scope).await? else { break };
            let mut tx = self.pool.begin(scope).await?;
            // Two that purge would skip each other's rows and delete the client before its last ones; one is enough.
            if !dialect::try_lock(&mut tx, Lock::Purge).await? {
                break;
            }
            purged += purge(&mut tx, client, budget - purged).await?;
            tx.commit().await?;
        }
        Ok(purged)
    }
}

/// Stores a client with its collection.
pub(super) async fn insert(tx: &mut Tx, client: &NewClient) -> StoreResult<ClientId> {
    let (id,): (ClientId,) = fetch_one!(
        tx.db(),
        "INSERT INTO clients (name, created_by_admin_id, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id",
        client.name.as_str(),
        client.created_by_admin_id,
        client.created_at,
    )?;
    execute!(tx.db(), "INSERT INTO collections (client_id) VALUES ($1)", id)?;
    Ok(id)
}

/// What is noted of something that was done to a client.
fn entry(action: AuditAction, author: Option<Author>, id: ClientId, now: Timestamp) -> NewAuditEntry {
    NewAuditEntry::new(action, now).by(author).of(id).on(AuditSubject::Client(id))
}

async fn find_deleted(db: Db<'_>, scope: TenantScope) -> StoreResult<Option<ClientId>> {
    let row: Option<(ClientId,)> = fetch_optional!(
        db,
        "SELECT id FROM clients WHERE deleted_at IS NOT NULL AND ($1 IS NULL OR id = $1) ORDER BY id LIMIT 1",
        scope.only(),
    )?;
    Ok(row.map(|(id,)| id))
}

/// Deletes at most `budget` rows of a deleted client, its own row last; how many went.
async fn purge(tx: &mut Tx, client: ClientId, budget: u64) -> StoreResult<u64> {
    const STATEMENTS: [&str; 5] = [
        "DELETE FROM executions WHERE (client_id, epoch, execution_id) IN
             (SELECT client_id, epoch, execution_id FROM executions WHERE client_id = $1 LIMIT $2)",
        "DELETE FROM rollups WHERE (client_id, width, bucket, workflow_id, class) IN
             (SELECT client_id, width, bucket, workflow_id, class FROM rollups WHERE client_id = $1 LIMIT $2)",
        "DELETE FROM workflows WHERE (client_id, workflow_id) IN
             (SELECT client_id, workflow_id FROM workflows WHERE client_id = $1 LIMIT $2)",
        "DELETE FROM epochs WHERE (client_id, epoch) IN
             (SELECT client_id, epoch FROM epochs WHERE client_id = $1 LIMIT $2)",
        "DELETE FROM clients WHERE id IN (SELECT id FROM clients WHERE id = $1 LIMIT $2)",
    ];
    let mut purged = 0;
    for statement in STATEMENTS {
        let left = i64::try_from(budget - purged).unwrap_or(i64::MAX);
        if left == 0 {
            break;
        }
        purged += execute!(tx.db(), statement, client, left)?;
    }
    Ok(purged)
}

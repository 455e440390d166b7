//! Sealed texts in SQL. Whoever stores another one meanwhile is not written over: a text is replaced only while it is the one that was read.

use async_trait::async_trait;

use super::{
    SqlStore,
    fault::corrupt,
    pool::{execute, fetch_all},
};
use crate::{
    access::scope::TenantScope,
    id::{ClientId, MailId},
    page::{Page, PageRequest},
    secret::{MailKey, Place, Sealed},
    store::{SealedColumn, SealedRow, SealedStore, StoreResult},
};

#[async_trait]
impl SealedStore for SqlStore {
    async fn list_sealed(
        &self,
        scope: TenantScope,
        column: SealedColumn,
        page: PageRequest,
    ) -> StoreResult<Page<SealedRow>> {
        let rows = match column {
            SealedColumn::N8nKeys => keys(self, scope, page).await?,
            SealedColumn::Mails => mails(self, scope, page).await?,
        };
        Ok(Page::from_rows(rows, page, |row: &SealedRow| row.id))
    }

    async fn replace_sealed(
        &self,
        scope: TenantScope,
        column: SealedColumn,
        row: &SealedRow,
        anew: &Sealed,
    ) -> StoreResult<bool> {
        let mut tx = self.pool.write(scope).await?;
        let statement = match column {
            SealedColumn::N8nKeys => {
                "UPDATE clients SET n8n_api_key_encrypted = $3
                 WHERE id = $1 AND ($2 IS NULL OR id = $2) AND n8n_api_key_encrypted = $4"
            }
            SealedColumn::Mails => {
                "UPDATE outbox SET sealed_mail = $3
                 WHERE id = $1 AND ($2 IS NULL OR client_id = $2) AND sealed_mail = $4"
            }
        };
        let replaced =
            execute!(tx.db(), statement, row.id, scope.only(), anew.as_str(), row.sealed.as_str())?;
        tx.commit().await?;
        Ok(replaced > 0)
    }
}

async fn keys(store: &SqlStore, scope: TenantScope, page: PageRequest) -> StoreResult<Vec<SealedRow>> {
    let mut conn = store.pool.read(scope).await?;
    let rows: Vec<(ClientId, String)> = fetch_all!(
        conn.db(),
        "SELECT id, n8n_api_key_encrypted FROM clients
         WHERE n8n_api_key_encrypted IS NOT NULL AND ($1 IS NULL OR id = $1) AND ($2 IS NULL OR id > $2)
         ORDER BY id LIMIT $3",
        scope.only(),
        page.cursor().map(|cursor| cursor.0),
        i64::from(page.limit()) + 1,
    )?;
    let row = |(id, text): (ClientId, String)| SealedRow {
        id: id.0,
        place: Place::n8n_key(id),
        sealed: Sealed::from_stored(text),
    };
    Ok(rows.into_iter().map(row).collect())
}

async fn mails(store: &SqlStore, scope: TenantScope, page: PageRequest) -> StoreResult<Vec<SealedRow>> {
    let mut conn = store.pool.read(scope).await?;
    let rows: Vec<(MailId, String, String)> = fetch_all!(
        conn.db(),
        "SELECT id, key, sealed_mail FROM outbox
         WHERE ($1 IS NULL OR client_id = $1) AND ($2 IS NULL OR id > $2) ORDER BY id LIMIT $3",
        scope.only(),
        page.cursor().map(|cursor| cursor.0),
        i64::from(page.limit()) + 1,
    )?;
    let row = |(id, key, text): (MailId, String, String)| {
        let key = MailKey::from_stored(&key).ok_or_else(|| corrupt("outbox", id, "key"))?;
        Ok(SealedRow { id: id.0, place: Place::mail(key), sealed: Sealed::from_stored(text) })
    };
    rows.into_iter().map(row).collect()
}

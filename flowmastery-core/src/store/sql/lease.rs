//! Leases in SQL.

use async_trait::async_trait;

use super::{
    SqlStore,
    dialect::leases,
    pool::{execute, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    store::{Due, Lease, LeaseStore, StoreResult, Term, Turn},
};

#[async_trait]
impl LeaseStore for SqlStore {
    async fn lease_due(
        &self,
        scope: TenantScope,
        term: Term,
        due: Due,
        limit: u16,
    ) -> StoreResult<Vec<Turn>> {
        let mut tx = self.pool.write_collected(scope).await?;
        let turns = leases::lease_due(tx.db(), scope.only(), term, (due, limit)).await?;
        tx.commit().await?;
        Ok(turns)
    }

    async fn lease_client(&self, scope: TenantScope, client: ClientId, term: Term) -> StoreResult<Lease> {
        let mut tx = self.pool.write_collected(scope).await?;
        if let Some(turn) = leases::lease_client(tx.db(), scope.only(), client, term).await? {
            tx.commit().await?;
            return Ok(Lease::Leased(turn));
        }
        let configured: Option<(bool,)> = fetch_optional!(
            tx.db(),
            "SELECT TRUE FROM clients
             WHERE id = $1 AND ($2 IS NULL OR id = $2) AND deleted_at IS NULL AND n8n_api_url IS NOT NULL",
            client,
            scope.only(),
        )?;
        Ok(if configured.is_some() { Lease::Elsewhere } else { Lease::Gone })
    }

    async fn leased_until(&self, scope: TenantScope, client: ClientId) -> StoreResult<Option<Timestamp>> {
        let mut conn = self.pool.read(scope).await?;
        let row: Option<(Option<Timestamp>,)> = fetch_optional!(
            conn.db(),
            "SELECT leased_until FROM collections WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            client,
            scope.only(),
        )?;
        Ok(row.and_then(|(until,)| until))
    }

    async fn renew_leases(
        &self,
        scope: TenantScope,
        turns: &[Turn],
        until: Timestamp,
    ) -> StoreResult<Vec<Turn>> {
        let mut tx = self.pool.write_collected(scope).await?;
        let left = leases::renew(&mut tx, scope.only(), turns, until).await?;
        tx.commit().await?;
        Ok(left)
    }

    async fn give_back(&self, scope: TenantScope, turn: Turn, due: Option<Timestamp>) -> StoreResult<()> {
        let mut tx = self.pool.write_collected(scope).await?;
        execute!(
            tx.db(),
            "UPDATE collections SET leased_until = NULL, next_attempt_at = COALESCE($4, next_attempt_at)
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND turn = $3",
            turn.client,
            scope.only(),
            turn.number,
            due,
        )?;
        tx.commit().await
    }
}

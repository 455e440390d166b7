//! Taking over what another FlowMastery has, in SQL: every record with the note of what it was made of, in one transaction.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{
    SqlStore, client,
    dialect::{self, Lock},
    invitation,
    ledger::Ledger,
    pool::{Db, Tx, execute, fetch_all, fetch_one, fetch_optional},
    user::{self, UserInsert},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, UserId},
    model::{
        client::{NewClient, SealedInstance},
        email::Email,
        import::source::{ImportedUser, ImportedWorkflow},
        invitation::{EmailStatus, NewInvitation},
        rollup::Fold,
        workflow::WorkflowStatus,
    },
    store::{AddressUse, Applied, HistoryBatch, ImportStanding, ImportStore, Imported, StoreResult},
};

#[async_trait]
impl ImportStore for SqlStore {
    async fn imported(&self, scope: TenantScope, what: Imported) -> StoreResult<HashMap<String, i64>> {
        // Which records of all clients were taken over is for whoever sees all clients.
        if !scope.is_everything() {
            return Ok(HashMap::new());
        }
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<(String, i64)> =
            fetch_all!(conn.db(), "SELECT source_id, id FROM imported WHERE kind = $1", what.as_str())?;
        Ok(rows.into_iter().collect())
    }

    async fn address_use(&self, email: &Email, now: Timestamp) -> StoreResult<AddressUse> {
        address_use(self.pool.read(TenantScope::ALL).await?.db(), email, now).await
    }

    async fn import_standing(
        &self,
        scope: TenantScope,
        client: ClientId,
    ) -> StoreResult<Option<ImportStanding>> {
        let mut tx = self.pool.snapshot(scope).await?;
        let row: Option<(bool,)> = fetch_optional!(
            tx.db(),
            "SELECT turn = 0 FROM collections WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2)",
            client,
            scope.only(),
        )?;
        let Some((is_untouched,)) = row else { return Ok(None) };
        let rows: Vec<(String,)> =
            fetch_all!(tx.db(), "SELECT workflow_id FROM workflows WHERE client_id = $1", client)?;
        Ok(Some(ImportStanding { is_untouched, workflows: rows.into_iter().map(|(id,)| id).collect() }))
    }

    async fn import_client(&self, source_id: &str, client: NewClient) -> StoreResult<Option<ClientId>> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let id = client::insert(&mut tx, &client).await?;
        if !note(&mut tx, Imported::Client, source_id, id.0).await? {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(id))
    }

    async fn import_user(
        &self,
        scope: TenantScope,
        source_id: &str,
        user: ImportedUser,
    ) -> StoreResult<Option<UserId>> {
        let mut tx = self.pool.begin(scope).await?;
        // A client that is being deleted is gone, or is deleted later with this user.
        dialect::lock(&mut tx, Lock::Invitations).await?;
        if !invitation::may_invite_to(&mut tx, scope, user.client_id).await? {
            return Ok(None);
        }
        let Some(id) = insert_user(&mut tx, &user).await? else { return Ok(None) };
        if !note(&mut tx, Imported::User, source_id, id.0).await? {
            return Ok(None);
        }
        tx.commit().await?;
        Ok(Some(id))
    }

    async fn import_invitation(
        &self,
        scope: TenantScope,
        source_id: &str,
        new: NewInvitation,
    ) -> StoreResult<bool> {
        // An address is taken whichever client's user has it.
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        dialect::lock(&mut tx, Lock::Invitations).await?;
        if !invitation::may_invite_to(&mut tx, scope, new.client_id).await?
            || address_use(tx.db(), &new.email, new.created_at).await? != AddressUse::Free
        {
            return Ok(false);
        }
        // It is not mailed, and says so until the address is invited again.
        let id = invitation::insert(&mut tx, &new, EmailStatus::Failed).await?;
        let noted = note(&mut tx, Imported::Invitation, source_id, id.0).await?;
        if noted {
            tx.commit().await?;
        }
        Ok(noted)
    }

    async fn import_workflows(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflows: &[ImportedWorkflow],
        now: Timestamp,
    ) -> StoreResult<usize> {
        let mut tx = self.pool.begin(scope).await?;
        let locked: Option<(i64, i64)> = fetch_optional!(
            tx.db(),
            "UPDATE collections SET turn = turn
             WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) RETURNING epoch, turn",
            client,
            scope.only(),
        )?;
        let Some(locked) = locked else { return Ok(0) };
        let mut ledger = Ledger::of_locked(self, tx, client, locked).await?;
        let mut stored = 0;
        for workflow in workflows {
            stored += insert_workflow(&mut ledger.tx, client, workflow).await?;
        }
        if stored > 0 {
            ledger.bump(now).await?;
            ledger.tx.commit().await?;
        }
        Ok(stored)
    }

    async fn import_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        batch: HistoryBatch,
    ) -> StoreResult<Applied> {
        let mut tx = self.pool.begin(scope).await?;
        let Some(locked) = lock_untouched(&mut tx, scope, client).await? else {
            return Ok(Applied::Superseded);
        };
        let (end_of, read_at) = (batch.end_of.clone(), batch.read_at);
        let mut ledger = Ledger::of_locked(self, tx, client, locked).await?;
        let changed = ledger.import(batch).await?;
        if let Some(source_id) = end_of {
            note(&mut ledger.tx, Imported::History, &source_id, client.0).await?;
            ledger.show_imported(read_at).await?;
        }
        ledger.tx.commit().await?;
        Ok(Applied::Stored { changed })
    }

    async fn import_instance(
        &self,
        scope: TenantScope,
        client: ClientId,
        instance: &SealedInstance,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut tx = self.pool.begin(scope).await?;
        if lock_untouched(&mut tx, scope, client).await?.is_none() {
            return Ok(false);
        }
        let configured = client::instance::configure(&mut tx, (scope, client), Some(instance), now).await?;
        tx.commit().await?;
        Ok(configured.is_some())
    }
}

impl Ledger {
    /// Stores executions that are not stored; none has aged out before the first collection.
    async fn import(&mut self, batch: HistoryBatch) -> StoreResult<usize> {
        let mut ids: Vec<i64> = batch.executions.iter().map(|execution| execution.id.0).collect();
        ids.sort_unstable();
        ids.dedup();
        let known = self.known(&ids).await?;
        let mut fold = Fold::with_capacity(batch.executions.len());
        for execution in batch.executions {
            if !known.contains_key(&execution.id) {
                let counted_at = execution.stopped_at.unwrap_or(batch.read_at);
                fold.read(execution, None, counted_at);
            }
        }
        self.store(fold, &known, batch.read_at).await
    }

    /// Shows the numbers of a history that is whole, if there are any.
    async fn show_imported(&mut self, now: Timestamp) -> StoreResult<()> {
        execute!(
            self.tx.db(),
            "UPDATE collections SET imported_at = $2, data_version = data_version + 1, changed_at = $2
             WHERE client_id = $1 AND EXISTS (SELECT 1 FROM rollups WHERE client_id = $1)",
            self.client,
            now,
        )?;
        Ok(())
    }
}

/// Notes what a record was made of; whether it was not noted before.
async fn note(tx: &mut Tx, what: Imported, source_id: &str, id: i64) -> StoreResult<bool> {
    let noted = execute!(
        tx.db(),
        "INSERT INTO imported (kind, source_id, id) VALUES ($1, $2, $3) ON CONFLICT (kind, source_id) DO NOTHING",
        what.as_str(),
        source_id,
        id,
    )?;
    Ok(noted > 0)
}

/// Locks the numbers of a client that has never had an n8n: every configuration and every collection takes a turn.
async fn lock_untouched(
    tx: &mut Tx,
    scope: TenantScope,
    client: ClientId,
) -> StoreResult<Option<(i64, i64)>> {
    fetch_optional!(
        tx.db(),
        "UPDATE collections SET turn = turn
         WHERE client_id = $1 AND ($2 IS NULL OR client_id = $2) AND turn = 0 RETURNING epoch, turn",
        client,
        scope.only(),
    )
}

async fn address_use(db: Db<'_>, email: &Email, now: Timestamp) -> StoreResult<AddressUse> {
    let (has_account, is_invited): (bool, bool) = fetch_one!(
        db,
        "SELECT EXISTS (SELECT 1 FROM users WHERE email = $1),
                EXISTS (SELECT 1 FROM invitations WHERE email = $1 AND status = 'pending' AND expiry_date > $2)",
        email.as_str(),
        now,
    )?;
    Ok(match (has_account, is_invited) {
        (true, _) => AddressUse::Account,
        (false, true) => AddressUse::Invited,
        (false, false) => AddressUse::Free,
    })
}

async fn insert_user(tx: &mut Tx, new: &ImportedUser) -> StoreResult<Option<UserId>> {
    let account = UserInsert {
        email: new.email.as_str(),
        hashed_password: &new.hashed_password,
        role: new.role.as_str(),
        client_id: new.client_id,
        created_by: new.created_by_admin_id,
        at: new.created_at,
    };
    let Some(id) = user::insert(tx.db(), account).await? else { return Ok(None) };
    execute!(
        tx.db(),
        "UPDATE users SET is_active = $2, last_login = $3 WHERE id = $1",
        id,
        new.is_active,
        new.last_login,
    )?;
    Ok(Some(id))
}

/// How many were stored: none when the client has it.
async fn insert_workflow(tx: &mut Tx, client: ClientId, new: &ImportedWorkflow) -> StoreResult<usize> {
    let stored = execute!(
        tx.db(),
        "INSERT INTO workflows (client_id, workflow_id, name, status, time_saved_per_execution_minutes)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (client_id, workflow_id) DO NOTHING",
        client,
        new.workflow.id.as_str(),
        new.workflow.name.as_str(),
        WorkflowStatus::from(&new.workflow).as_str(),
        new.time_saved.minutes(),
    )?;
    Ok(usize::from(stored > 0))
}

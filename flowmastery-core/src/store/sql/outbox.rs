//! The outbox in SQL. A lease is the number of an attempt: the next attempt ends it, and so does whoever erases the mail.
//!
//! While a mail is leased its next attempt is when the lease ends, so that the mail of a host that was killed is due then. Whoever
//! changes an invitation together with its mail locks the invitation first.

use async_trait::async_trait;
use sqlx::FromRow;

use super::{
    SqlStore, dialect,
    fault::corrupt,
    pool::{Tx, execute, fetch_one},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, InvitationId, MailId},
    model::{
        invitation::EmailStatus,
        outbox::{LeasedMail, MailLease, NewResetRequest, SealedMail},
    },
    secret::{MailKey, Sealed},
    store::{OutboxStore, StoreError, StoreResult},
};

#[derive(FromRow)]
pub(super) struct MailRow {
    id: MailId,
    attempts: i64,
    key: String,
    sealed_mail: String,
    invitation_id: Option<InvitationId>,
    created_at: Timestamp,
}

impl TryFrom<MailRow> for LeasedMail {
    type Error = StoreError;

    fn try_from(row: MailRow) -> StoreResult<Self> {
        let key = MailKey::from_stored(&row.key).ok_or_else(|| corrupt("outbox", row.id, "key"))?;
        Ok(Self {
            lease: MailLease { id: row.id, attempt: row.attempts },
            mail: SealedMail { key, sealed: Sealed::from_stored(row.sealed_mail) },
            invitation: row.invitation_id,
            created_at: row.created_at,
        })
    }
}

/// Stores the mail of an invitation.
pub(super) async fn insert(
    tx: &mut Tx,
    (invitation, client): (InvitationId, Option<ClientId>),
    mail: &SealedMail,
    now: Timestamp,
) -> StoreResult<()> {
    execute!(
        tx.db(),
        "INSERT INTO outbox (key, sealed_mail, invitation_id, client_id, created_at, next_attempt_at)
         VALUES ($1, $2, $3, $4, $5, $5)",
        mail.key.to_string(),
        mail.sealed.as_str(),
        invitation,
        client,
        now,
    )?;
    Ok(())
}

/// Erases the mail of an invitation that is locked.
pub(super) async fn erase(tx: &mut Tx, invitation: InvitationId) -> StoreResult<()> {
    execute!(tx.db(), "DELETE FROM outbox WHERE invitation_id = $1", invitation)?;
    Ok(())
}

#[async_trait]
impl OutboxStore for SqlStore {
    async fn queue_reset_request(&self, request: NewResetRequest, room: u32) -> StoreResult<bool> {
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        // A second one writes as well, so that time does not tell whether one waits, and with that whether there is an account.
        let queued = execute!(
            tx.db(),
            "INSERT INTO outbox (key, sealed_mail, address_digest, created_at, next_attempt_at)
             SELECT $1, $2, $3, $4, $4
             WHERE (SELECT COUNT(*) FROM outbox WHERE address_digest IS NOT NULL) < $5
             ON CONFLICT (address_digest) DO UPDATE SET created_at = outbox.created_at",
            request.mail.key.to_string(),
            request.mail.sealed.as_str(),
            request.address_digest.as_str(),
            request.created_at,
            i64::from(room),
        )?;
        tx.commit().await?;
        Ok(queued > 0)
    }

    async fn lease_mails(
        &self,
        scope: TenantScope,
        (now, until): (Timestamp, Timestamp),
        limit: u16,
    ) -> StoreResult<Vec<LeasedMail>> {
        // Mostly there is none, and looking takes no lock of writers.
        let mut conn = self.pool.read(scope).await?;
        let (any,): (bool,) =
            fetch_one!(conn.db(), "SELECT EXISTS (SELECT 1 FROM outbox WHERE next_attempt_at <= $1)", now)?;
        drop(conn);
        if !any {
            return Ok(Vec::new());
        }
        let mut tx = self.pool.write(scope).await?;
        let rows = dialect::lease_mails(&mut tx, scope, (now, until), limit).await?;
        tx.commit().await?;
        rows.into_iter().map(LeasedMail::try_from).collect()
    }

    async fn finish_mail(
        &self,
        scope: TenantScope,
        lease: MailLease,
        status: EmailStatus,
    ) -> StoreResult<()> {
        let mut tx = self.pool.begin(scope).await?;
        execute!(
            tx.db(),
            "UPDATE invitations SET email_status = $3
             WHERE id = (SELECT invitation_id FROM outbox WHERE id = $1 AND attempts = $2)
                 AND ($4 IS NULL OR client_id = $4)",
            lease.id,
            lease.attempt,
            status.as_str(),
            scope.only(),
        )?;
        execute!(
            tx.db(),
            "DELETE FROM outbox WHERE id = $1 AND attempts = $2 AND ($3 IS NULL OR client_id = $3)",
            lease.id,
            lease.attempt,
            scope.only(),
        )?;
        tx.commit().await
    }

    async fn postpone_mail(
        &self,
        scope: TenantScope,
        lease: MailLease,
        next_attempt: Timestamp,
        error: &str,
    ) -> StoreResult<()> {
        let mut tx = self.pool.write(scope).await?;
        execute!(
            tx.db(),
            "UPDATE outbox SET next_attempt_at = $3, last_error = $4
             WHERE id = $1 AND attempts = $2 AND ($5 IS NULL OR client_id = $5)",
            lease.id,
            lease.attempt,
            next_attempt,
            error,
            scope.only(),
        )?;
        tx.commit().await
    }
}

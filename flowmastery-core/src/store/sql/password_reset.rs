//! Password resets in SQL: at most one a user. Only hashes of tokens are stored; whoever changes one locks its user first.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::{
    SqlStore, audit,
    pool::{Db, execute, fetch_optional},
    session, user,
};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::UserId,
    model::{
        audit::{AuditAction, AuditSubject},
        outbox::{MailLease, NewReset, RESET_GAP},
        session::TokenHash,
    },
    request::RequestOrigin,
    store::{NewAuditEntry, PasswordResetStore, Reset, StoreResult},
};

#[async_trait]
impl PasswordResetStore for SqlStore {
    async fn open_reset(&self, scope: TenantScope, lease: MailLease, reset: NewReset) -> StoreResult<bool> {
        // The mail is nobody's until this says whose it is.
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let opened = execute!(
            tx.db(),
            "INSERT INTO password_resets (user_id, token, created_at, expires_at)
             SELECT u.id, $2, $3, $4 FROM users u LEFT JOIN clients c ON c.id = u.client_id
             WHERE u.id = $1 AND u.is_active AND c.deleted_at IS NULL AND ($5 IS NULL OR u.client_id = $5)
             ON CONFLICT (user_id) DO UPDATE
                 SET token = excluded.token, created_at = excluded.created_at, expires_at = excluded.expires_at
                 WHERE password_resets.created_at <= $6",
            reset.user,
            reset.token.as_str(),
            reset.created_at,
            reset.expires_at,
            scope.only(),
            reset.created_at.minus(RESET_GAP),
        )?;
        let replaced = execute!(
            tx.db(),
            "UPDATE outbox SET key = $3, sealed_mail = $4, user_id = $5,
                 client_id = (SELECT client_id FROM users WHERE id = $5)
             WHERE id = $1 AND attempts = $2",
            lease.id,
            lease.attempt,
            reset.mail.key.to_string(),
            reset.mail.sealed.as_str(),
            reset.user,
        )?;
        if opened == 0 || replaced == 0 {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn find_reset(&self, token: &TokenHash) -> StoreResult<Option<Timestamp>> {
        find(self.pool.read(TenantScope::ALL).await?.db(), token).await
    }

    async fn confirm_reset(
        &self,
        token: &TokenHash,
        hashed_password: &SecretString,
        origin: RequestOrigin,
        now: Timestamp,
    ) -> StoreResult<Reset> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let changed: Option<(UserId,)> = fetch_optional!(
            tx.db(),
            "UPDATE users SET hashed_password = $2, updated_at = $3
             WHERE id = (SELECT r.user_id FROM password_resets r JOIN users u ON u.id = r.user_id
                             LEFT JOIN clients c ON c.id = u.client_id
                         WHERE r.token = $1 AND r.expires_at > $3 AND u.is_active AND c.deleted_at IS NULL)
             RETURNING id",
            token.as_str(),
            hashed_password.expose_secret(),
            now,
        )?;
        let Some((id,)) = changed else {
            let expires_at = find(tx.db(), token).await?;
            return Ok(if expires_at.is_some_and(|at| at <= now) { Reset::Expired } else { Reset::NotFound });
        };
        // The user is locked by now; who waited for that finds the token spent.
        if execute!(tx.db(), "DELETE FROM password_resets WHERE token = $1", token.as_str())? == 0 {
            return Ok(Reset::NotFound);
        }
        session::close_all(tx.db(), id, None, now).await?;
        let client = user::find(tx.db(), TenantScope::ALL, id).await?.and_then(|user| user.client_id);
        let author = Author { user: id, origin };
        let entry = NewAuditEntry::new(AuditAction::PasswordReset, now).by(Some(author)).of(client);
        audit::insert(tx.db(), entry.on(AuditSubject::User(id))).await?;
        tx.commit().await?;
        Ok(Reset::Done(id))
    }
}

/// When a password reset expires, of a user who may sign in.
async fn find(db: Db<'_>, token: &TokenHash) -> StoreResult<Option<Timestamp>> {
    let row: Option<(Timestamp,)> = fetch_optional!(
        db,
        "SELECT r.expires_at FROM password_resets r JOIN users u ON u.id = r.user_id
             LEFT JOIN clients c ON c.id = u.client_id
         WHERE r.token = $1 AND u.is_active AND c.deleted_at IS NULL",
        token.as_str(),
    )?;
    Ok(row.map(|(expires_at,)| expires_at))
}

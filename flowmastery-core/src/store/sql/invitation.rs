//! Invitations in SQL. The column `token` holds the hash of the token; those of deleted clients are gone for every statement.

mod renewal;

use async_trait::async_trait;
use secrecy::SecretString;
use sqlx::FromRow;

use super::{
    SqlStore, audit,
    dialect::{self, Lock},
    fault::corrupt,
    outbox,
    pool::{Db, Tx, execute, fetch_all, fetch_one, fetch_optional},
    session,
    user::{self, ADDRESS_TAKEN, UserInsert, parse_email, parse_role},
};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::{ClientId, InvitationId, UserId},
    model::{
        audit::{AuditAction, AuditSubject},
        email::Email,
        invitation::{EmailStatus, Invitation, InvitationStatus, NewInvitation, Renewal},
        outbox::SealedMail,
        session::{NewSession, TokenHash},
    },
    page::{Page, PageRequest},
    store::{
        Accepted, InvitationStore, NewAuditEntry, Revocation, StoreError, StoreResult, StoredInvitation,
    },
};

/// The statement that reads invitations `i` with their client `c`, and how it goes on.
macro_rules! select_invitation {
    ($rest:literal) => {
        concat!(
            "SELECT i.id, i.email, i.role, i.status, i.expiry_date, i.client_id, i.invited_by_admin_id, i.created_at,
                    i.email_status, c.name AS client_name
             FROM invitations i LEFT JOIN clients c ON c.id = i.client_id WHERE c.deleted_at IS NULL AND ",
            $rest
        )
    };
}

#[derive(FromRow)]
struct InvitationRow {
    id: InvitationId,
    email: String,
    role: String,
    status: String,
    expiry_date: Timestamp,
    client_id: Option<ClientId>,
    invited_by_admin_id: Option<UserId>,
    created_at: Timestamp,
    email_status: String,
    client_name: Option<String>,
}

impl InvitationRow {
    fn read(self, now: Timestamp) -> StoreResult<StoredInvitation> {
        let id = self.id.0;
        let status =
            InvitationStatus::parse(&self.status).ok_or_else(|| corrupt("invitations", id, "status"))?;
        let expired = status == InvitationStatus::Pending && self.expiry_date <= now;
        let invitation = Invitation {
            id: self.id,
            email: parse_email("invitations", id, &self.email)?,
            role: parse_role("invitations", id, &self.role)?,
            status: if expired { InvitationStatus::Expired } else { status },
            expiry_date: self.expiry_date,
            client_id: self.client_id,
            created_at: self.created_at,
            email_status: EmailStatus::parse(&self.email_status)
                .ok_or_else(|| corrupt("invitations", id, "email_status"))?,
        };
        Ok(StoredInvitation { invitation, client_name: self.client_name })
    }
}

#[async_trait]
impl InvitationStore for SqlStore {
    async fn create_invitation(
        &self,
        scope: TenantScope,
        invitation: NewInvitation,
    ) -> StoreResult<Option<Invitation>> {
        // An address is taken whichever client's user has it.
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        // Two that are made at once for one address must not both stay pending.
        dialect::lock(&mut tx, Lock::Invitations).await?;
        if !may_invite_to(&mut tx, scope, invitation.client_id).await? {
            return Ok(None);
        }
        let revoked = revoke_pending(&mut tx, scope, &invitation.email).await?;
        // After the update, which waits for an acceptance under way.
        require_free(&mut tx, &invitation.email).await?;
        let email_status = status_of(invitation.mail.as_ref());
        let id = insert(&mut tx, &invitation, email_status).await?;
        if let Some(mail) = &invitation.mail {
            outbox::insert(&mut tx, (id, invitation.client_id), mail, invitation.created_at).await?;
        }
        note_creation(&mut tx, scope, id, (&invitation, revoked)).await?;
        tx.commit().await?;
        Ok(Some(Invitation {
            id,
            email: invitation.email,
            role: invitation.role,
            status: InvitationStatus::Pending,
            expiry_date: invitation.expiry_date,
            client_id: invitation.client_id,
            created_at: invitation.created_at,
            email_status,
        }))
    }

    async fn list_invitations(
        &self,
        scope: TenantScope,
        page: PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<Invitation>> {
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<InvitationRow> = fetch_all!(
            conn.db(),
            select_invitation!(
                "($1 IS NULL OR i.client_id = $1) AND ($2 IS NULL OR i.id < $2) ORDER BY i.id DESC LIMIT $3"
            ),
            scope.only(),
            page.cursor().map(|cursor| cursor.0),
            i64::from(page.limit()) + 1,
        )?;
        let read = |row: InvitationRow| Ok(row.read(now)?.invitation);
        let invitations = rows.into_iter().map(read).collect::<StoreResult<_>>()?;
        Ok(Page::from_rows(invitations, page, |invitation: &Invitation| invitation.id.0))
    }

    async fn find_invitation(
        &self,
        token: &TokenHash,
        now: Timestamp,
    ) -> StoreResult<Option<StoredInvitation>> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let row: Option<InvitationRow> =
            fetch_optional!(conn.db(), select_invitation!("i.token = $1"), token.as_str())?;
        row.map(|row| row.read(now)).transpose()
    }

    async fn find_invitation_by_id(
        &self,
        scope: TenantScope,
        id: InvitationId,
        now: Timestamp,
    ) -> StoreResult<Option<Invitation>> {
        find_by_id(self.pool.read(scope).await?.db(), scope, id, now).await
    }

    async fn renew_invitation(
        &self,
        scope: TenantScope,
        id: InvitationId,
        renewal: Renewal,
    ) -> StoreResult<Option<Invitation>> {
        renewal::renew(&self.pool, scope, id, renewal).await
    }

    async fn revoke_invitation(
        &self,
        scope: TenantScope,
        id: InvitationId,
        now: Timestamp,
    ) -> StoreResult<Revocation> {
        renewal::revoke(&self.pool, scope, id, now).await
    }

    async fn accept_invitation(
        &self,
        token: &TokenHash,
        hashed_password: &SecretString,
        new: NewSession,
    ) -> StoreResult<Accepted> {
        let now = new.created_at;
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let spent = execute!(
            tx.db(),
            // Who accepts has the mail, whose going may not be noted yet, or needs none.
            "UPDATE invitations SET status = 'accepted', accepted_at = $2,
                 email_status = CASE email_status WHEN 'queued' THEN 'sent' ELSE email_status END
             WHERE token = $1 AND status = 'pending' AND expiry_date > $2",
            token.as_str(),
            now,
        )?;
        let row: Option<InvitationRow> =
            fetch_optional!(tx.db(), select_invitation!("i.token = $1"), token.as_str())?;
        let Some(row) = row else { return Ok(Accepted::NotFound) };
        if spent == 0 {
            let status = row.read(now)?.invitation.status;
            return Ok(if status == InvitationStatus::Expired {
                Accepted::Expired
            } else {
                Accepted::NotFound
            });
        }
        let account = UserInsert {
            email: &row.email,
            hashed_password,
            role: &row.role,
            client_id: row.client_id,
            created_by: row.invited_by_admin_id,
            at: now,
        };
        let Some(user) = user::insert(tx.db(), account).await? else { return Ok(Accepted::AccountExists) };
        outbox::erase(&mut tx, row.id).await?;
        let session = sign_in(&mut tx, row.id, user, &new).await?;
        let author = Author { user, origin: new.origin };
        let entry =
            NewAuditEntry::new(AuditAction::InvitationAccepted, now).by(Some(author)).of(row.client_id);
        let entry = entry.on(AuditSubject::Invitation(row.id)).with("role", row.role.as_str());
        audit::insert(tx.db(), entry.with("session_id", session.0)).await?;
        let Some(user) = user::find(tx.db(), TenantScope::ALL, user).await? else {
            return Ok(Accepted::NotFound);
        };
        tx.commit().await?;
        Ok(Accepted::Accepted { session, user })
    }
}

/// An invitation by id, inside the scope and not gone.
async fn find_by_id(
    db: Db<'_>,
    scope: TenantScope,
    id: InvitationId,
    now: Timestamp,
) -> StoreResult<Option<Invitation>> {
    let row: Option<InvitationRow> = fetch_optional!(
        db,
        select_invitation!("i.id = $1 AND ($2 IS NULL OR i.client_id = $2)"),
        id,
        scope.only(),
    )?;
    row.map(|row| Ok(row.read(now)?.invitation)).transpose()
}

/// Insists that an address has no account.
async fn require_free(tx: &mut Tx, email: &Email) -> StoreResult<()> {
    let (taken,): (bool,) =
        fetch_one!(tx.db(), "SELECT EXISTS (SELECT 1 FROM users WHERE email = $1)", email.as_str())?;
    if taken { Err(StoreError::Conflict(ADDRESS_TAKEN)) } else { Ok(()) }
}

/// What an invitation says of its mail at first.
fn status_of(mail: Option<&SealedMail>) -> EmailStatus {
    match mail {
        Some(_) => EmailStatus::Queued,
        None => EmailStatus::NotConfigured,
    }
}

/// Notes that somebody was invited, and which older invitations ended by it.
async fn note_creation(
    tx: &mut Tx,
    scope: TenantScope,
    id: InvitationId,
    (invitation, revoked): (&NewInvitation, Vec<InvitationId>),
) -> StoreResult<()> {
    let entry = NewAuditEntry::new(AuditAction::InvitationCreated, invitation.created_at).by(scope.author());
    let mut entry = entry
        .of(invitation.client_id)
        .on(AuditSubject::Invitation(id))
        .with("email", invitation.email.as_str())
        .with("role", invitation.role.as_str());
    if !revoked.is_empty() {
        entry = entry.with("revokes", revoked.into_iter().map(|id| id.0).collect::<Vec<_>>());
    }
    audit::insert(tx.db(), entry).await
}

/// Revokes what is pending for an address, and erases its mails; which invitations these were.
async fn revoke_pending(tx: &mut Tx, scope: TenantScope, email: &Email) -> StoreResult<Vec<InvitationId>> {
    let revoked: Vec<(InvitationId,)> = fetch_all!(
        tx.db(),
        "UPDATE invitations SET status = 'revoked',
             email_status = CASE email_status WHEN 'queued' THEN 'failed' ELSE email_status END
         WHERE email = $1 AND status = 'pending' AND ($2 IS NULL OR client_id = $2) RETURNING id",
        email.as_str(),
        scope.only(),
    )?;
    let revoked: Vec<_> = revoked.into_iter().map(|(id,)| id).collect();
    for id in &revoked {
        outbox::erase(tx, *id).await?;
    }
    Ok(revoked)
}

/// Whether the scope may invite to a client that lives, or, being every client, to the admins.
pub(super) async fn may_invite_to(
    tx: &mut Tx,
    scope: TenantScope,
    client: Option<ClientId>,
) -> StoreResult<bool> {
    let Some(client) = client else { return Ok(scope.is_everything()) };
    let (lives,): (bool,) = fetch_one!(
        tx.db(),
        "SELECT EXISTS (SELECT 1 FROM clients WHERE id = $1 AND ($2 IS NULL OR id = $2) AND deleted_at IS NULL)",
        client,
        scope.only(),
    )?;
    Ok(lives)
}

pub(super) async fn insert(
    tx: &mut Tx,
    invitation: &NewInvitation,
    email_status: EmailStatus,
) -> StoreResult<InvitationId> {
    let (id,): (InvitationId,) = fetch_one!(
        tx.db(),
        "INSERT INTO invitations (email, role, token, status, expiry_date, client_id, invited_by_admin_id, created_at,
                                  email_status)
         VALUES ($1, $2, $3, 'pending', $4, $5, $6, $7, $8) RETURNING id",
        invitation.email.as_str(),
        invitation.role.as_str(),
        invitation.token.as_str(),
        invitation.expiry_date,
        invitation.client_id,
        invitation.invited_by_admin_id,
        invitation.created_at,
        email_status.as_str(),
    )?;
    Ok(id)
}

/// Opens the first session of an account that an invitation made.
async fn sign_in(
    tx: &mut Tx,
    invitation: InvitationId,
    user: UserId,
    new: &NewSession,
) -> StoreResult<crate::id::SessionId> {
    execute!(tx.db(), "UPDATE invitations SET accepted_user_id = $2 WHERE id = $1", invitation, user)?;
    execute!(tx.db(), "UPDATE users SET last_login = $2 WHERE id = $1", user, new.created_at)?;
    session::insert(tx, user, new).await
}

//! Another link for an invitation, or none any more. Whoever changes one locks its row first, so an acceptance comes before or after it.

use super::{find_by_id, require_free, status_of};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::InvitationId,
    model::{
        audit::{AuditAction, AuditSubject},
        invitation::{Invitation, InvitationStatus, Renewal},
    },
    store::{
        NewAuditEntry, Revocation, StoreResult,
        sql::{
            audit, outbox,
            pool::{Pool, execute},
        },
    },
};

pub(super) async fn renew(
    pool: &Pool,
    scope: TenantScope,
    id: InvitationId,
    renewal: Renewal,
) -> StoreResult<Option<Invitation>> {
    // An address is taken whichever client's user has it.
    let mut tx = pool.begin(TenantScope::ALL).await?;
    let renewed = execute!(
        tx.db(),
        "UPDATE invitations SET token = $2, expiry_date = $3, email_status = $4
         WHERE id = $1 AND status = 'pending' AND ($5 IS NULL OR client_id = $5)",
        id,
        renewal.token.as_str(),
        renewal.expiry_date,
        status_of(renewal.mail.as_ref()).as_str(),
        scope.only(),
    )?;
    let invitation = find_by_id(tx.db(), scope, id, renewal.renewed_at).await?;
    let (1, Some(invitation)) = (renewed, invitation) else { return Ok(None) };
    require_free(&mut tx, &invitation.email).await?;
    outbox::erase(&mut tx, id).await?;
    if let Some(mail) = &renewal.mail {
        outbox::insert(&mut tx, (id, invitation.client_id), mail, renewal.renewed_at).await?;
    }
    let entry = NewAuditEntry::new(AuditAction::InvitationResent, renewal.renewed_at).by(scope.author());
    audit::insert(tx.db(), about(entry, &invitation)).await?;
    tx.commit().await?;
    Ok(Some(invitation))
}

pub(super) async fn revoke(
    pool: &Pool,
    scope: TenantScope,
    id: InvitationId,
    now: Timestamp,
) -> StoreResult<Revocation> {
    let mut tx = pool.begin(scope).await?;
    let revoked = execute!(
        tx.db(),
        "UPDATE invitations SET status = 'revoked',
             email_status = CASE email_status WHEN 'queued' THEN 'failed' ELSE email_status END
         WHERE id = $1 AND status = 'pending' AND ($2 IS NULL OR client_id = $2)",
        id,
        scope.only(),
    )?;
    // Whether its time is over does not matter here.
    let found = find_by_id(tx.db(), scope, id, Timestamp::from_millis(0)).await?;
    match (revoked, found) {
        (1, Some(invitation)) => {
            outbox::erase(&mut tx, id).await?;
            let entry = NewAuditEntry::new(AuditAction::InvitationRevoked, now).by(scope.author());
            audit::insert(tx.db(), about(entry, &invitation)).await?;
            tx.commit().await?;
            Ok(Revocation::Revoked)
        }
        (_, Some(Invitation { status: InvitationStatus::Accepted, .. })) => Ok(Revocation::Accepted),
        _ => Ok(Revocation::NotFound),
    }
}

/// An entry about an invitation.
fn about(entry: NewAuditEntry, invitation: &Invitation) -> NewAuditEntry {
    let entry = entry.of(invitation.client_id).on(AuditSubject::Invitation(invitation.id));
    entry.with("email", invitation.email.as_str()).with("role", invitation.role.as_str())
}

//! Sessions and refresh tokens in SQL. Only hashes of tokens are stored; whoever changes a session's tokens locks its row first.

use std::net::IpAddr;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::FromRow;

use super::{
    SqlStore, audit,
    fault::corrupt,
    pool::{Db, Tx, execute, fetch_all, fetch_one, fetch_optional},
    sign_in,
    user::{self, UserRow, select_user},
};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::{SessionId, UserId},
    model::{
        audit::{AuditAction, AuditSubject},
        session::{NewSession, Rotation, Session, TokenHash},
        user::User,
    },
    page::{Page, PageRequest},
    store::{NewAuditEntry, SessionStore, StoreError, StoreResult},
};

/// A session with its user.
#[derive(FromRow)]
struct SessionRow {
    #[sqlx(flatten)]
    user: UserRow,
    expires_at: Timestamp,
}

/// A session as its user sees it.
#[derive(FromRow)]
struct OwnRow {
    id: SessionId,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    address: Option<String>,
}

impl TryFrom<OwnRow> for Session {
    type Error = StoreError;

    fn try_from(row: OwnRow) -> StoreResult<Self> {
        let address = row.address.map(|text| text.parse::<IpAddr>()).transpose();
        Ok(Self {
            id: row.id,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            address: address.map_err(|_| corrupt("sessions", row.id.0, "address"))?,
        })
    }
}

/// Closes every session of a user, but one that goes on.
pub(super) async fn close_all(
    db: Db<'_>,
    user: UserId,
    keep: Option<SessionId>,
    now: Timestamp,
) -> StoreResult<()> {
    execute!(
        db,
        "UPDATE sessions SET closed_at = $2 WHERE user_id = $1 AND closed_at IS NULL AND ($3 IS NULL OR id <> $3)",
        user,
        now,
        keep,
    )?;
    Ok(())
}

/// Inserts a session with its first refresh token, and notes from where it is opened.
pub(super) async fn insert(tx: &mut Tx, user: UserId, session: &NewSession) -> StoreResult<SessionId> {
    let (id,): (SessionId,) = fetch_one!(
        tx.db(),
        "INSERT INTO sessions (user_id, created_at, expires_at, address) VALUES ($1, $2, $3, $4) RETURNING id",
        user,
        session.created_at,
        session.expires_at,
        session.origin.address.map(|address| address.to_string()),
    )?;
    insert_token(tx.db(), id, None, session).await?;
    sign_in::note_network(tx, user, session).await?;
    Ok(id)
}

async fn insert_token(
    db: Db<'_>,
    session: SessionId,
    parent: Option<&TokenHash>,
    next: &NewSession,
) -> StoreResult<()> {
    execute!(
        db,
        "INSERT INTO refresh_tokens (hash, session_id, parent, expires_at) VALUES ($1, $2, $3, $4)",
        next.refresh.as_str(),
        session,
        parent.map(TokenHash::as_str),
        next.expires_at,
    )?;
    Ok(())
}

/// Closes a session and notes why; whether it was open.
async fn close(
    tx: &mut Tx,
    session: SessionId,
    now: Timestamp,
    (action, author): (AuditAction, Option<Author>),
) -> StoreResult<bool> {
    let closed: Option<(UserId,)> = fetch_optional!(
        tx.db(),
        "UPDATE sessions SET closed_at = $2 WHERE id = $1 AND closed_at IS NULL AND expires_at > $2 RETURNING user_id",
        session,
        now,
    )?;
    let Some((user,)) = closed else { return Ok(false) };
    let user = user::find(tx.db(), TenantScope::ALL, user).await?;
    let entry = NewAuditEntry::new(action, now).by(author).on(AuditSubject::Session(session));
    audit::insert(tx.db(), entry.of(user.and_then(|user| user.client_id))).await?;
    Ok(true)
}

#[async_trait]
impl SessionStore for SqlStore {
    async fn open_session(
        &self,
        user: UserId,
        verified: &SecretString,
        session: NewSession,
    ) -> StoreResult<Option<(SessionId, User)>> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        // Locks the user, so that a deactivation or another password comes before this and is seen, or after it and closes the session.
        let signed_in = execute!(
            tx.db(),
            "UPDATE users SET last_login = $2 WHERE id = $1 AND is_active AND hashed_password = $3",
            user,
            session.created_at,
            verified.expose_secret(),
        )?;
        let found = user::find(tx.db(), TenantScope::ALL, user).await?;
        let (1, Some(found)) = (signed_in, found) else { return Ok(None) };
        execute!(
            tx.db(),
            "DELETE FROM sessions WHERE user_id = $1 AND expires_at <= $2",
            user,
            session.created_at,
        )?;
        let id = insert(&mut tx, user, &session).await?;
        let author = Author { user, origin: session.origin };
        let entry = NewAuditEntry::new(AuditAction::SignedIn, session.created_at).by(Some(author));
        audit::insert(tx.db(), entry.of(found.client_id).on(AuditSubject::Session(id))).await?;
        tx.commit().await?;
        Ok(Some((id, found)))
    }

    async fn find_session_user(
        &self,
        session: SessionId,
        now: Timestamp,
    ) -> StoreResult<Option<(User, Timestamp)>> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let row: Option<SessionRow> = fetch_optional!(
            conn.db(),
            select_user!(
                ", s.expires_at",
                "JOIN sessions s ON s.user_id = u.id
                 WHERE s.id = $1 AND s.closed_at IS NULL AND s.expires_at > $2 AND u.is_active AND c.deleted_at IS NULL"
            ),
            session,
            now,
        )?;
        row.map(|row| Ok((row.user.try_into()?, row.expires_at))).transpose()
    }

    async fn rotate_refresh(&self, presented: &TokenHash, next: NewSession) -> StoreResult<Rotation> {
        let now = next.created_at;
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let locked: Option<(SessionId, UserId, Timestamp)> = fetch_optional!(
            tx.db(),
            "UPDATE sessions SET expires_at = expires_at
             WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1) AND closed_at IS NULL AND expires_at > $2
             RETURNING id, user_id, created_at",
            presented.as_str(),
            now,
        )?;
        let Some((session, user, begun)) = locked else { return Ok(Rotation::Refused) };
        let next = next.of_session_from(begun);
        match honour(&mut tx, presented, now).await? {
            Honour::Good => {}
            Honour::Expired => return Ok(Rotation::Refused),
            Honour::Replayed => {
                let author = Author { user, origin: next.origin };
                close(&mut tx, session, now, (AuditAction::RefreshReplayed, Some(author))).await?;
                tx.commit().await?;
                return Ok(Rotation::Replayed { session, user });
            }
        }
        let user = user::find(tx.db(), TenantScope::ALL, user).await?;
        let Some(user) = user.filter(|user| user.is_active) else { return Ok(Rotation::Refused) };
        succeed(&mut tx, session, presented, &next).await?;
        tx.commit().await?;
        Ok(Rotation::Rotated { session, user })
    }

    async fn list_sessions(
        &self,
        scope: TenantScope,
        user: UserId,
        page: PageRequest,
        now: Timestamp,
    ) -> StoreResult<Page<Session>> {
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<OwnRow> = fetch_all!(
            conn.db(),
            "SELECT s.id, s.created_at, COALESCE(s.last_used_at, s.created_at) AS last_used_at, s.expires_at, s.address
             FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.user_id = $1 AND ($2 IS NULL OR u.client_id = $2) AND s.closed_at IS NULL AND s.expires_at > $3
                 AND ($4 IS NULL OR s.id < $4)
             ORDER BY s.id DESC LIMIT $5",
            user,
            scope.only(),
            now,
            page.cursor().map(|cursor| cursor.0),
            i64::from(page.limit()) + 1,
        )?;
        let sessions = rows.into_iter().map(Session::try_from).collect::<StoreResult<_>>()?;
        Ok(Page::from_rows(sessions, page, |session: &Session| session.id.0))
    }

    async fn close_session(
        &self,
        scope: TenantScope,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut tx = self.pool.begin(scope).await?;
        let is_own: Option<(SessionId,)> = fetch_optional!(
            tx.db(),
            "SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
             WHERE s.id = $1 AND s.user_id = $2 AND ($3 IS NULL OR u.client_id = $3)",
            session,
            user,
            scope.only(),
        )?;
        let closed = is_own.is_some()
            && close(&mut tx, session, now, (AuditAction::SignedOut, scope.author())).await?;
        tx.commit().await?;
        Ok(closed)
    }
}

/// What a token of an open session is worth.
enum Honour {
    Good,
    Expired,
    Replayed,
}

async fn honour(tx: &mut Tx, presented: &TokenHash, now: Timestamp) -> StoreResult<Honour> {
    // The session is locked by now, so nobody spends a successor between this and the end of the transaction.
    let (expires_at, superseded): (Timestamp, bool) = fetch_one!(
        tx.db(),
        // Of the tokens that one token was spent for, one goes on; the others belong to answers that were lost, or to a thief.
        "SELECT t.expires_at,
                EXISTS (SELECT 1 FROM refresh_tokens s
                        WHERE s.spent_at IS NOT NULL AND (s.parent = t.hash OR s.parent = t.parent AND s.hash <> t.hash))
         FROM refresh_tokens t WHERE t.hash = $1",
        presented.as_str(),
    )?;
    Ok(match (superseded, expires_at > now) {
        (_, false) => Honour::Expired,
        (true, true) => Honour::Replayed,
        (false, true) => Honour::Good,
    })
}

/// Spends a token and stores its successor. Tokens go once they and those of the same parent have expired, and can no longer be
/// replayed.
async fn succeed(tx: &mut Tx, session: SessionId, spent: &TokenHash, next: &NewSession) -> StoreResult<()> {
    execute!(
        tx.db(),
        "UPDATE refresh_tokens SET spent_at = $2 WHERE hash = $1 AND spent_at IS NULL",
        spent.as_str(),
        next.created_at,
    )?;
    insert_token(tx.db(), session, Some(spent), next).await?;
    execute!(
        tx.db(),
        "DELETE FROM refresh_tokens WHERE session_id = $1 AND expires_at <= $2
             AND NOT EXISTS (SELECT 1 FROM refresh_tokens s WHERE s.parent = refresh_tokens.parent AND s.expires_at > $2)",
        session,
        next.created_at,
    )?;
    execute!(
        tx.db(),
        "UPDATE sessions SET expires_at = $2, last_used_at = $3 WHERE id = $1",
        session,
        next.expires_at,
        next.created_at,
    )?;
    Ok(())
}

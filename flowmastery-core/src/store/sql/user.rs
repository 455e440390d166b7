//! Users in SQL. A user of a deleted client is gone for every statement.

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::FromRow;

use super::{
    SqlStore, audit,
    dialect::{self, Lock},
    fault::corrupt,
    pool::{Db, Tx, execute, fetch_all, fetch_one, fetch_optional},
    session,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, UserId},
    model::{
        audit::{AuditAction, AuditDetail, AuditSubject},
        email::Email,
        user::{NewUser, Role, User, UserPatch, UserRecord},
    },
    page::{Page, PageRequest},
    store::{NewAuditEntry, PasswordChange, StoreError, StoreResult, UserRemoval, UserStore, UserUpdate},
};

/// What a conflict of addresses says.
pub(super) const ADDRESS_TAKEN: &str = "There is an account with this e-mail address.";

/// The statement that reads living users `u` with their client `c`, more columns, and how it goes on.
macro_rules! select_user {
    ($rest:literal) => {
        $crate::store::sql::user::select_user!("", $rest)
    };
    ($more:literal, $rest:literal) => {
        concat!(
            "SELECT u.id, u.email, u.role, u.is_active, u.client_id, u.created_at, u.last_login, u.hashed_password",
            $more,
            "
             FROM users u LEFT JOIN clients c ON c.id = u.client_id ",
            $rest
        )
    };
}
pub(super) use select_user;

#[derive(FromRow)]
pub(super) struct UserRow {
    id: UserId,
    email: String,
    role: String,
    is_active: bool,
    client_id: Option<ClientId>,
    created_at: Timestamp,
    last_login: Option<Timestamp>,
    hashed_password: String,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;

    fn try_from(row: UserRow) -> StoreResult<Self> {
        Ok(Self {
            id: row.id,
            email: parse_email("users", row.id.0, &row.email)?,
            role: parse_role("users", row.id.0, &row.role)?,
            is_active: row.is_active,
            client_id: row.client_id,
            created_at: row.created_at,
            last_login: row.last_login,
        })
    }
}

pub(super) fn parse_email(table: &str, id: i64, stored: &str) -> StoreResult<Email> {
    Email::parse(stored).map_err(|_| corrupt(table, id, "email"))
}

pub(super) fn parse_role(table: &str, id: i64, stored: &str) -> StoreResult<Role> {
    stored.parse().map_err(|_| corrupt(table, id, "role"))
}

/// A user to be inserted, of whichever role.
pub(super) struct UserInsert<'u> {
    pub(super) email: &'u str,
    pub(super) hashed_password: &'u SecretString,
    pub(super) role: &'u str,
    pub(super) client_id: Option<ClientId>,
    pub(super) created_by: Option<UserId>,
    pub(super) at: Timestamp,
}

/// Inserts an active user; `None` when the address has an account.
pub(super) async fn insert(db: Db<'_>, user: UserInsert<'_>) -> StoreResult<Option<UserId>> {
    let row: Option<(UserId,)> = fetch_optional!(
        db,
        "INSERT INTO users (email, hashed_password, role, is_active, client_id, created_by_admin_id, created_at, updated_at)
         VALUES ($1, $2, $3, TRUE, $4, $5, $6, $6) ON CONFLICT (email) DO NOTHING RETURNING id",
        user.email,
        user.hashed_password.expose_secret(),
        user.role,
        user.client_id,
        user.created_by,
        user.at,
    )?;
    Ok(row.map(|(id,)| id))
}

/// A user by id, inside the scope and not gone.
pub(super) async fn find(db: Db<'_>, scope: TenantScope, id: UserId) -> StoreResult<Option<User>> {
    let row: Option<UserRow> = fetch_optional!(
        db,
        select_user!("WHERE c.deleted_at IS NULL AND u.id = $1 AND ($2 IS NULL OR u.client_id = $2)"),
        id,
        scope.only(),
    )?;
    row.map(User::try_from).transpose()
}

#[async_trait]
impl UserStore for SqlStore {
    async fn create_admin(&self, user: NewUser) -> StoreResult<User> {
        let mut tx = self.pool.begin(TenantScope::ALL).await?;
        let admin = UserInsert {
            email: user.email.as_str(),
            hashed_password: &user.hashed_password,
            role: Role::Admin.as_str(),
            client_id: None,
            created_by: None,
            at: user.created_at,
        };
        let Some(id) = insert(tx.db(), admin).await? else {
            return Err(StoreError::Conflict(ADDRESS_TAKEN));
        };
        let entry = NewAuditEntry::new(AuditAction::AdminCreated, user.created_at).on(AuditSubject::User(id));
        audit::insert(tx.db(), entry.with("email", user.email.as_str())).await?;
        tx.commit().await?;
        Ok(User {
            id,
            email: user.email,
            role: Role::Admin,
            is_active: true,
            client_id: None,
            created_at: user.created_at,
            last_login: None,
        })
    }

    async fn has_active_admin(&self) -> StoreResult<bool> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let (any,): (bool,) =
            fetch_one!(conn.db(), "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active)")?;
        Ok(any)
    }

    async fn find_for_sign_in(&self, email: &Email) -> StoreResult<Option<UserRecord>> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let row: Option<UserRow> = fetch_optional!(
            conn.db(),
            select_user!("WHERE c.deleted_at IS NULL AND u.email = $1"),
            email.as_str(),
        )?;
        let record = |mut row: UserRow| {
            let hashed_password = std::mem::take(&mut row.hashed_password).into();
            Ok(UserRecord { user: row.try_into()?, hashed_password })
        };
        row.map(record).transpose()
    }

    async fn find_user(&self, scope: TenantScope, id: UserId) -> StoreResult<Option<User>> {
        find(self.pool.read(scope).await?.db(), scope, id).await
    }

    async fn list_users(&self, scope: TenantScope, page: PageRequest) -> StoreResult<Page<User>> {
        let mut conn = self.pool.read(scope).await?;
        let rows: Vec<UserRow> = fetch_all!(
            conn.db(),
            select_user!(
                "WHERE c.deleted_at IS NULL AND ($1 IS NULL OR u.client_id = $1) AND ($2 IS NULL OR u.id > $2)
                 ORDER BY u.id LIMIT $3"
            ),
            scope.only(),
            page.cursor().map(|cursor| cursor.0),
            i64::from(page.limit()) + 1,
        )?;
        let users = rows.into_iter().map(User::try_from).collect::<StoreResult<_>>()?;
        Ok(Page::from_rows(users, page, |user: &User| user.id.0))
    }

    async fn update_user(
        &self,
        scope: TenantScope,
        id: UserId,
        patch: UserPatch,
        now: Timestamp,
    ) -> StoreResult<UserUpdate> {
        let mut tx = self.pool.begin(scope).await?;
        // Two admins who demote each other must not both find the other one still in office.
        dialect::lock(&mut tx, Lock::Admins).await?;
        let Some(before) = find(tx.db(), scope, id).await? else { return Ok(UserUpdate::NotFound) };
        let role = patch.role.unwrap_or(before.role);
        let is_active = patch.is_active.unwrap_or(before.is_active);
        let stays_admin = role == Role::Admin && is_active;
        if is_active_admin(&before) && !stays_admin && !has_other_admin(&mut tx, id).await? {
            return Ok(UserUpdate::LastAdmin);
        }
        let client_id = before.client_id.filter(|_| role == Role::Client);
        if role == Role::Client && client_id.is_none() {
            return Ok(UserUpdate::NeedsClient);
        }
        execute!(
            tx.db(),
            "UPDATE users SET role = $2, is_active = $3, client_id = $4, updated_at = $5 WHERE id = $1",
            id,
            role.as_str(),
            is_active,
            client_id,
            now,
        )?;
        if !is_active || role != before.role {
            session::close_all(tx.db(), id, None, now).await?;
        }
        let after = User { role, is_active, client_id, ..before.clone() };
        note_update(&mut tx, scope, (&before, &after), now).await?;
        tx.commit().await?;
        Ok(UserUpdate::Updated(after))
    }

    async fn delete_user(&self, scope: TenantScope, id: UserId, now: Timestamp) -> StoreResult<UserRemoval> {
        let mut tx = self.pool.begin(scope).await?;
        dialect::lock(&mut tx, Lock::Admins).await?;
        let Some(user) = find(tx.db(), scope, id).await? else { return Ok(UserRemoval::NotFound) };
        if is_active_admin(&user) && !has_other_admin(&mut tx, id).await? {
            return Ok(UserRemoval::LastAdmin);
        }
        // Before it, so that who deletes the own account is named.
        let entry = NewAuditEntry::new(AuditAction::UserDeleted, now).by(scope.author()).of(user.client_id);
        let entry = entry.on(AuditSubject::User(id)).with("email", user.email.as_str());
        audit::insert(tx.db(), entry.with("role", user.role.as_str())).await?;
        execute!(tx.db(), "DELETE FROM users WHERE id = $1", id)?;
        tx.commit().await?;
        Ok(UserRemoval::Removed)
    }

    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> StoreResult<()> {
        let mut tx = self.pool.write(TenantScope::ALL).await?;
        execute!(
            tx.db(),
            "UPDATE users SET hashed_password = $3 WHERE id = $1 AND hashed_password = $2",
            id,
            old.expose_secret(),
            new.expose_secret(),
        )?;
        tx.commit().await
    }

    async fn change_password(
        &self,
        scope: TenantScope,
        id: UserId,
        change: PasswordChange,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let mut tx = self.pool.begin(scope).await?;
        let changed = execute!(
            tx.db(),
            "UPDATE users SET hashed_password = $3, updated_at = $4
             WHERE id = $1 AND hashed_password = $2 AND is_active AND ($5 IS NULL OR client_id = $5)",
            id,
            change.verified.expose_secret(),
            change.new.expose_secret(),
            now,
            scope.only(),
        )?;
        if changed == 0 {
            return Ok(false);
        }
        execute!(tx.db(), "DELETE FROM password_resets WHERE user_id = $1", id)?;
        session::close_all(tx.db(), id, change.keep, now).await?;
        let client = find(tx.db(), scope, id).await?.and_then(|user| user.client_id);
        let entry = NewAuditEntry::new(AuditAction::PasswordChanged, now).by(scope.author()).of(client);
        audit::insert(tx.db(), entry.on(AuditSubject::User(id))).await?;
        tx.commit().await?;
        Ok(true)
    }
}

/// Notes what became of a user, if anything did.
async fn note_update(
    tx: &mut Tx,
    scope: TenantScope,
    (before, after): (&User, &User),
    now: Timestamp,
) -> StoreResult<()> {
    let detail = AuditDetail::default().changed("role", before.role.as_str(), after.role.as_str()).changed(
        "is_active",
        before.is_active,
        after.is_active,
    );
    if detail.is_empty() {
        return Ok(());
    }
    let entry = NewAuditEntry::new(AuditAction::UserUpdated, now).by(scope.author()).of(before.client_id);
    let entry = entry.on(AuditSubject::User(before.id)).saying(detail);
    audit::insert(tx.db(), entry.with("email", before.email.as_str())).await
}

fn is_active_admin(user: &User) -> bool {
    user.role == Role::Admin && user.is_active
}

async fn has_other_admin(tx: &mut Tx, id: UserId) -> StoreResult<bool> {
    let (any,): (bool,) = fetch_one!(
        tx.db(),
        "SELECT EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND is_active AND id <> $1)",
        id,
    )?;
    Ok(any)
}

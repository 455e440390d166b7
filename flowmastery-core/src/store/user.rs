//! Users.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{SessionId, UserId},
    model::{
        email::Email,
        user::{NewUser, User, UserPatch, UserRecord},
    },
    page::{Page, PageRequest},
};

/// What became of a change to a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserUpdate {
    /// It is stored; this is the user now.
    Updated(User),
    /// There is no such user inside the scope.
    NotFound,
    /// It would leave no active admin.
    LastAdmin,
    /// A client user must belong to a client, and this one would not.
    NeedsClient,
}

/// What became of removing a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserRemoval {
    /// The user is gone.
    Removed,
    /// There is no such user inside the scope.
    NotFound,
    /// It would leave no active admin.
    LastAdmin,
}

/// Another password for a user who gave the one before.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// The stored hash against which the password before was verified.
    pub verified: SecretString,
    /// The hash of the new one.
    pub new: SecretString,
    /// The session that goes on; every other one is closed.
    pub keep: Option<SessionId>,
}

/// Users.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Stores an active admin.
    ///
    /// # Errors
    /// [`super::StoreError::Conflict`] when the address has an account.
    async fn create_admin(&self, user: NewUser) -> StoreResult<User>;

    /// Whether there is any admin who may sign in.
    async fn has_active_admin(&self) -> StoreResult<bool>;

    /// A user by address, for signing in: there is no scope yet.
    async fn find_for_sign_in(&self, email: &Email) -> StoreResult<Option<UserRecord>>;

    /// A user by id.
    async fn find_user(&self, scope: TenantScope, id: UserId) -> StoreResult<Option<User>>;

    /// Users ascending by id; those of deleted clients are gone.
    async fn list_users(&self, scope: TenantScope, page: PageRequest) -> StoreResult<Page<User>>;

    /// Changes a user in one transaction. Making somebody an admin clears the client; deactivating or changing the role closes the user's sessions.
    async fn update_user(
        &self,
        scope: TenantScope,
        id: UserId,
        patch: UserPatch,
        now: Timestamp,
    ) -> StoreResult<UserUpdate>;

    /// Removes a user in one transaction, with sessions, refresh tokens and password resets; what the user made stays.
    async fn delete_user(&self, scope: TenantScope, id: UserId, now: Timestamp) -> StoreResult<UserRemoval>;

    /// Replaces the stored password hash, when it still is `old` (a rehash after a sign-in must not undo a change of password).
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &SecretString,
        new: &SecretString,
    ) -> StoreResult<()>;

    /// Changes the password of an active user when the stored hash still is the one that was verified, closes the other sessions and
    /// forgets a password reset that is pending, in one transaction; whether it did.
    async fn change_password(
        &self,
        scope: TenantScope,
        id: UserId,
        change: PasswordChange,
        now: Timestamp,
    ) -> StoreResult<bool>;
}

//! Users.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::UserId,
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

    /// Replaces the stored password hash, when it still is `old` (a rehash after a sign-in must not undo a change of password).
    async fn replace_password_hash(
        &self,
        id: UserId,
        old: &secrecy::SecretString,
        new: &secrecy::SecretString,
    ) -> StoreResult<()>;
}

//! Users: who they are, and what admins change of them.

use std::sync::Arc;

use crate::{
    access::{actor::Actor, password::PasswordHasher, permission::Permission},
    clock::Clock,
    error::{Error, FieldError, Kind, Result},
    feed::ChangeFeed,
    id::UserId,
    model::{
        email::Email,
        password::Password,
        user::{NewUser, User, UserPatch},
    },
    page::{Page, PageRequest},
    store::{Change, Store, UserUpdate},
};

/// Users.
#[derive(Clone, Debug)]
pub struct Users {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Users {
    /// Makes an admin: for the host's own command, before there is anybody to ask.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when the address has an account.
    pub async fn create_admin(&self, email: Email, password: &Password) -> Result<User> {
        let hashed_password = self.hasher.hash(password).await?;
        let user = NewUser { email, hashed_password, created_at: self.clock.now() };
        Ok(self.store.create_admin(user).await?)
    }

    /// Whether there is an admin who may sign in.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the store is away.
    pub async fn has_admin(&self) -> Result<bool> {
        Ok(self.store.has_active_admin().await?)
    }

    /// The actor's own user.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when a host's actor names a user that is not ours.
    pub async fn me(&self, actor: Actor) -> Result<User> {
        let user = self.store.find_user(actor.scope(), actor.user_id()).await?;
        user.ok_or_else(|| Error::not_found("user"))
    }

    /// Users, ascending by id.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins.
    pub async fn list(&self, actor: Actor, page: PageRequest) -> Result<Page<User>> {
        actor.require(Permission::ManageUsers)?;
        Ok(self.store.list_users(actor.scope(), page).await?)
    }

    /// A user.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`].
    pub async fn get(&self, actor: Actor, id: UserId) -> Result<User> {
        actor.require(Permission::ManageUsers)?;
        self.store.find_user(actor.scope(), id).await?.ok_or_else(|| Error::not_found("user"))
    }

    /// Changes a user; changing the role or deactivating ends the user's sessions.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`], [`Kind::Conflict`] when no active admin would be left,
    /// [`Kind::Invalid`] when a user without a client would become a client user.
    pub async fn update(&self, actor: Actor, id: UserId, patch: UserPatch) -> Result<User> {
        actor.require(Permission::ManageUsers)?;
        match self.store.update_user(actor.scope(), id, patch, self.clock.now()).await? {
            UserUpdate::Updated(user) => {
                self.feed.forget(Change::User(id));
                Ok(user)
            }
            UserUpdate::NotFound => Err(Error::not_found("user")),
            UserUpdate::LastAdmin => Err(Error::new(
                Kind::Conflict,
                "This is the last active admin; make somebody else an admin first.",
            )),
            UserUpdate::NeedsClient => Err(Error::invalid(vec![FieldError::new(
                "role",
                "A client user belongs to a client, and this user to none; invite the address as a client user instead.",
            )])),
        }
    }
}

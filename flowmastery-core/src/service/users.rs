//! Users: who they are, and what admins change of them.

use std::sync::Arc;

use secrecy::SecretString;

use crate::{
    access::{
        actor::Actor,
        password::{PasswordHasher, Verification},
        permission::Permission,
    },
    audit::AuditNotes,
    clock::Clock,
    error::{Error, FieldError, Kind, Result},
    feed::ChangeFeed,
    id::UserId,
    model::{
        audit::{AuditAction, AuditSubject},
        email::Email,
        password::Password,
        user::{NewUser, User, UserPatch},
    },
    page::{Page, PageRequest},
    store::{Change, NewAuditEntry, PasswordChange, Store, UserRemoval, UserUpdate},
    throttle::{Throttle, Tried},
};

/// Users.
#[derive(Clone, Debug)]
pub struct Users {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) hasher: PasswordHasher,
    pub(crate) throttle: Throttle,
    pub(crate) notes: AuditNotes,
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

    /// The user with this address as an actor, for hosts that sign users in themselves and say which of ours they stand for; `None` where there is
    /// none, or one who may not act. A host asks at every request, since users are deactivated and change their roles, and only for addresses that it
    /// assigned or verified: whoever could choose an admin's would be that admin.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when the store is away.
    pub async fn find_actor(&self, email: &Email) -> Result<Option<Actor>> {
        let record = self.store.find_for_sign_in(email).await?;
        Ok(record.and_then(|record| Actor::of(&record.user)))
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
            UserUpdate::LastAdmin => Err(last_admin()),
            UserUpdate::NeedsClient => Err(Error::invalid(vec![FieldError::new(
                "role",
                "A client user belongs to a client, and this user to none; invite the address as a client user instead.",
            )])),
        }
    }

    /// Removes a user with sessions and pending password resets; what the user made stays.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`], [`Kind::Conflict`] when no active admin would be left.
    pub async fn remove(&self, actor: Actor, id: UserId) -> Result<()> {
        actor.require(Permission::ManageUsers)?;
        match self.store.delete_user(actor.scope(), id, self.clock.now()).await? {
            UserRemoval::Removed => {
                self.feed.forget(Change::User(id));
                Ok(())
            }
            UserRemoval::NotFound => Err(Error::not_found("user")),
            UserRemoval::LastAdmin => Err(last_admin()),
        }
    }

    /// Changes the actor's own password, and ends the actor's other sessions.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when the current password is wrong: the session is good all the same. [`Kind::Conflict`] when the password was changed
    /// by something else meanwhile, [`Kind::NotFound`] when a host's actor names a user that is not ours, [`Kind::TooMany`] after too many wrong
    /// passwords, [`Kind::Unavailable`] when too many wait for their hash.
    pub async fn change_password(&self, actor: Actor, current: &SecretString, new: &Password) -> Result<()> {
        let user = self.me(actor).await?;
        let work = self.change_unthrottled((actor, &user), current, new);
        self.throttle.attempt(Tried::ChangePassword(&user.email), actor.origin(), work).await
    }

    async fn change_unthrottled(
        &self,
        (actor, user): (Actor, &User),
        current: &SecretString,
        new: &Password,
    ) -> Result<()> {
        let record = self.store.find_for_sign_in(&user.email).await?;
        let verified = record.ok_or_else(|| Error::not_found("user"))?.hashed_password;
        if self.hasher.verify(current, &verified).await? == Verification::Mismatch {
            let entry =
                NewAuditEntry::new(AuditAction::SignInFailed, self.clock.now()).by(actor.scope().author());
            let entry = entry.of(user.client_id).on(AuditSubject::User(user.id));
            self.notes.note(entry.with("reason", "current_password").with("email", user.email.as_str()));
            let fault = FieldError::new("current_password", "This is not your current password.");
            return Err(Error::invalid(vec![fault]));
        }
        let change = PasswordChange { verified, new: self.hasher.hash(new).await?, keep: actor.session_id() };
        if self.store.change_password(actor.scope(), user.id, change, self.clock.now()).await? {
            self.feed.forget(Change::User(user.id));
            return Ok(());
        }
        Err(Error::new(Kind::Conflict, "Your password has been changed in the meantime."))
    }
}

fn last_admin() -> Error {
    Error::new(Kind::Conflict, "This is the last active admin; make somebody else an admin first.")
}

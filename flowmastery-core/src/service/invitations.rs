//! Invitations: making them, mailing their link, and turning them into accounts.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::{
    access::{actor::Actor, issuer::TokenIssuer, password::PasswordHasher, permission::Permission},
    clock::{Clock, Timestamp},
    error::{Error, Faults, FieldError, Kind, Result},
    id::{ClientId, InvitationId},
    mail::{Postbox, letter::Letter},
    model::{
        email::Email,
        invitation::{
            EmailStatus, Invitation, InvitationPreview, InvitationStatus, LIFETIME, NewInvitation, Renewal,
        },
        outbox::SealedMail,
        password::Password,
        session::{OpaqueToken, SignedIn, TokenHash},
        user::Role,
    },
    page::{Page, PageRequest},
    request::RequestOrigin,
    store::{Accepted, Revocation, Store},
    throttle::{Throttle, Tried},
};

/// Whom to invite.
#[derive(Clone, Debug)]
pub struct InvitationRequest {
    /// To whom the mail goes.
    pub email: Email,
    /// Role of the account to be made.
    pub role: Role,
    /// The client of a client user; none for admins.
    pub client_id: Option<ClientId>,
}

impl InvitationRequest {
    /// Checks an invitation as it was sent.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault of `email`, `role` and `client_id`.
    pub fn parse(email: &str, role: &str, client_id: Option<i64>) -> Result<Self> {
        let mut faults = Faults::default();
        let email = faults.check(Email::parse(email));
        let role = faults.check(role.parse::<Role>());
        match (role, client_id) {
            (Some(Role::Client), None) => {
                faults.push(FieldError::new("client_id", "A client user belongs to a client."));
            }
            (Some(Role::Admin), Some(_)) => {
                faults.push(FieldError::new("client_id", "An admin belongs to no client."));
            }
            _ => {}
        }
        let request =
            email.zip(role).map(|(email, role)| Self { email, role, client_id: client_id.map(ClientId) });
        faults.finish(request)
    }
}

/// An invitation as its maker sees it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct IssuedInvitation {
    /// The invitation.
    #[serde(flatten)]
    pub invitation: Invitation,
    /// The link to pass on, when no mail reaches anybody or the host is in debug mode. It is shown here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accept_url: Option<AcceptUrl>,
}

/// The link of an invitation; whoever has it can make the account, so `Debug` does not show it.
#[derive(Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct AcceptUrl(String);

impl AcceptUrl {
    /// The link.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for AcceptUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AcceptUrl(..)")
    }
}

/// Where invitations lead, and who sees their links.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InvitationConfig {
    /// The page that takes `?token=`; never from a request's `Host`.
    pub accept_page: String,
    /// Whether makers get the link even when it was mailed: for development.
    pub always_show_link: bool,
}

/// A link that is to be mailed.
struct NewLink {
    url: String,
    token: TokenHash,
    /// `None` without a mail server.
    mail: Option<SealedMail>,
    created_at: Timestamp,
    expiry_date: Timestamp,
}

/// Invitations.
#[derive(Clone, Debug)]
pub struct Invitations {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) postbox: Postbox,
    pub(crate) hasher: PasswordHasher,
    pub(crate) issuer: TokenIssuer,
    pub(crate) throttle: Throttle,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) config: InvitationConfig,
}

impl Invitations {
    /// Invites somebody; an older pending invitation of the same address dies. Its mail is stored with it and sent later, so a mail
    /// server that is away or slow is not noticed here.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::Conflict`] when the address has an account, [`Kind::Invalid`] when
    /// there is no such client.
    pub async fn create(&self, actor: Actor, request: InvitationRequest) -> Result<IssuedInvitation> {
        actor.require(Permission::ManageUsers)?;
        let link = self.new_link(request.email.clone())?;
        let new = NewInvitation {
            email: request.email,
            role: request.role,
            client_id: request.client_id,
            token: link.token,
            invited_by_admin_id: Some(actor.user_id()),
            mail: link.mail,
            created_at: link.created_at,
            expiry_date: link.expiry_date,
        };
        let stored = self.store.create_invitation(actor.scope(), new).await?;
        let invitation = stored.ok_or_else(|| {
            Error::invalid(vec![FieldError::new("client_id", "There is no client with this id.")])
        })?;
        Ok(self.issued(invitation, link.url))
    }

    /// Mails another link for an invitation that is pending or has expired, good for another 48 hours; the link before is dead.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`] when it is unknown, accepted or revoked, [`Kind::Conflict`] when the
    /// address has an account by now.
    pub async fn resend(&self, actor: Actor, id: InvitationId) -> Result<IssuedInvitation> {
        let link = self.new_link(self.get(actor, id).await?.email)?;
        let renewal = Renewal {
            token: link.token,
            mail: link.mail,
            renewed_at: link.created_at,
            expiry_date: link.expiry_date,
        };
        let renewed = self.store.renew_invitation(actor.scope(), id, renewal).await?;
        Ok(self.issued(renewed.ok_or_else(not_found)?, link.url))
    }

    /// Takes an invitation back: its link is dead, and its mail is not sent any more.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`] when it is unknown or revoked already, [`Kind::Conflict`] when it was
    /// accepted.
    pub async fn revoke(&self, actor: Actor, id: InvitationId) -> Result<()> {
        actor.require(Permission::ManageUsers)?;
        match self.store.revoke_invitation(actor.scope(), id, self.clock.now()).await? {
            Revocation::Revoked => Ok(()),
            Revocation::NotFound => Err(not_found()),
            Revocation::Accepted => Err(Error::new(
                Kind::Conflict,
                "This invitation was accepted; deactivate or delete the user instead.",
            )),
        }
    }

    /// An invitation.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`].
    pub async fn get(&self, actor: Actor, id: InvitationId) -> Result<Invitation> {
        actor.require(Permission::ManageUsers)?;
        let found = self.store.find_invitation_by_id(actor.scope(), id, self.clock.now()).await?;
        found.ok_or_else(not_found)
    }

    /// A link with a token of its own, from now on.
    fn new_link(&self, to: Email) -> Result<NewLink> {
        let token = OpaqueToken::generate(self.issuer.entropy.as_ref())?;
        let created_at = self.clock.now();
        let expiry_date = created_at.plus(LIFETIME);
        let url = format!("{}?token={}", self.config.accept_page, token.expose());
        let letter = || Letter::Invitation { to, link: url.clone(), until: expiry_date };
        let mail = self.postbox.is_served().then(|| self.postbox.seal(&letter())).transpose()?;
        Ok(NewLink { token: token.hash(), mail, url, created_at, expiry_date })
    }

    /// What the maker of a stored link is shown.
    fn issued(&self, invitation: Invitation, link: String) -> IssuedInvitation {
        self.postbox.wake();
        let show = self.config.always_show_link || invitation.email_status == EmailStatus::NotConfigured;
        IssuedInvitation { invitation, accept_url: show.then_some(AcceptUrl(link)) }
    }

    /// Invitations, newest first.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins.
    pub async fn list(&self, actor: Actor, page: PageRequest) -> Result<Page<Invitation>> {
        actor.require(Permission::ManageUsers)?;
        Ok(self.store.list_invitations(actor.scope(), page, self.clock.now()).await?)
    }

    /// What the holder of a token may see of its invitation.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a token that is unknown, or whose invitation is accepted or revoked.
    pub async fn preview(&self, token: &SecretString) -> Result<InvitationPreview> {
        let hash = TokenHash::of(token.expose_secret());
        let stored = self.store.find_invitation(&hash, self.clock.now()).await?.filter(|stored| {
            matches!(stored.invitation.status, InvitationStatus::Pending | InvitationStatus::Expired)
        });
        let stored = stored.ok_or_else(not_found)?;
        let Invitation { email, role, expiry_date, status, .. } = stored.invitation;
        Ok(InvitationPreview { email, role, client_name: stored.client_name, expiry_date, status })
    }

    /// Makes the account of an invitation and signs it in; happens once, however many race.
    ///
    /// # Errors
    /// [`Kind::Gone`] when its time is over, [`Kind::NotFound`] when it is unknown, accepted or revoked, [`Kind::Conflict`] when the
    /// address has an account by now, [`Kind::TooMany`] after too many of the first two.
    pub async fn accept(
        &self,
        token: &SecretString,
        password: &Password,
        origin: RequestOrigin,
    ) -> Result<SignedIn> {
        let hash = TokenHash::of(token.expose_secret());
        let work = self.accept_unthrottled(token, password, origin);
        self.throttle.attempt(Tried::Accept(&hash), origin, work).await
    }

    async fn accept_unthrottled(
        &self,
        token: &SecretString,
        password: &Password,
        origin: RequestOrigin,
    ) -> Result<SignedIn> {
        // Hashing is dear, so a token that cannot be accepted is refused before it.
        if self.preview(token).await?.status == InvitationStatus::Expired {
            return Err(expired());
        }
        let hashed_password = self.hasher.hash(password).await?;
        let now = self.clock.now();
        let (refresh, session) = self.issuer.refresh(origin, now)?;
        let hash = TokenHash::of(token.expose_secret());
        match self.store.accept_invitation(&hash, &hashed_password, session).await? {
            Accepted::Accepted { session, user } => self.issuer.signed_in((session, user), &refresh, now),
            Accepted::Expired => Err(expired()),
            Accepted::NotFound => Err(not_found()),
            Accepted::AccountExists => Err(Error::new(
                Kind::Conflict,
                "There is an account with this e-mail address; sign in instead.",
            )),
        }
    }
}

fn not_found() -> Error {
    Error::not_found("invitation")
}

fn expired() -> Error {
    Error::new(Kind::Gone, "This invitation has expired; ask for a new one.")
}

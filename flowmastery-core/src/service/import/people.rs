//! Users and their invitations.

use super::{LeftOut, Run, changed_meanwhile};
use crate::{
    access::scope::TenantScope,
    error::Result,
    id::ClientId,
    model::{
        email::Email,
        import::{
            ImportKind,
            source::{ImportedUser, SourceInvitation, SourceUser},
        },
        invitation::{LIFETIME, NewInvitation},
        session::OpaqueToken,
        user::Role,
    },
    store::AddressUse,
};

const HAS_ACCOUNT: &str = "its address has an account";
const IS_INVITED: &str = "its address has a pending invitation here";

/// Role and client of an account; the client here is `None` for an admin, and in a rehearsal that would make it.
type Post = (Role, Option<ClientId>);

impl Run<'_> {
    pub(super) async fn user(&mut self, user: SourceUser) -> Result<()> {
        self.report.count(ImportKind::User).found += 1;
        if self.users.contains_key(&user.id) {
            if let Ok(email) = Email::parse(&user.email) {
                self.addresses.entry(email).or_insert(user.id);
            }
            self.report.count(ImportKind::User).present += 1;
            return Ok(());
        }
        let (email, (role, client_id)) = match self.judge_user(&user).await {
            Ok(judged) => judged,
            Err(left_out) => return self.leave_out(ImportKind::User, &user.id, left_out),
        };
        if role == Role::Admin && user.client_id.is_some() {
            let text = "it is an admin with a client; admins belong to none here";
            self.report.notice(ImportKind::User, &user.id, text);
        }
        self.addresses.insert(email.clone(), user.id.clone());
        let mut here = None;
        if self.request.apply {
            let new = ImportedUser {
                email,
                hashed_password: user.hashed_password,
                role,
                client_id,
                is_active: user.is_active,
                created_by_admin_id: self.user_id(user.created_by.as_deref()),
                last_login: user.last_login,
                created_at: user.created_at.unwrap_or(self.now),
            };
            let made = self.service.store.import_user(TenantScope::ALL, &user.id, new).await?;
            here = Some(made.ok_or_else(changed_meanwhile)?);
        }
        self.users.insert(user.id, here);
        self.report.count(ImportKind::User).imported += 1;
        Ok(())
    }

    async fn judge_user(&self, user: &SourceUser) -> Result<(Email, Post), LeftOut> {
        let email = Email::parse(&user.email)?;
        if let Some(first) = self.addresses.get(&email) {
            return Err(LeftOut::Fault(format!(
                "its e-mail address is that of user {first} but for the case"
            )));
        }
        let post = self.post(&user.role, user.client_id.as_deref()).await?;
        if !user.has_bcrypt() {
            let text = "its password is not kept as bcrypt; invite the address here";
            return Err(LeftOut::Fault(text.to_owned()));
        }
        match self.service.store.address_use(&email, self.now).await? {
            AddressUse::Account => {
                Err(LeftOut::Notice("its address has an account here, which is left as it is"))
            }
            AddressUse::Free | AddressUse::Invited => Ok((email, post)),
        }
    }

    pub(super) async fn invitation(&mut self, invitation: SourceInvitation) -> Result<()> {
        self.report.count(ImportKind::Invitation).found += 1;
        if self.invitations.contains_key(&invitation.id) {
            self.report.count(ImportKind::Invitation).present += 1;
            return Ok(());
        }
        let (email, (role, client_id)) = match self.judge_invitation(&invitation).await {
            Ok(judged) => judged,
            Err(left_out) => return self.leave_out(ImportKind::Invitation, &invitation.id, left_out),
        };
        let address = email.clone();
        let text =
            format!("{address} gets no mail from an import, and the old link leads nowhere: invite again");
        if self.request.apply {
            let longest = self.now.plus(LIFETIME);
            let new = NewInvitation {
                email,
                role,
                client_id,
                // Nobody knows this token: the link that was mailed ends with the Python FlowMastery.
                token: OpaqueToken::generate(self.service.entropy.as_ref())?.hash(),
                invited_by_admin_id: self.user_id(invitation.invited_by.as_deref()),
                mail: None,
                created_at: self.now,
                expiry_date: invitation.expiry_date.map_or(longest, |expiry| expiry.min(longest)),
            };
            let store = &self.service.store;
            if !store.import_invitation(TenantScope::ALL, &invitation.id, new).await? {
                return Err(changed_meanwhile());
            }
        }
        self.invited.insert(address);
        self.report.count(ImportKind::Invitation).imported += 1;
        self.report.notice(ImportKind::Invitation, &invitation.id, text);
        Ok(())
    }

    async fn judge_invitation(&self, invitation: &SourceInvitation) -> Result<(Email, Post), LeftOut> {
        let email = Email::parse(&invitation.email)?;
        if invitation.expiry_date.is_some_and(|expiry| expiry <= self.now) {
            return Err(LeftOut::Notice("it has expired"));
        }
        let post = self.post(&invitation.role, invitation.client_id.as_deref()).await?;
        match self.service.store.address_use(&email, self.now).await? {
            // A rehearsal has made neither the accounts nor the invitations before this one.
            AddressUse::Free if self.addresses.contains_key(&email) => Err(LeftOut::Notice(HAS_ACCOUNT)),
            AddressUse::Account => Err(LeftOut::Notice(HAS_ACCOUNT)),
            AddressUse::Free if self.invited.contains(&email) => Err(LeftOut::Notice(IS_INVITED)),
            AddressUse::Invited => Err(LeftOut::Notice(IS_INVITED)),
            AddressUse::Free => Ok((email, post)),
        }
    }

    /// The role and client that a record names.
    async fn post(&self, role: &str, client: Option<&str>) -> Result<Post, LeftOut> {
        let fault = |text: &str| Err(LeftOut::Fault(text.to_owned()));
        if role.parse::<Role>()? == Role::Admin {
            return Ok((Role::Admin, None));
        }
        let Some(client) = client else { return fault("it is of a client and names none") };
        let Some(&here) = self.clients.get(client) else { return fault("its client is not there") };
        if let Some(id) = here {
            let found = self.service.store.find_client(TenantScope::client(id), id).await?;
            found.ok_or(LeftOut::Notice("its client was deleted here since"))?;
        }
        Ok((Role::Client, here))
    }
}

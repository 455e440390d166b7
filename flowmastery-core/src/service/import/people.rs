//! Users and their invitations.

use super::{Run, changed_meanwhile};
use crate::{
    access::scope::TenantScope,
    error::Result,
    id::ClientId,
    model::{
        email::Email,
        import::{
            ImportKind, sentence,
            source::{ImportedUser, SourceInvitation, SourceUser},
        },
        invitation::{EmailStatus, LIFETIME, NewInvitation},
        session::OpaqueToken,
        user::Role,
    },
    store::AddressUse,
};

/// Role and client of an account; the client is `None` inside in a rehearsal that would make it.
type Post = (Role, Option<Option<ClientId>>);

/// Why a record was left out, and whether that is a fault.
enum LeftOut {
    Fault(String),
    Notice(&'static str),
}

impl Run<'_> {
    pub(super) async fn user(&mut self, user: SourceUser) -> Result<()> {
        self.report.count(ImportKind::User).found += 1;
        let first = Email::parse(&user.email).map(|email| {
            self.addresses.entry(email.clone()).or_insert_with(|| user.id.clone());
            email
        });
        if self.users.contains_key(&user.id) {
            self.report.count(ImportKind::User).present += 1;
            return Ok(());
        }
        let judged = match first {
            Ok(email) => self.judge_user(&user, email).await?,
            Err(fault) => Err(LeftOut::Fault(sentence(&fault))),
        };
        let (email, (role, client)) = match judged {
            Ok(judged) => judged,
            Err(left_out) => {
                self.leave_out(ImportKind::User, &user.id, left_out);
                return Ok(());
            }
        };
        if role == Role::Admin && user.client_id.is_some() {
            let text = "it is an admin with a client; admins belong to none here";
            self.report.notice(ImportKind::User, &user.id, text);
        }
        let id = if self.request.apply {
            let new = ImportedUser {
                email,
                hashed_password: user.hashed_password,
                role,
                client_id: client.flatten(),
                is_active: user.is_active,
                created_by_admin_id: self.user_id(user.created_by.as_deref()),
                last_login: user.last_login,
                created_at: user.created_at.unwrap_or(self.now),
            };
            let made = self.service.store.import_user(TenantScope::ALL, &user.id, new).await?;
            Some(made.ok_or_else(changed_meanwhile)?)
        } else {
            None
        };
        self.users.insert(user.id, id);
        self.report.count(ImportKind::User).imported += 1;
        Ok(())
    }

    async fn judge_user(
        &self,
        user: &SourceUser,
        email: Email,
    ) -> Result<std::result::Result<(Email, Post), LeftOut>> {
        if let Some(first) = self.addresses.get(&email).filter(|first| **first != user.id) {
            let text = format!("its e-mail address is that of user {first} but for the case");
            return Ok(Err(LeftOut::Fault(text)));
        }
        let post = match self.post(&user.role, user.client_id.as_deref()).await? {
            Ok(post) => post,
            Err(left_out) => return Ok(Err(left_out)),
        };
        if !user.has_bcrypt() {
            let text = "its password is not kept as bcrypt; invite the address here";
            return Ok(Err(LeftOut::Fault(text.to_owned())));
        }
        Ok(match self.service.store.address_use(&email, self.now).await? {
            AddressUse::Account => {
                Err(LeftOut::Notice("its address has an account here, which is left as it is"))
            }
            AddressUse::Free | AddressUse::Invited => Ok((email, post)),
        })
    }

    pub(super) async fn invitation(&mut self, invitation: SourceInvitation) -> Result<()> {
        self.report.count(ImportKind::Invitation).found += 1;
        if self.invitations.contains_key(&invitation.id) {
            self.report.count(ImportKind::Invitation).present += 1;
            return Ok(());
        }
        let (email, (role, client)) = match self.judge_invitation(&invitation).await? {
            Ok(judged) => judged,
            Err(left_out) => {
                self.leave_out(ImportKind::Invitation, &invitation.id, left_out);
                return Ok(());
            }
        };
        if self.request.apply {
            let longest = self.now.plus(LIFETIME);
            let new = NewInvitation {
                email: email.clone(),
                role,
                client_id: client.flatten(),
                // Nobody knows this token: the link that was mailed ends with the Python FlowMastery.
                token: OpaqueToken::generate(self.service.entropy.as_ref())?.hash(),
                invited_by_admin_id: self.user_id(invitation.invited_by.as_deref()),
                email_status: EmailStatus::Failed,
                created_at: self.now,
                expiry_date: invitation.expiry_date.map_or(longest, |expiry| expiry.min(longest)),
            };
            let stored = self.service.store.import_invitation(TenantScope::ALL, &invitation.id, new).await?;
            if !stored {
                return Err(changed_meanwhile());
            }
        }
        self.report.count(ImportKind::Invitation).imported += 1;
        let text = format!(
            "{} gets no mail from an import, and the old link leads nowhere: send it again",
            email.as_str()
        );
        self.report.notice(ImportKind::Invitation, &invitation.id, text);
        Ok(())
    }

    async fn judge_invitation(
        &self,
        invitation: &SourceInvitation,
    ) -> Result<std::result::Result<(Email, Post), LeftOut>> {
        let email = match Email::parse(&invitation.email) {
            Ok(email) => email,
            Err(fault) => return Ok(Err(LeftOut::Fault(sentence(&fault)))),
        };
        if invitation.expiry_date.is_some_and(|expiry| expiry <= self.now) {
            return Ok(Err(LeftOut::Notice("it has expired")));
        }
        let post = match self.post(&invitation.role, invitation.client_id.as_deref()).await? {
            Ok(post) => post,
            Err(left_out) => return Ok(Err(left_out)),
        };
        // A rehearsal has not made the accounts.
        if self.addresses.contains_key(&email) {
            return Ok(Err(LeftOut::Notice("its address has an account")));
        }
        Ok(match self.service.store.address_use(&email, self.now).await? {
            AddressUse::Account => Err(LeftOut::Notice("its address has an account")),
            AddressUse::Invited => Err(LeftOut::Notice("its address has a pending invitation here")),
            AddressUse::Free => Ok((email, post)),
        })
    }

    /// The role and client that a record names.
    async fn post(&self, role: &str, client: Option<&str>) -> Result<std::result::Result<Post, LeftOut>> {
        let fault = |text: &str| Ok(Err(LeftOut::Fault(text.to_owned())));
        match (role.parse::<Role>(), client) {
            (Err(fault), _) => Ok(Err(LeftOut::Fault(sentence(&fault)))),
            (Ok(Role::Admin), _) => Ok(Ok((Role::Admin, None))),
            (Ok(Role::Client), None) => fault("it is of a client and names none"),
            (Ok(Role::Client), Some(source)) => match self.clients.get(source) {
                None => fault("its client is not there"),
                Some(Some(id)) if self.is_gone(*id).await? => {
                    Ok(Err(LeftOut::Notice("its client was deleted here since")))
                }
                Some(here) => Ok(Ok((Role::Client, Some(*here)))),
            },
        }
    }

    async fn is_gone(&self, client: ClientId) -> Result<bool> {
        let found = self.service.store.find_client(TenantScope::client(client), client).await?;
        Ok(found.is_none())
    }

    fn leave_out(&mut self, kind: ImportKind, source_id: &str, left_out: LeftOut) {
        self.report.count(kind).skipped += 1;
        match left_out {
            LeftOut::Fault(text) => self.report.fault(kind, source_id, text),
            LeftOut::Notice(text) => self.report.notice(kind, source_id, text),
        }
    }
}

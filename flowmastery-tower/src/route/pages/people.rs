//! What admins do on the page of people: inviting, locking out and removing.

use flowmastery_core::{
    access::permission::Permission,
    model::{
        client::Client,
        invitation::Invitation,
        user::{User, UserPatch},
    },
    service::invitations::InvitationRequest,
};
use http::StatusCode;

use super::{
    super::{
        Access, Call, Field,
        FieldKind::{Integer, Text},
        Route,
        endpoint::Answer,
    },
    DONE, all_pages, done,
    home::now,
    told,
};
use crate::{
    dashboard::{
        Chrome, Notice, Section, answer,
        people::{People, PeoplePage},
    },
    problem::Problem,
};

const ADMINS: Access = Access::Requires(Permission::ManageUsers);
const INVITE: &[Field] = &[Field::optional("email", Text, ""), Field::optional("client_id", Integer, "")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/people", ADMINS, show).query(DONE),
        Route::post("/dashboard/people/invite", ADMINS, invite).body(INVITE),
        Route::post("/dashboard/people/{user_id}/lock", ADMINS, lock).body(&[]),
        Route::post("/dashboard/people/{user_id}/unlock", ADMINS, unlock).body(&[]),
        Route::post("/dashboard/people/{user_id}/delete", ADMINS, remove).body(&[]),
        Route::post("/dashboard/people/invitations/{invitation_id}/resend", ADMINS, resend).body(&[]),
        Route::post("/dashboard/people/invitations/{invitation_id}/revoke", ADMINS, revoke).body(&[]),
    ]
}

/// Everybody, and where they may belong.
async fn read(call: &Call) -> Result<(Vec<User>, Vec<Invitation>, Vec<Client>), Problem> {
    let (actor, services) = (call.actor()?, &call.context.flowmastery);
    let users = all_pages(|page| services.users().list(actor, page)).await?;
    let invitations = all_pages(|page| services.invitations().list(actor, page)).await?;
    let clients = all_pages(|page| services.clients().list(actor, page)).await?;
    Ok((users, invitations, clients))
}

async fn page(call: &Call, chrome: Chrome) -> Result<PeoplePage, Problem> {
    let (users, invitations, clients) = read(call).await?;
    let people = People { users: &users, invitations: &invitations, clients: &clients, now: now(call) };
    Ok(PeoplePage::new(chrome, &people))
}

async fn show(mut call: Call) -> Answer {
    let done = done(&mut call)?;
    let notice = done.as_deref().and_then(|done| {
        let text = match done {
            "invited" => "The invitation is on its way.",
            "locked" => "The account is locked out, and its sessions are over.",
            "unlocked" => "The account may sign in again.",
            "removed" => "The account is gone.",
            "revoked" => "The invitation is not good any more.",
            _ => return None,
        };
        Some(Notice::done(text))
    });
    let chrome = call.own_frame("People", Section::People)?.notice(notice);
    answer(StatusCode::OK, &page(&call, chrome).await?)
}

async fn invite(mut call: Call) -> Answer {
    let actor = call.actor()?;
    let (email, client) = std::mem::take(&mut call.fields)
        .parse(|values| Ok::<_, Problem>((values.text("email").to_owned(), values.integer("client_id"))))?;
    let role = if client.is_some() { "client" } else { "admin" };
    let invited = async {
        let request = InvitationRequest::parse(&email, role, client)?;
        call.context.flowmastery.invitations().create(actor, request).await
    };
    match invited.await {
        Ok(issued) => sent(&call, issued.accept_url.map(|url| url.as_str().to_owned())).await,
        Err(error) => {
            let problem = Problem::from(error);
            if !problem.status().is_client_error() {
                return Err(problem);
            }
            let (status, chrome) = told(call.own_frame("People", Section::People)?, &problem);
            answer(status, &page(&call, chrome).await?.entered(email, client.unwrap_or(0)))
        }
    }
}

/// The page after an invitation: with its link where nobody mails it, which is shown once.
async fn sent(call: &Call, link: Option<String>) -> Answer {
    if link.is_none() {
        return call.lead_to("/people?done=invited");
    }
    let chrome = call.own_frame("People", Section::People)?;
    answer(StatusCode::OK, &page(call, chrome).await?.link(link))
}

async fn resend(call: Call) -> Answer {
    let invitations = call.context.flowmastery.invitations();
    match invitations.resend(call.actor()?, call.invitation_id()?).await {
        Ok(issued) => sent(&call, issued.accept_url.map(|url| url.as_str().to_owned())).await,
        Err(error) => refused(&call, error.into()).await,
    }
}

async fn revoke(call: Call) -> Answer {
    let invitations = call.context.flowmastery.invitations();
    match invitations.revoke(call.actor()?, call.invitation_id()?).await {
        Ok(()) => call.lead_to("/people?done=revoked"),
        Err(error) => refused(&call, error.into()).await,
    }
}

async fn lock(call: Call) -> Answer {
    change(&call, false).await
}

async fn unlock(call: Call) -> Answer {
    change(&call, true).await
}

async fn change(call: &Call, is_active: bool) -> Answer {
    let patch = UserPatch { is_active: Some(is_active), ..UserPatch::default() };
    match call.context.flowmastery.users().update(call.actor()?, call.user_id()?, patch).await {
        Ok(_) => call.lead_to(if is_active { "/people?done=unlocked" } else { "/people?done=locked" }),
        Err(error) => refused(call, error.into()).await,
    }
}

async fn remove(call: Call) -> Answer {
    match call.context.flowmastery.users().remove(call.actor()?, call.user_id()?).await {
        Ok(()) => call.lead_to("/people?done=removed"),
        Err(error) => refused(&call, error.into()).await,
    }
}

/// The page with what stands in the way, such as that nobody would be left who is an admin.
async fn refused(call: &Call, problem: Problem) -> Answer {
    if problem.status() != StatusCode::CONFLICT {
        return Err(problem);
    }
    let (status, chrome) = told(call.own_frame("People", Section::People)?, &problem);
    answer(status, &page(call, chrome).await?)
}

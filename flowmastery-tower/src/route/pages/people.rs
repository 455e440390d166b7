//! What admins do on the page of people: inviting, locking out and removing.

use std::collections::HashMap;

use flowmastery_core::{
    access::permission::Permission,
    error::{FieldError, Kind},
    model::user::UserPatch,
    page::PageRequest,
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
    home::now,
    told,
};
use crate::{
    dashboard::{
        Chrome, Notice, Section, answer,
        people::{Choice, People, PeoplePage},
    },
    problem::Problem,
};

const ADMINS: Access = Access::Requires(Permission::ManageUsers);
const INVITE: &[Field] = &[Field::optional("email", Text, ""), Field::optional("client_id", Integer, "")];

const ASKED: &[Field] = &[
    Field::optional("users", Text, ""),
    Field::optional("invitations", Text, ""),
    Field::optional("client_id", Integer, ""),
    Field::optional("done", Text, ""),
];

/// So many clients are a list to choose from; of more, one is chosen by its number.
const CHOICE: i64 = 200;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/people", ADMINS, show).query(ASKED),
        Route::post("/dashboard/people/invite", ADMINS, invite).body(INVITE),
        Route::post("/dashboard/people/{user_id}/lock", ADMINS, lock).body(&[]),
        Route::post("/dashboard/people/{user_id}/unlock", ADMINS, unlock).body(&[]),
        Route::post("/dashboard/people/{user_id}/delete", ADMINS, remove).body(&[]),
        Route::post("/dashboard/people/invitations/{invitation_id}/resend", ADMINS, resend).body(&[]),
        Route::post("/dashboard/people/invitations/{invitation_id}/revoke", ADMINS, revoke).body(&[]),
    ]
}

/// Which part of the page is asked for, and what is filled in.
#[derive(Default)]
struct Asked {
    users: PageRequest,
    invitations: PageRequest,
    client: i64,
    done: Option<String>,
}

fn asked(call: &mut Call) -> Result<Asked, Problem> {
    std::mem::take(&mut call.fields).parse(|values| {
        let after = |name| {
            let cursor = values.optional_text(name).filter(|text| !text.is_empty());
            let cursor = cursor.map(str::parse).transpose()?;
            PageRequest::new(None, cursor)
        };
        Ok::<_, FieldError>(Asked {
            users: after("users")?,
            invitations: after("invitations")?,
            client: values.integer("client_id").unwrap_or(0),
            done: values.optional_text("done").map(ToOwned::to_owned),
        })
    })
}

/// A part of everybody, and where they may belong.
async fn read(call: &Call, asked: &Asked) -> Result<People, Problem> {
    let (actor, services) = (call.actor()?, &call.context.flowmastery);
    let users = services.users().list(actor, asked.users).await?;
    let invitations = services.invitations().list(actor, asked.invitations).await?;
    let page = services.clients().list(actor, PageRequest::new(Some(CHOICE), None)?).await?;
    let mut names: HashMap<_, _> =
        page.items.iter().map(|client| (client.id, client.name.to_string())).collect();
    let clients = page.items.iter().map(|client| (client.id.0, client.name.to_string())).collect();
    let of_users = users.items.iter().filter_map(|user| user.client_id);
    let of_invitations = invitations.items.iter().filter_map(|invitation| invitation.client_id);
    for id in of_users.chain(of_invitations) {
        if names.contains_key(&id) {
            continue;
        }
        match services.clients().get(actor, id).await {
            Ok(client) => drop(names.insert(id, client.name.to_string())),
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    let choice = Choice { clients, is_whole: page.next.is_none() };
    Ok(People { users, invitations, names, choice, now: now(call) })
}

async fn page(call: &Call, chrome: Chrome) -> Result<PeoplePage, Problem> {
    Ok(PeoplePage::new(chrome, read(call, &Asked::default()).await?))
}

async fn show(mut call: Call) -> Answer {
    let asked = asked(&mut call)?;
    let notice = asked.done.as_deref().and_then(|done| {
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
    let page = PeoplePage::new(chrome, read(&call, &asked).await?);
    answer(StatusCode::OK, &page.entered(String::new(), asked.client))
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

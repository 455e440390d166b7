//! The own account on a page: its password and its sessions.

use flowmastery_core::{error::FieldError, model::password::Password, page::PageRequest};
use http::StatusCode;

use super::{
    super::{
        Access, Call, Field,
        FieldKind::{Secret, Text},
        Route,
        endpoint::Answer,
    },
    DONE, MOST,
    home::now,
    told,
};
use crate::{
    dashboard::{Chrome, Notice, Section, answer, people::AccountPage},
    problem::Problem,
};

const PASSWORD: &[Field] = &[
    Field::optional("email", Text, ""),
    Field::optional("current_password", Secret, ""),
    Field::optional("new_password", Secret, ""),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/account", Access::SignedIn, show).query(&[DONE]),
        Route::post("/dashboard/account/password", Access::SignedIn, change_password).body(PASSWORD),
        Route::post("/dashboard/account/sessions/{session_id}/end", Access::SignedIn, end_session).body(&[]),
    ]
}

async fn page(call: &Call, chrome: Chrome) -> Result<AccountPage, Problem> {
    let (actor, services) = (call.actor()?, &call.context.flowmastery);
    let user = services.users().me(actor).await?;
    let (mut sessions, mut cursor) = (Vec::new(), None);
    loop {
        let mut page = services.sessions().list_own(actor, PageRequest::new(Some(MOST), cursor)?).await?;
        sessions.append(&mut page.items);
        cursor = page.next;
        if cursor.is_none() {
            return Ok(AccountPage::new(chrome, &user, &sessions, now(call)));
        }
    }
}

async fn show(mut call: Call) -> Answer {
    let done = call.word(DONE)?;
    let notice = done.as_deref().and_then(|done| match done {
        "password" => Some(Notice::done("Your password is changed, and every other session is over.")),
        "ended" => Some(Notice::done("The session is over.")),
        _ => None,
    });
    let chrome = call.own_frame("Account", Section::Account)?.notice(notice);
    answer(StatusCode::OK, &page(&call, chrome).await?)
}

async fn change_password(mut call: Call) -> Answer {
    let actor = call.actor()?;
    let (current, new) = std::mem::take(&mut call.fields).parse(|values| {
        Ok::<_, Problem>((values.secret("current_password"), values.secret("new_password")))
    })?;
    let changed = match Password::choose(new) {
        Ok(new) => call
            .context
            .flowmastery
            .users()
            .change_password(actor, &current, &new)
            .await
            .map_err(Problem::from),
        Err(fault) => Err(FieldError::new("new_password", fault.message).into()),
    };
    match changed {
        Ok(()) => call.lead_to("/account?done=password"),
        Err(problem) if problem.status().is_client_error() => {
            let (status, chrome) = told(call.own_frame("Account", Section::Account)?, &problem);
            answer(status, &page(&call, chrome).await?)
        }
        Err(problem) => Err(problem),
    }
}

async fn end_session(call: Call) -> Answer {
    call.context.flowmastery.sessions().revoke_own(call.actor()?, call.session_id()?).await?;
    call.lead_to("/account?done=ended")
}

//! What users do with their own account: see and end their sessions, and change their password.

use flowmastery_core::{error::FieldError, model::password::Password, service::sessions::OwnSession};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::Secret,
    Route,
    endpoint::Answer,
    field::{PAGE, new_password},
    reply,
};

const SESSIONS: &str = "/api/v1/auth/sessions";

const PASSWORD: &[Field] =
    &[Field::required("current_password", Secret, "The password until now."), new_password("new_password")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(SESSIONS, Access::SignedIn, list)
            .summary("Lists the caller's open sessions, newest first.")
            .query(PAGE)
            .answers::<Vec<OwnSession>>(StatusCode::OK),
        Route::delete("/api/v1/auth/sessions/{session_id}", Access::SignedIn, revoke)
            .summary("Ends one of the caller's sessions; its tokens stop working.")
            .answers_nothing(StatusCode::NO_CONTENT),
        Route::put("/api/v1/auth/password", Access::SignedIn, change_password)
            .summary(
                "Changes the caller's password, and ends every other session. A wrong current password is a fault of that field (422): \
                 the session stays good.",
            )
            .body(PASSWORD)
            .answers_nothing(StatusCode::NO_CONTENT)
            .problems(&[404, 409, 429]),
    ]
}

async fn list(call: Call) -> Answer {
    let actor = call.actor()?;
    let request = call.fields.parse(|values| values.page())?;
    let page = call.context.flowmastery.sessions().list_own(actor, request).await?;
    reply::page(&call.context, SESSIONS, request, &page)
}

async fn revoke(call: Call) -> Answer {
    call.context.flowmastery.sessions().revoke_own(call.actor()?, call.session_id()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn change_password(call: Call) -> Answer {
    let actor = call.actor()?;
    let (current, new) = call.fields.parse(|values| {
        let new = Password::choose(values.secret("new_password"));
        let new = new.map_err(|fault| FieldError::new("new_password", fault.message))?;
        Ok::<_, FieldError>((values.secret("current_password"), new))
    })?;
    call.context.flowmastery.users().change_password(actor, &current, &new).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

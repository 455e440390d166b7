//! Users, for admins.

use flowmastery_core::{
    access::permission::Permission,
    error::FieldError,
    model::user::{Role, User, UserPatch},
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Flag, Text},
    Route,
    endpoint::Answer,
    extract::Values,
    field::PAGE,
    reply,
};

const ADMINS: Access = Access::Requires(Permission::ManageUsers);
const LIST: &str = "/api/v1/users/";
const ONE: &str = "/api/v1/users/{user_id}";

const PATCH: &[Field] = &[
    Field::optional("role", Text, "A new role; it ends the user's sessions.").one_of(&["admin", "client"]),
    Field::optional("is_active", Flag, "Whether the user may sign in; `false` ends the user's sessions."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get(LIST, ADMINS, list)
            .summary("Lists users by id.")
            .query(PAGE)
            .answers::<Vec<User>>(StatusCode::OK),
        Route::get(ONE, ADMINS, get).summary("Shows a user.").answers::<User>(StatusCode::OK),
        Route::patch(ONE, ADMINS, update)
            .summary("Changes a user's role, or whether the user may sign in; at least one of them.")
            .body(PATCH)
            .answers::<User>(StatusCode::OK)
            .problems(&[409]),
        Route::delete(ONE, ADMINS, remove)
            .summary("Deletes a user with every session; what the user made stays, and so does the last active admin (409).")
            .answers_nothing(StatusCode::NO_CONTENT)
            .problems(&[409]),
    ]
}

async fn list(call: Call) -> Answer {
    let actor = call.actor()?;
    let request = call.fields.parse(|values| values.page())?;
    let page = call.context.flowmastery.users().list(actor, request).await?;
    reply::page(&call.context, LIST, request, &page)
}

async fn get(call: Call) -> Answer {
    reply::ok(&call.context.flowmastery.users().get(call.actor()?, call.user_id()?).await?)
}

async fn update(call: Call) -> Answer {
    let (actor, id) = (call.actor()?, call.user_id()?);
    let patch = call.fields.parse(patch)?;
    reply::ok(&call.context.flowmastery.users().update(actor, id, patch).await?)
}

async fn remove(call: Call) -> Answer {
    call.context.flowmastery.users().remove(call.actor()?, call.user_id()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

fn patch(values: &mut Values) -> Result<UserPatch, FieldError> {
    if !values.is_sent("role") && !values.is_sent("is_active") {
        return Err(FieldError::new("role", "Send role, is_active, or both."));
    }
    let role = values.optional_text("role").map(str::parse::<Role>).transpose()?;
    Ok(UserPatch { role, is_active: values.flag("is_active") })
}

//! Sessions: signing in, staying signed in, signing out, and who one is.

use flowmastery_core::model::{session::SignedIn, user::User};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Secret, Text},
    Route,
    endpoint::Answer,
    reply,
};
use crate::problem::Problem;

const LOGIN: &[Field] = &[
    Field::required("email", Text, "The account's address, in any case."),
    Field::required("password", Secret, "The account's password."),
];

const REFRESH: &[Field] =
    &[Field::required("refresh_token", Secret, "The refresh token of the last answer; it is spent by this.")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/auth/login", Access::Public, login)
            .summary("Signs in with e-mail and password.")
            .body(LOGIN)
            .answers::<SignedIn>(StatusCode::OK)
            .problems(&[401]),
        Route::post("/api/v1/auth/refresh", Access::Public, refresh)
            .summary("Gives a new pair of tokens for a refresh token.")
            .body(REFRESH)
            .answers::<SignedIn>(StatusCode::OK)
            .problems(&[401]),
        Route::post("/api/v1/auth/logout", Access::SignedIn, logout)
            .summary("Ends the session; its tokens stop working.")
            .answers_nothing(StatusCode::NO_CONTENT),
        Route::get("/api/v1/auth/me", Access::SignedIn, me)
            .summary("Shows the user who is signed in.")
            .answers::<User>(StatusCode::OK),
    ]
}

async fn login(call: Call) -> Answer {
    let (email, password) = call
        .fields
        .parse(|values| Ok::<_, Problem>((values.text("email").to_owned(), values.secret("password"))))?;
    reply::ok(&call.context.flowmastery.sessions().sign_in(&email, &password).await?)
}

async fn refresh(call: Call) -> Answer {
    let token = call.fields.parse(|values| Ok::<_, Problem>(values.secret("refresh_token")))?;
    reply::ok(&call.context.flowmastery.sessions().refresh(&token).await?)
}

async fn logout(call: Call) -> Answer {
    call.context.flowmastery.sessions().sign_out(call.actor()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn me(call: Call) -> Answer {
    reply::ok(&call.context.flowmastery.users().me(call.actor()?).await?)
}

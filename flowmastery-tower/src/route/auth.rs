//! Sessions: signing in, staying signed in, signing out, and who one is; and another password for who forgot theirs.

use flowmastery_core::model::{email::Email, password::Password, session::SignedIn, user::User};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Secret, Text},
    Route,
    endpoint::Answer,
    field::NEW_PASSWORD,
    reply,
};
use crate::problem::Problem;

const LOGIN: &[Field] = &[
    Field::required("email", Text, "The account's address, in any case."),
    Field::required("password", Secret, "The account's password."),
];

const REFRESH: &[Field] =
    &[Field::required("refresh_token", Secret, "The refresh token of the last answer; it is spent by this.")];

const RESET: &[Field] = &[Field::required("email", Text, "The account's address, in any case.")];

const CONFIRM: &[Field] = &[
    Field::required("token", Secret, "The token in the mailed link."),
    Field::required("password", Secret, NEW_PASSWORD),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/auth/login", Access::Public, login)
            .summary("Signs in with e-mail and password.")
            .body(LOGIN)
            .answers::<SignedIn>(StatusCode::OK)
            .problems(&[401, 429]),
        Route::post("/api/v1/auth/refresh", Access::Public, refresh)
            .summary("Gives a new pair of tokens for a refresh token.")
            .body(REFRESH)
            .answers::<SignedIn>(StatusCode::OK)
            .problems(&[401, 429]),
        Route::post("/api/v1/auth/logout", Access::SignedIn, logout)
            .summary("Ends the session; its tokens stop working.")
            .answers_nothing(StatusCode::NO_CONTENT),
        Route::get("/api/v1/auth/me", Access::SignedIn, me)
            .summary("Shows the user who is signed in.")
            .answers::<User>(StatusCode::OK),
        Route::post("/api/v1/auth/password-reset", Access::Public, reset)
            .summary(
                "Mails a link to reset the password, which works once within an hour; the answer is the same for an address that has \
                 no account.",
            )
            .body(RESET)
            .answers_nothing(StatusCode::ACCEPTED)
            .problems(&[429]),
        Route::post("/api/v1/auth/password-reset/confirm", Access::Public, confirm_reset)
            .summary("Sets another password with the token of a mailed link, and ends every session of the account.")
            .body(CONFIRM)
            .answers_nothing(StatusCode::NO_CONTENT)
            .problems(&[404, 410, 429]),
    ]
}

async fn login(call: Call) -> Answer {
    let (email, password) = call
        .fields
        .parse(|values| Ok::<_, Problem>((values.text("email").to_owned(), values.secret("password"))))?;
    reply::ok(&call.context.flowmastery.sessions().sign_in(&email, &password, call.origin).await?)
}

async fn refresh(call: Call) -> Answer {
    let token = call.fields.parse(|values| Ok::<_, Problem>(values.secret("refresh_token")))?;
    reply::ok(&call.context.flowmastery.sessions().refresh(&token, call.origin).await?)
}

async fn logout(call: Call) -> Answer {
    call.context.flowmastery.sessions().sign_out(call.actor()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

async fn me(call: Call) -> Answer {
    reply::ok(&call.context.flowmastery.users().me(call.actor()?).await?)
}

async fn reset(call: Call) -> Answer {
    let email = call.fields.parse(|values| Email::parse(values.text("email")))?;
    call.context.flowmastery.password_resets().request(email, call.origin).await?;
    Ok(reply::empty(StatusCode::ACCEPTED))
}

async fn confirm_reset(call: Call) -> Answer {
    let (token, password) = call.fields.parse(|values| {
        Password::choose(values.secret("password")).map(|password| (values.secret("token"), password))
    })?;
    call.context.flowmastery.password_resets().confirm(&token, &password, call.origin).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

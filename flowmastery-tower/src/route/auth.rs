//! Sessions: signing in, staying signed in, signing out, and who one is; and another password for who forgot theirs.

use flowmastery_core::{
    error::FieldError,
    model::{email::Email, password::Password, user::User},
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Secret, Text},
    Route,
    delivery::{COOKIES, Delivery, Welcome, end_session_before, without_cookies},
    endpoint::Answer,
    field::new_password,
    reply,
};
use crate::{problem::Problem, site::is_signed_in_by_cookie};

const LOGIN: &[Field] = &[
    Field::required("email", Text, "The account's address, in any case."),
    Field::required("password", Secret, "The account's password."),
    COOKIES,
];

const REFRESH: &[Field] = &[
    Field::optional(
        "refresh_token",
        Secret,
        "The refresh token of the last answer; it is spent by this. By default the one in the cookie, and then the new ones are in cookies too.",
    ),
    COOKIES,
];

const RESET: &[Field] = &[Field::required("email", Text, "The account's address, in any case.")];

const CONFIRM: &[Field] =
    &[Field::required("token", Secret, "The token in the mailed link."), new_password("password")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/api/v1/auth/login", Access::Public, login)
            .summary("Signs in with e-mail and password.")
            .body(LOGIN)
            .answers::<Welcome>(StatusCode::OK)
            .problems(&[401, 403, 429]),
        Route::post("/api/v1/auth/refresh", Access::Public, refresh)
            .summary("Gives a new pair of tokens for a refresh token.")
            .body(REFRESH)
            .answers::<Welcome>(StatusCode::OK)
            .problems(&[401, 403, 429]),
        Route::post("/api/v1/auth/logout", Access::SignedIn, logout)
            .summary("Ends the session; its tokens stop working, and cookies are taken away.")
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
    let (email, password, cookies) = call.fields.parse(|values| {
        let cookies = values.flag(COOKIES.name).unwrap_or(false);
        Ok::<_, Problem>((values.text("email").to_owned(), values.secret("password"), cookies))
    })?;
    let delivery = Delivery::wanted(&call.context.site, &call.headers, cookies)?;
    let signed_in = call.context.flowmastery.sessions().sign_in(&email, &password, call.origin).await?;
    if cookies {
        end_session_before(&call.context, &call.headers, call.origin).await?;
    }
    delivery.answer(StatusCode::OK, signed_in)
}

async fn refresh(call: Call) -> Answer {
    let (token, cookies) = call.fields.parse(|values| {
        let token = values.is_sent("refresh_token").then(|| values.secret("refresh_token"));
        Ok::<_, Problem>((token, values.flag(COOKIES.name).unwrap_or(false)))
    })?;
    let site = &call.context.site;
    let (token, cookies) = match token {
        Some(token) => (token, cookies),
        None => match site.refresh_token(&call.headers)? {
            Some(token) => (token, true),
            // A browser cannot know that its cookie is gone: it is signed out.
            None if cookies => return Err(Problem::unauthenticated()),
            None => return Err(FieldError::new("refresh_token", "This field is required.").into()),
        },
    };
    let delivery = Delivery::wanted(site, &call.headers, cookies)?;
    let signed_in = call.context.flowmastery.sessions().refresh(&token, call.origin).await?;
    delivery.answer(StatusCode::OK, signed_in)
}

async fn logout(call: Call) -> Answer {
    call.context.flowmastery.sessions().sign_out(call.actor()?).await?;
    let answer = reply::empty(StatusCode::NO_CONTENT);
    if is_signed_in_by_cookie(&call.headers) {
        return without_cookies(&call.context.site, answer);
    }
    Ok(answer)
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

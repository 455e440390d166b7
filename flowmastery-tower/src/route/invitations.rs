//! Invitations: making, listing, looking at, accepting, renewing and revoking them.

use flowmastery_core::{
    access::permission::Permission,
    model::{
        invitation::{Invitation, InvitationPreview},
        password::Password,
    },
    service::invitations::{InvitationRequest, IssuedInvitation},
};
use http::StatusCode;

use super::{
    Access, Call, Field,
    FieldKind::{Integer, Secret, Text},
    Route,
    delivery::{COOKIES, Delivery, Welcome, end_session_before},
    endpoint::Answer,
    field::{PAGE, new_password},
    reply,
};

const ADMINS: Access = Access::Requires(Permission::ManageUsers);
const LIST: &str = "/api/v1/auth/invitations";

const INVITE: &[Field] = &[
    Field::required("email", Text, "Who is invited."),
    Field::required("role", Text, "The role of the account to be made.").one_of(&["admin", "client"]),
    Field::optional("client_id", Integer, "The client of a client user; none for an admin."),
];

const ACCEPT: &[Field] = &[
    Field::required("token", Secret, "The token in the invitation's link."),
    new_password("password"),
    COOKIES,
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post(LIST, ADMINS, create)
            .summary("Invites somebody by mail; an older invitation of the same address dies.")
            .body(INVITE)
            .answers::<IssuedInvitation>(StatusCode::CREATED)
            .problems(&[409]),
        Route::get(LIST, ADMINS, list)
            .summary("Lists invitations, newest first.")
            .query(PAGE)
            .answers::<Vec<Invitation>>(StatusCode::OK),
        Route::get("/api/v1/auth/invitations/{token}", Access::Public, preview)
            .summary("Shows an invitation to the holder of its token.")
            .answers::<InvitationPreview>(StatusCode::OK),
        Route::post("/api/v1/auth/invitations/accept", Access::Public, accept)
            .summary("Makes the account of an invitation and signs it in.")
            .body(ACCEPT)
            .answers::<Welcome>(StatusCode::CREATED)
            .problems(&[403, 404, 409, 410, 429]),
        Route::post("/api/v1/auth/invitations/{invitation_id}/resend", ADMINS, resend)
            .summary(
                "Mails another link for an invitation that is pending or has expired, good for 48 hours; the link before is dead. One that was \
                 accepted or revoked is not found.",
            )
            .answers::<IssuedInvitation>(StatusCode::OK)
            .problems(&[409]),
        Route::delete("/api/v1/auth/invitations/{invitation_id}", ADMINS, revoke)
            .summary("Takes an invitation back: its link is dead, and a mail that waits is not sent. One that was accepted stays (409).")
            .answers_nothing(StatusCode::NO_CONTENT)
            .problems(&[409]),
    ]
}

async fn create(call: Call) -> Answer {
    let actor = call.actor()?;
    let request = call.fields.parse(|values| {
        InvitationRequest::parse(values.text("email"), values.text("role"), values.integer("client_id"))
    })?;
    let issued = call.context.flowmastery.invitations().create(actor, request).await?;
    reply::json(StatusCode::CREATED, &issued)
}

async fn list(call: Call) -> Answer {
    let actor = call.actor()?;
    let request = call.fields.parse(|values| values.page())?;
    let page = call.context.flowmastery.invitations().list(actor, request).await?;
    reply::page(&call.context, LIST, request, &page)
}

async fn preview(mut call: Call) -> Answer {
    let token = call.take_secret_parameter();
    reply::ok(&call.context.flowmastery.invitations().preview(&token).await?)
}

async fn accept(call: Call) -> Answer {
    let (token, password, cookies) = call.fields.parse(|values| {
        let cookies = values.flag(COOKIES.name).unwrap_or(false);
        let password = Password::choose(values.secret("password"));
        password.map(|password| (values.secret("token"), password, cookies))
    })?;
    let delivery = Delivery::wanted(&call.context.site, &call.headers, cookies)?;
    let signed_in = call.context.flowmastery.invitations().accept(&token, &password, call.origin).await?;
    if cookies {
        end_session_before(&call.context, &call.headers, call.origin).await?;
    }
    delivery.answer(StatusCode::CREATED, signed_in)
}

async fn resend(call: Call) -> Answer {
    reply::ok(&call.context.flowmastery.invitations().resend(call.actor()?, call.invitation_id()?).await?)
}

async fn revoke(call: Call) -> Answer {
    call.context.flowmastery.invitations().revoke(call.actor()?, call.invitation_id()?).await?;
    Ok(reply::empty(StatusCode::NO_CONTENT))
}

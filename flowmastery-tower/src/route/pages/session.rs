//! Signing in and out, staying signed in, accepting an invitation, and another password for who forgot theirs.

use flowmastery_core::model::{
    email::Email,
    invitation::{InvitationPreview, InvitationStatus},
    password::Password,
    session::SignedIn,
};
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::{
    super::{
        Access, Call, Field,
        FieldKind::{Secret, Text},
        Route,
        delivery::{end_session_before, with_cookies, without_cookies},
        endpoint::Answer,
    },
    lead, renew_session, see_other, told,
};
use crate::{
    dashboard::{
        Chrome, answer,
        session::{AcceptPage, ForgotPage, ResetPage, SignInPage},
    },
    problem::Problem,
};

const NEXT: Field = Field::optional("next", Text, "Where to go from there.");
const SIGN_IN: &[Field] =
    &[Field::optional("email", Text, ""), Field::optional("password", Secret, ""), NEXT];
const TOKEN: &[Field] = &[Field::optional("token", Secret, "")];
const ACCEPT: &[Field] = &[
    Field::optional("token", Secret, ""),
    Field::optional("email", Text, ""),
    Field::optional("password", Secret, ""),
];
const FORGOT: &[Field] = &[Field::optional("email", Text, "")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/dashboard/sign-in", Access::Public, show_sign_in).query(&[NEXT]),
        Route::post("/dashboard/sign-in", Access::Public, sign_in).body(SIGN_IN),
        Route::post("/dashboard/sign-out", Access::SignedIn, sign_out).body(&[]),
        Route::get("/dashboard/accept-invitation", Access::Public, show_invitation).query(TOKEN),
        Route::post("/dashboard/accept-invitation", Access::Public, accept).body(ACCEPT),
        Route::get("/dashboard/forgot-password", Access::Public, show_forgot),
        Route::post("/dashboard/forgot-password", Access::Public, forgot).body(FORGOT),
        Route::get("/dashboard/reset-password", Access::Public, show_reset).query(TOKEN),
        Route::post("/dashboard/reset-password", Access::Public, reset).body(ACCEPT),
    ]
}

impl Call {
    /// Where to go next: a page of this dashboard, and nowhere else.
    pub(super) fn next(&self, asked: Option<&str>) -> String {
        let base = self.context.page_base();
        asked.filter(|path| is_page_below(&base, path)).map_or(base.clone(), ToOwned::to_owned)
    }

    /// The answer to who has signed in: cookies, and the page that is next.
    async fn welcome(&self, signed_in: &SignedIn, next: &str) -> Answer {
        end_session_before(&self.context, &self.headers, self.origin).await?;
        with_cookies(&self.context.site, see_other(next)?, signed_in)
    }
}

/// Whether a path leads to a page below this one, as it stands: browsers take `\\` for a slash, and steps up for what they lead to.
fn is_page_below(base: &str, path: &str) -> bool {
    let below = path.strip_prefix(base).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    below.is_some_and(|rest| {
        let steps = rest.split('?').next().unwrap_or_default().split('/');
        let is_up = |step: &str| step.to_ascii_lowercase().replace("%2e", ".") == "..";
        rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') && !steps.into_iter().any(is_up)
    })
}

/// Whether a visitor can do something about a problem: others are for the page of problems.
fn is_theirs(problem: &Problem) -> bool {
    problem.status().is_client_error() && problem.status() != StatusCode::FORBIDDEN
}

async fn show_sign_in(mut call: Call) -> Answer {
    let next = call.word(NEXT)?;
    let page =
        SignInPage { chrome: call.frame("Sign in")?, email: String::new(), next: call.next(next.as_deref()) };
    answer(StatusCode::OK, &page)
}

async fn sign_in(mut call: Call) -> Answer {
    let (email, password, next) = std::mem::take(&mut call.fields).parse(|values| {
        let next = values.optional_text("next").map(ToOwned::to_owned);
        Ok::<_, Problem>((values.text("email").to_owned(), values.secret("password"), next))
    })?;
    call.context.site.require_own_page(&call.headers)?;
    let next = call.next(next.as_deref());
    match call.context.flowmastery.sessions().sign_in(&email, &password, call.origin).await {
        Ok(signed_in) => call.welcome(&signed_in, &next).await,
        Err(error) => {
            let problem = Problem::from(error);
            if !is_theirs(&problem) {
                return Err(problem);
            }
            let (status, chrome) = told(call.frame("Sign in")?, &problem);
            // What is mistyped is no missing sign-in, to which a browser would be sent.
            answer(status, &SignInPage { chrome, email, next })
        }
    }
}

async fn sign_out(call: Call) -> Answer {
    let actor = call.actor()?;
    let sessions = call.context.flowmastery.sessions();
    sessions.sign_out(actor).await?;
    // Known by a session of the host's: one of ours may go on beside it.
    if actor.session_id().is_none()
        && let Some(renewed) = renew_session(&call.context, &Method::POST, &call.headers, call.origin).await?
    {
        let actor = sessions.authenticate(renewed.access_token.expose_secret()).await?;
        sessions.sign_out(actor.at(call.origin)).await?;
    }
    let led = match call.dashboard()?.own_sign_out() {
        // Asked for as this is: by POST.
        Some(place) => lead(StatusCode::TEMPORARY_REDIRECT, place),
        None => call.lead_to("/sign-in"),
    };
    without_cookies(&call.context.site, led?)
}

fn token_of(call: &mut Call) -> Result<SecretString, Problem> {
    std::mem::take(&mut call.fields).parse(|values| Ok::<_, Problem>(values.secret("token")))
}

async fn show_invitation(mut call: Call) -> Answer {
    let token = token_of(&mut call)?;
    let preview = call.context.flowmastery.invitations().preview(&token).await?;
    if preview.status == InvitationStatus::Expired {
        let detail = "This invitation has expired; ask who sent it for a new one.";
        return Err(Problem::new(StatusCode::GONE, detail));
    }
    answer(StatusCode::OK, &invitation_page(call.frame("Welcome")?, &token, &preview))
}

fn invitation_page(chrome: Chrome, token: &SecretString, preview: &InvitationPreview) -> AcceptPage {
    let sees = match &preview.client_name {
        Some(client) => format!("the numbers of {client}"),
        None => "the numbers of all clients".to_owned(),
    };
    AcceptPage { chrome, token: token.expose_secret().to_owned(), email: preview.email.to_string(), sees }
}

async fn accept(mut call: Call) -> Answer {
    let (token, password) = std::mem::take(&mut call.fields)
        .parse(|values| Ok::<_, Problem>((values.secret("token"), values.secret("password"))))?;
    call.context.site.require_own_page(&call.headers)?;
    let invitations = call.context.flowmastery.invitations();
    let accepted = match Password::choose(password) {
        Ok(password) => invitations.accept(&token, &password, call.origin).await.map_err(Problem::from),
        Err(fault) => Err(fault.into()),
    };
    match accepted {
        Ok(signed_in) => call.welcome(&signed_in, &call.next(None)).await,
        Err(problem) if problem.status() == StatusCode::UNPROCESSABLE_ENTITY => {
            let preview = invitations.preview(&token).await?;
            let (status, chrome) = told(call.frame("Welcome")?, &problem);
            answer(status, &invitation_page(chrome, &token, &preview))
        }
        Err(problem) => Err(problem),
    }
}

async fn show_forgot(call: Call) -> Answer {
    answer(StatusCode::OK, &ForgotPage { chrome: call.frame("Forgotten password")?, sent: false })
}

async fn forgot(mut call: Call) -> Answer {
    let email =
        std::mem::take(&mut call.fields).parse(|values| Ok::<_, Problem>(values.text("email").to_owned()))?;
    call.context.site.require_own_page(&call.headers)?;
    let asked = match Email::parse(&email) {
        Ok(email) => {
            let resets = call.context.flowmastery.password_resets();
            resets.request(email, call.origin).await.map_err(Problem::from)
        }
        Err(fault) => Err(fault.into()),
    };
    let frame = call.frame("Forgotten password")?;
    match asked {
        Ok(()) => answer(StatusCode::OK, &ForgotPage { chrome: frame, sent: true }),
        Err(problem) if is_theirs(&problem) => {
            let (status, chrome) = told(frame, &problem);
            answer(status, &ForgotPage { chrome, sent: false })
        }
        Err(problem) => Err(problem),
    }
}

async fn show_reset(mut call: Call) -> Answer {
    let token = token_of(&mut call)?;
    let chrome = call.frame("Another password")?;
    answer(StatusCode::OK, &ResetPage { chrome, token: token.expose_secret().to_owned(), done: false })
}

async fn reset(mut call: Call) -> Answer {
    let (token, password) = std::mem::take(&mut call.fields)
        .parse(|values| Ok::<_, Problem>((values.secret("token"), values.secret("password"))))?;
    call.context.site.require_own_page(&call.headers)?;
    let confirmed = match Password::choose(password) {
        Ok(password) => {
            let resets = call.context.flowmastery.password_resets();
            resets.confirm(&token, &password, call.origin).await.map_err(Problem::from)
        }
        Err(fault) => Err(fault.into()),
    };
    let frame = call.frame("Another password")?;
    match confirmed {
        Ok(()) => answer(StatusCode::OK, &ResetPage { chrome: frame, token: String::new(), done: true }),
        Err(problem) if is_theirs(&problem) => {
            let (status, chrome) = told(frame, &problem);
            let token = token.expose_secret().to_owned();
            answer(status, &ResetPage { chrome, token, done: false })
        }
        Err(problem) => Err(problem),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_next_is_a_page_of_this_dashboard() {
        let base = "/flow/dashboard";
        for own in ["", "?period=7d", "/clients/7?tz=Europe/Berlin", "/account", "/clients/7?search=..%2F"] {
            assert!(is_page_below(base, &format!("{base}{own}")), "{own}");
        }
        for other in [
            "https://evil.com/flow/dashboard",
            "//evil.com",
            "/flow/dashboards",
            "/flow",
            "/dashboard",
            "/flow/dashboard/../../evil",
            "/flow/dashboard/%2E%2e/x",
            "/flow/dashboard/\\evil.com",
            "/flow/dashboard/\r\nset-cookie: a=b",
            "/flow/dashboard/\u{1}",
            "/flow/dashboard/ü",
        ] {
            assert!(!is_page_below(base, other), "{other:?}");
        }
    }
}

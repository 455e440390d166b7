//! The application's own routes: some for everybody, some guarded by FlowMastery's layers.

use std::sync::Arc;

use axum::{
    Form, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::CookieJar;
use flowmastery_core::{Flowmastery, access::permission::Permission, error::BoxError};
use flowmastery_tower::{
    AuthenticateLayer, CurrentActor, Problem, RequestId, RequireLayer, Site, Tenant, TenantLayer, TraceLayer,
};
use secrecy::SecretString;
use serde::Deserialize;
use tower_http::csrf::CsrfLayer;

use crate::{authenticator::MemberAuthenticator, members::Members, sessions::Sessions};

/// Where members sign in, and out.
pub(crate) const SIGN_IN: &str = "/sign-in";
pub(crate) const SIGN_OUT: &str = "/sign-out";

const MEMBERS: &str = "/members";
const CUSTOMER: &str = "/customers/{client_id}";

/// The application's state.
#[derive(Clone, Debug)]
pub(crate) struct App {
    pub(crate) members: Arc<Members>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) flowmastery: Flowmastery,
}

/// The routes. A layer that is added last runs first.
pub(crate) fn own(app: App, authenticator: Arc<MemberAuthenticator>, site: Site) -> Result<Router, BoxError> {
    let required = AuthenticateLayer::required(authenticator.clone()).at(site.clone());
    let optional = AuthenticateLayer::optional(authenticator).at(site);
    let managers = RequireLayer::permission(Permission::ManageUsers);
    let members = Router::new()
        .route(MEMBERS, get(members))
        .route_layer(managers.noting_denials(&app.flowmastery, MEMBERS))
        .route_layer(required.clone())
        .route_layer(TraceLayer::new().route(MEMBERS));
    let customer = Router::new()
        .route(CUSTOMER, get(customer))
        .route_layer(TenantLayer::new(CUSTOMER)?.noting_denials(&app.flowmastery))
        .route_layer(required.clone())
        .route_layer(TraceLayer::new().route(CUSTOMER));
    Ok(Router::new()
        .route(SIGN_IN, get(show_sign_in).post(sign_in))
        .route(SIGN_OUT, post(sign_out))
        // FlowMastery's layers look where a request comes from; these two stand behind none of them.
        .route_layer(CsrfLayer::new())
        .route("/", get(front_page).layer(optional))
        .route("/whoami", get(whoami).layer(required))
        .merge(members)
        .merge(customer)
        .with_state(app))
}

async fn front_page(actor: Option<CurrentActor>) -> Html<&'static str> {
    Html(match actor {
        Some(_) => {
            "<p>An application of its own. Welcome back; see <a href=\"/flow/dashboard\">the numbers</a>."
        }
        None => "<p>An application of its own. <a href=\"/sign-in\">Sign in</a>.",
    })
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: SecretString,
}

/// Where the dashboard wants its visitors back. A browser sends the form to the address that the page has, so it is there as well.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    next: String,
}

/// The page for signing in, to which the dashboard leads who is not.
async fn show_sign_in() -> Html<&'static str> {
    Html(concat!(
        "<form method=\"post\"><label>Name <input name=\"name\"></label> ",
        "<label>Password <input type=\"password\" name=\"password\"></label> <button>Sign in</button></form>",
        "<p>Invited to the dashboard? <a href=\"/flow/dashboard/sign-in\">Sign in there</a>.",
    ))
}

async fn sign_in(
    State(app): State<App>,
    Query(wanted): Query<Wanted>,
    Form(given): Form<Credentials>,
) -> Result<Response, Problem> {
    match app.members.verify(&given.name, &given.password).await? {
        Some(stands_for) => {
            // To no other origin, whatever a link to this page says.
            let next = if wanted.next.starts_with("/flow/dashboard") { &wanted.next } else { "/" };
            Ok((app.sessions.open(stands_for)?, Redirect::to(next)).into_response())
        }
        None => Ok((StatusCode::UNAUTHORIZED, "The name or the password is wrong.").into_response()),
    }
}

async fn sign_out(State(app): State<App>, cookies: CookieJar) -> (CookieJar, Redirect) {
    (app.sessions.close(cookies), Redirect::to("/"))
}

async fn whoami(CurrentActor(actor): CurrentActor) -> String {
    format!("user {}, {}", actor.user_id(), actor.role())
}

async fn members(State(app): State<App>) -> String {
    app.members.names().join("\n")
}

/// A page of the application's own with what FlowMastery knows.
async fn customer(
    State(app): State<App>,
    CurrentActor(actor): CurrentActor,
    Tenant(client): Tenant,
    id: RequestId,
) -> Result<String, Problem> {
    let found = app.flowmastery.clients().get(actor, client).await;
    let client = found.map_err(|error| Problem::from(error).in_request(id))?;
    Ok(format!("The application's own page about {}.", client.name))
}

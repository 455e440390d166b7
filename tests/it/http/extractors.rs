//! What handlers of axum and poem are given of a request, and the layers as poem's middleware.

use std::sync::Arc;

use flowmastery_core::{access::permission::Permission, error::Error};
use flowmastery_tests::{
    access_log,
    world::{ADMIN, World},
};
use flowmastery_tower::{
    AuthenticateLayer, CurrentActor, Problem, RequestId, RequireLayer, Tenant, TenantLayer,
    TokenAuthenticator, TraceLayer,
};
use http::{HeaderMap, Request, header};
use http_body_util::Full;
use poem::{Endpoint, EndpointExt};
use serde_json::Value;

use super::{json, send, two_clients};

/// Handlers of axum.
mod on_axum {
    use super::*;

    pub(super) async fn hello(actor: Option<CurrentActor>) -> String {
        name(actor)
    }

    pub(super) async fn customer(CurrentActor(actor): CurrentActor, Tenant(client): Tenant) -> String {
        format!("{} {client}", actor.user_id())
    }

    pub(super) async fn broken(Tenant(client): Tenant) -> String {
        client.to_string()
    }

    pub(super) async fn open(_: CurrentActor) -> &'static str {
        "never"
    }

    pub(super) async fn failing() -> Result<String, Problem> {
        Err(Error::not_found("user"))?
    }

    pub(super) async fn failing_by_id(id: RequestId) -> Problem {
        Problem::from(Error::internal("a cause for the log")).in_request(id)
    }
}

/// The same of poem.
mod on_poem {
    use poem::handler;

    use super::*;

    #[handler]
    pub(super) fn hello(actor: Option<CurrentActor>) -> String {
        name(actor)
    }

    #[handler]
    pub(super) fn customer(CurrentActor(actor): CurrentActor, Tenant(client): Tenant) -> String {
        format!("{} {client}", actor.user_id())
    }

    #[handler]
    pub(super) fn inside() -> &'static str {
        "in"
    }

    #[handler]
    pub(super) fn broken(Tenant(client): Tenant) -> String {
        client.to_string()
    }

    #[handler]
    pub(super) fn open(_: CurrentActor) -> &'static str {
        "never"
    }

    #[handler]
    pub(super) fn failing() -> Result<String, Problem> {
        Err(Error::not_found("user"))?
    }

    #[handler]
    pub(super) fn failing_by_id(id: RequestId) -> Problem {
        Problem::from(Error::internal("a cause for the log")).in_request(id)
    }
}

fn name(actor: Option<CurrentActor>) -> String {
    actor.map_or("nobody".to_owned(), |CurrentActor(actor)| actor.user_id().to_string())
}

fn axum_host(world: &World) -> axum::Router {
    use axum::{Router, routing::get};
    let authenticator = Arc::new(TokenAuthenticator::new(&world.app));
    let managers = RequireLayer::permission(Permission::ManageUsers);
    Router::new()
        .route("/customers/{client_id}", get(on_axum::customer))
        .route_layer(TenantLayer::new("/customers/{client_id}").unwrap())
        .route("/managers", get(|| async { "in" }).layer(managers))
        .route("/broken/{client_id}", get(on_axum::broken))
        .route("/failing", get(on_axum::failing))
        .route("/failing-by-id", get(on_axum::failing_by_id))
        .route_layer(AuthenticateLayer::required(authenticator.clone()))
        .route("/open", get(on_axum::open))
        .route("/hello", get(on_axum::hello).layer(AuthenticateLayer::optional(authenticator)))
        .layer(TraceLayer::new())
}

fn poem_host(world: &World) -> poem::endpoint::BoxEndpoint<'static, poem::Response> {
    use poem::{Route, get};
    let authenticator = Arc::new(TokenAuthenticator::new(&world.app));
    let required = AuthenticateLayer::required(authenticator.clone());
    let tenant = TenantLayer::new("/customers/{client_id}").unwrap();
    let managers = RequireLayer::permission(Permission::ManageUsers);
    Route::new()
        .at("/customers/:client_id", get(on_poem::customer).with(tenant).with(required.clone()))
        .at("/managers", get(on_poem::inside).with(managers).with(required.clone()))
        .at("/broken/:client_id", get(on_poem::broken).with(required.clone()))
        .at("/failing", get(on_poem::failing).with(required.clone()))
        .at("/failing-by-id", get(on_poem::failing_by_id).with(required))
        .at("/open", get(on_poem::open))
        .at("/hello", get(on_poem::hello).with(AuthenticateLayer::optional(authenticator)))
        .with(TraceLayer::new())
        .boxed()
}

enum Host {
    Axum(axum::Router),
    Poem(poem::endpoint::BoxEndpoint<'static, poem::Response>),
}

impl Host {
    async fn ask(&self, path: &str, token: Option<&str>, id: &str) -> (u16, HeaderMap, String) {
        let mut headers = vec![("x-request-id", id.to_owned())];
        headers.extend(token.map(|token| (header::AUTHORIZATION.as_str(), format!("Bearer {token}"))));
        match self {
            Self::Axum(router) => {
                let mut request = Request::get(path);
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let request = request.body(Full::default()).unwrap();
                let (status, headers, body) = send(router.clone(), request).await;
                (status.as_u16(), headers, String::from_utf8(body.to_vec()).unwrap())
            }
            Self::Poem(endpoint) => {
                let mut request = poem::Request::builder().uri(path.parse().unwrap());
                for (name, value) in headers {
                    request = request.header(name, value);
                }
                let answer = endpoint.get_response(request.finish()).await;
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                (status, headers, answer.into_body().into_string().await.unwrap())
            }
        }
    }
}

/// Asks for every route as everybody, and holds each answer against its line in the access log.
async fn walk(host: Host, name: &str, (admin, clients, user): (&str, [i64; 2], &str)) {
    let [ours, theirs] = clients.map(|id| format!("/customers/{id}"));
    for (number, (path, token, status)) in [
        (ours.as_str(), Some(user), 200),
        (theirs.as_str(), Some(user), 404),
        (theirs.as_str(), Some(admin), 200),
        (ours.as_str(), None, 401),
        (ours.as_str(), Some("forged"), 401),
        ("/managers", Some(admin), 200),
        ("/managers", Some(user), 403),
        ("/broken/1", Some(admin), 500),
        ("/failing", Some(admin), 404),
        ("/failing-by-id", Some(admin), 500),
        ("/open", Some(admin), 401),
        ("/hello", None, 200),
        ("/hello", Some(admin), 200),
        ("/hello", Some("forged"), 401),
        ("/none", None, 404),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("{name}-{number}");
        let (answered, headers, body) = host.ask(path, token, &id).await;
        assert_eq!(answered, status, "{name}{path}: {body}");
        assert_eq!(headers["x-request-id"], id.as_str(), "{path}");
        let [line] = <[_; 1]>::try_from(access_log::take(&id)).unwrap();
        assert_eq!(line["status"], status.to_string(), "{path}");
        if headers.get("content-type").is_some_and(|kind| kind == "application/problem+json") {
            let problem = json(body.as_bytes());
            assert_eq!(problem["status"], status);
            // What a handler makes of an error knows its request only where it was told.
            let known = if path == "/failing" { Value::Null } else { id.clone().into() };
            assert_eq!(problem["request_id"], known, "{path}");
        }
        assert!(!body.contains("cause"), "{body}");
    }
    assert_eq!(host.ask("/hello", None, "x").await.2, "nobody");
    assert_eq!(host.ask("/hello", Some(admin), "x").await.2, "1");
    let (_, _, body) = host.ask(&ours, Some(user), "x").await;
    assert_eq!(body, format!("2 {}", clients[0]));
}

#[tokio::test]
async fn handlers_of_axum_are_given_actor_tenant_and_id() {
    access_log::listen();
    let (world, admin, clients, user) = two_clients().await;
    walk(Host::Axum(axum_host(&world)), "axum", (&admin, clients, &user)).await;
}

#[tokio::test]
async fn handlers_of_poem_are_given_the_same_behind_middleware() {
    access_log::listen();
    let (world, admin, clients, user) = two_clients().await;
    walk(Host::Poem(poem_host(&world)), "poem", (&admin, clients, &user)).await;
}

#[tokio::test]
async fn a_user_is_an_actor_while_they_may_act() {
    let (world, admin, [client, _], user) = two_clients().await;
    let email = |text: &str| flowmastery_core::model::email::Email::parse(text).unwrap();
    let users = world.app.users();
    let actor = users.find_actor(&email(ADMIN)).await.unwrap().unwrap();
    assert_eq!((actor.user_id().0, actor.client_id(), actor.session_id()), (1, None, None));
    let actor = users.find_actor(&email("client@acme.com")).await.unwrap().unwrap();
    assert_eq!(actor.client_id().unwrap().0, client);
    assert_eq!(users.find_actor(&email("nobody@acme.com")).await.unwrap(), None);
    let off = serde_json::json!({ "is_active": false });
    let path = format!("/api/v1/users/{}", actor.user_id());
    world.request(http::Method::PATCH, &path, Some(&admin), Some(off)).await.expect(200);
    assert_eq!(users.find_actor(&email("client@acme.com")).await.unwrap(), None);
    world.get("/api/v1/auth/me", &user).await.expect(401);
}

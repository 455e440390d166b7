//! The layers on a host's own routes.

use std::{convert::Infallible, sync::Arc};

use async_trait::async_trait;
use flowmastery_core::{
    access::{actor::Actor, permission::Permission},
    error::Result,
    id::UserId,
    model::user::Role,
};
use flowmastery_tests::{access_log, world::World};
use flowmastery_tower::{
    AuthenticateLayer, Authenticator, Credentials, PeerAddress, RequireLayer, Site, Tenant, TenantLayer,
    TokenAuthenticator, TraceLayer,
};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{ServiceBuilder, service_fn};

use super::{empty, get, json as read, send, two_clients, world};

type Sent = Request<Full<bytes::Bytes>>;

/// Answers with the user and the client that the request's extensions name.
async fn own_route(request: Sent) -> std::result::Result<Response<Full<bytes::Bytes>>, Infallible> {
    let user = request.extensions().get::<Actor>().map_or(0, |actor| actor.user_id().0);
    let client = Tenant::of(request.extensions()).map(|tenant| format!(" of {}", tenant.0));
    Ok(Response::new(format!("{user}{}", client.unwrap_or_default()).into()))
}

fn authenticator(world: &World) -> Arc<TokenAuthenticator> {
    Arc::new(TokenAuthenticator::new(&world.app))
}

fn required(world: &World) -> AuthenticateLayer {
    AuthenticateLayer::required(authenticator(world))
}

fn request(token: Option<&str>) -> Sent {
    to("/own", token)
}

fn to(path: &str, token: Option<&str>) -> Sent {
    let request = get(path).header("x-request-id", "own-1");
    match token {
        Some(token) => empty(request.header(header::AUTHORIZATION, format!("Bearer {token}"))),
        None => empty(request),
    }
}

/// What the audit log has of denials, newest first.
async fn denials(world: &World, admin: &str) -> Vec<Value> {
    world.app.settle().await;
    let page = world.get("/api/v1/audit?action=denied", admin).await.expect(200);
    page.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_guarded_route_knows_its_caller() {
    let (world, admin) = world().await;
    let layer = AuthenticateLayer::required(authenticator(&world));
    let service = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    let (status, _, body) = send(service.clone(), request(Some(&admin))).await;
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"1".as_slice()));
    for token in [None, Some("forged")] {
        let (status, headers, body) = send(service.clone(), request(token)).await;
        assert_eq!(status, 401);
        assert_eq!(headers["www-authenticate"], "Bearer");
        assert_eq!(read(&body)["request_id"], "own-1");
    }
}

#[tokio::test]
async fn an_optional_guard_lets_nobody_pass_but_no_forged_token() {
    let (world, admin) = world().await;
    let layer = AuthenticateLayer::optional(authenticator(&world));
    let service = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    assert_eq!(send(service.clone(), request(None)).await.2, "0");
    assert_eq!(send(service.clone(), request(Some(&admin))).await.2, "1");
    assert_eq!(send(service, request(Some("forged"))).await.0, 401);
}

#[tokio::test]
async fn a_permission_is_asked_of_the_actor() {
    let (world, admin, _, user) = two_clients().await;
    let permission = RequireLayer::permission(Permission::ManageUsers);
    let guarded = ServiceBuilder::new()
        .layer(required(&world))
        .layer(permission.clone())
        .service(service_fn(own_route));
    assert_eq!(send(guarded.clone(), request(Some(&admin))).await.0, 200);
    let (status, _, body) = send(guarded, request(Some(&user))).await;
    assert_eq!((status.as_u16(), &read(&body)["status"]), (403, &403.into()));
    assert_eq!(read(&body)["request_id"], "own-1");
    let alone = ServiceBuilder::new().layer(permission).service(service_fn(own_route));
    assert_eq!(send(alone, request(Some(&admin))).await.0, 401);
    assert!(denials(&world, &admin).await.is_empty(), "nobody told the layer where to note them");
}

#[tokio::test]
async fn a_role_is_asked_of_the_actor() {
    let (world, admin, _, user) = two_clients().await;
    for (role, good, bad) in [(Role::Admin, &admin, &user), (Role::Client, &user, &admin)] {
        let guarded = ServiceBuilder::new()
            .layer(required(&world))
            .layer(RequireLayer::role(role))
            .service(service_fn(own_route));
        assert_eq!(send(guarded.clone(), request(Some(good))).await.0, 200);
        assert_eq!(send(guarded.clone(), request(Some(bad))).await.0, 403);
        assert_eq!(send(guarded, request(None)).await.0, 401);
    }
}

#[tokio::test]
async fn the_client_of_a_path_is_for_those_who_may_see_it() {
    let (world, admin, [ours, theirs], user) = two_clients().await;
    let service = ServiceBuilder::new()
        .layer(required(&world))
        .layer(TenantLayer::new("/customers/{client_id}").unwrap())
        .service(service_fn(own_route));
    for (path, token, status) in [
        (format!("/customers/{ours}"), &user, 200),
        (format!("/customers/{ours}/invoices/3"), &user, 200),
        (format!("/customers/{theirs}"), &admin, 200),
        (format!("/customers/{theirs}/invoices/3"), &user, 404),
        ("/customers/none".to_owned(), &admin, 404),
        ("/elsewhere".to_owned(), &admin, 404),
    ] {
        assert_eq!(send(service.clone(), to(&path, Some(token))).await.0, status, "{path}");
    }
    let (_, _, body) = send(service.clone(), to(&format!("/customers/{ours}"), Some(&user))).await;
    assert!(body.ends_with(format!(" of {ours}").as_bytes()), "{body:?}");
    assert_eq!(send(service.clone(), to(&format!("/customers/{ours}"), None)).await.0, 401);
    // As the API says it.
    let (_, _, own) = send(service, to(&format!("/customers/{theirs}"), Some(&user))).await;
    let (_, _, api) = send(world.api.clone(), to(&format!("/api/v1/clients/{theirs}"), Some(&user))).await;
    assert_eq!(own, api);
}

#[tokio::test]
async fn denials_are_noted_as_those_of_the_api_are() {
    let (world, admin, [ours, theirs], user) = two_clients().await;
    let service = ServiceBuilder::new()
        .layer(
            required(&world)
                .at(Site::new("https://agency.com", "").unwrap())
                .noting_denials(&world.app, "/x"),
        )
        .layer(TenantLayer::new("/customers/{client_id}").unwrap().noting_denials(&world.app))
        .layer(RequireLayer::role(Role::Admin).noting_denials(&world.app, "/customers/{client_id}/roles"))
        .layer(RequireLayer::permission(Permission::ViewOwnClient).noting_denials(&world.app, "/own"))
        .service(service_fn(own_route));
    let from = |mut request: Sent| {
        request.extensions_mut().insert(PeerAddress([203, 0, 113, 7].into()));
        request
    };
    let mut trace = from(to(&format!("/customers/{theirs}?secret"), Some(&user)));
    *trace.method_mut() = http::Method::from_bytes(b"CHOSEN").unwrap();
    assert_eq!(send(service.clone(), trace).await.0, 404);
    assert_eq!(denials(&world, &admin).await[0]["detail"], json!({ "attempt": "- /customers/{client_id}" }));

    let foreign = from(to(&format!("/customers/{theirs}?secret"), Some(&user)));
    assert_eq!(send(service.clone(), foreign).await.0, 404);
    let entry = denials(&world, &admin).await.remove(0);
    assert_eq!(entry["detail"], json!({ "attempt": "GET /customers/{client_id}" }));
    assert_eq!((&entry["subject_id"], &entry["client_id"]), (&json!(theirs), &json!(ours)));
    assert_eq!((&entry["address"], &entry["request_id"]), (&json!("203.0.113.7"), &json!("own-1")));
    assert_eq!(entry["actor_email"], "client@acme.com");

    for (token, attempt) in [(&user, "GET /customers/{client_id}/roles"), (&admin, "GET /own")] {
        let own = from(to(&format!("/customers/{ours}"), Some(token)));
        assert_eq!(send(service.clone(), own).await.0, 403);
        let entry = denials(&world, &admin).await.remove(0);
        assert_eq!(entry["detail"], json!({ "attempt": attempt }));
        assert_eq!(entry["subject_id"], Value::Null);
    }

    let cookie = format!("__Host-flowmastery_access={admin}");
    let planted =
        Request::post("/x").header(header::ORIGIN, "https://evil.com").header(header::COOKIE, cookie);
    let world_before = denials(&world, &admin).await.len();
    assert_eq!(send(service.clone(), empty(planted)).await.0, 403);
    assert_eq!(denials(&world, &admin).await[0]["detail"], json!({ "attempt": "POST /x" }));
    // Nobody is refused nothing.
    assert_eq!(send(service, to("/customers/1", None)).await.0, 401);
    assert_eq!(denials(&world, &admin).await.len(), world_before + 1);
}

#[tokio::test]
async fn a_traced_route_leaves_one_line_that_names_route_status_caller_and_address() {
    access_log::listen();
    let (world, admin, [ours, _], user) = two_clients().await;
    let service = ServiceBuilder::new()
        .layer(TraceLayer::new().route("/own/{thing}"))
        .layer(required(&world))
        .layer(RequireLayer::role(Role::Admin))
        .service(service_fn(own_route));
    for (id, token, status) in
        [("traced-1", Some(&admin), 200), ("traced-2", Some(&user), 403), ("traced-3", None, 401)]
    {
        let mut request = to("/own/secret", token.map(String::as_str));
        request.headers_mut().insert("x-request-id", id.parse().unwrap());
        request.extensions_mut().insert(PeerAddress([203, 0, 113, 7].into()));
        let (answered, headers, _) = send(service.clone(), request).await;
        assert_eq!((answered.as_u16(), headers["x-request-id"].to_str().unwrap()), (status, id));
        let [line] = <[_; 1]>::try_from(access_log::take(id)).unwrap();
        assert_eq!((line["route"].as_str(), line["method"].as_str()), ("\"/own/{thing}\"", "GET"));
        assert_eq!((&line["status"], line["address"].as_str()), (&status.to_string(), "203.0.113.7"));
        assert_eq!(line.contains_key("user.id"), token.is_some(), "{line:?}");
        assert_eq!(line.get("client.id"), (id == "traced-2").then(|| ours.to_string()).as_ref());
    }
}

#[tokio::test]
async fn a_made_id_is_the_same_in_line_answer_and_problem() {
    access_log::listen();
    let (world, _) = world().await;
    let trace = TraceLayer::new().trusted_proxy_hops(1);
    let service = ServiceBuilder::new().layer(trace).layer(required(&world)).service(service_fn(own_route));
    let request = empty(get("/own").header("x-forwarded-for", "198.51.100.1, 203.0.113.7"));
    let (_, headers, body) = send(service, request).await;
    let id = headers["x-request-id"].to_str().unwrap();
    assert_eq!((id.len(), &read(&body)["request_id"]), (32, &id.into()));
    let [line] = <[_; 1]>::try_from(access_log::take(id)).unwrap();
    assert_eq!((line["route"].as_str(), line["address"].as_str()), ("\"-\"", "203.0.113.7"));
}

#[tokio::test]
async fn who_goes_away_before_the_answer_leaves_a_line_without_a_status() {
    access_log::listen();
    let (world, admin) = world().await;
    let reached = Arc::new(tokio::sync::Notify::new());
    let tells = reached.clone();
    let never = service_fn(move |_: Sent| {
        tells.notify_one();
        std::future::pending::<std::result::Result<Response<String>, Infallible>>()
    });
    let mut service = ServiceBuilder::new().layer(TraceLayer::new()).layer(required(&world)).service(never);
    let mut request = request(Some(&admin));
    request.headers_mut().insert("x-request-id", "gone-1".parse().unwrap());
    let mut call = Box::pin(tower::Service::call(&mut service, request));
    tokio::select! {
        _ = &mut call => panic!("it never answers"),
        () = reached.notified() => {}
    }
    assert!(access_log::take("gone-1").is_empty());
    drop(call);
    let [line] = <[_; 1]>::try_from(access_log::take("gone-1")).unwrap();
    assert!(!line.contains_key("status") && line["user.id"] == "1", "{line:?}");
}

/// Believes a cookie of the host's own.
#[derive(Debug)]
struct OwnCookie;

#[async_trait]
impl Authenticator for OwnCookie {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>> {
        Ok(credentials.headers().contains_key(header::COOKIE).then_some(Actor::admin(UserId(1))))
    }
}

#[tokio::test]
async fn a_hosts_own_cookie_vouches_for_pages_of_its_origin_only() {
    let layer = AuthenticateLayer::required(Arc::new(OwnCookie));
    let layer = layer.at(Site::new("https://agency.com", "").unwrap());
    let service = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    for (method, origin, status) in [
        ("POST", Some("https://agency.com"), 200),
        ("POST", Some("https://evil.com"), 403),
        ("DELETE", None, 403),
        ("GET", Some("https://evil.com"), 200),
    ] {
        let request = Request::builder().method(method).uri("/own").header(header::COOKIE, "own=1");
        let request =
            origin.into_iter().fold(request, |request, origin| request.header(header::ORIGIN, origin));
        assert_eq!(send(service.clone(), empty(request)).await.0, status, "{method} {origin:?}");
    }
}

//! Routes, methods, slashes, HEAD, ids of requests, and what every answer carries.

use std::sync::Arc;

use async_trait::async_trait;
use flowmastery_core::{
    access::actor::Actor,
    error::{Error, Kind, Result},
    id::UserId,
};
use flowmastery_tower::{Api, Authenticator, Credentials};
use http::{Method, Request, header};
use serde_json::json;

use super::{empty, get, json as read, send, world};

#[tokio::test]
async fn the_root_says_where_to_go_on() {
    let (world, _) = world().await;
    let api = Api::builder(world.app.clone()).base_path("/flow/").docs(true).build().unwrap();
    let (_, _, body) = send(api, empty(get("/"))).await;
    let about = read(&body);
    assert_eq!(about["name"], "FlowMastery");
    assert_eq!((&about["docs"], &about["health"]), (&json!("/flow/docs"), &json!("/flow/health")));
    let api = Api::builder(world.app.clone()).build().unwrap();
    let (_, _, body) = send(api, empty(get("/"))).await;
    assert_eq!((&read(&body)["docs"], &read(&body)["openapi"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn base_paths_that_are_none_are_refused() {
    let (world, _) = world().await;
    for path in ["flow", "/flow?x", "/a//b", "/a\"b", "/a b", "//"] {
        let error = Api::builder(world.app.clone()).base_path(path).build().unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{path}");
    }
}

#[tokio::test]
async fn head_has_the_headers_of_get_and_no_body() {
    let (world, admin) = world().await;
    for path in ["/", "/health/live", "/api/v1/auth/me", "/api/v1/metrics/all", "/api/v1/clients/99", "/docs"]
    {
        let get = world.get(path, &admin).await;
        let head = world.request(Method::HEAD, path, Some(&admin), None).await;
        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.header("content-length"), Some(get.body.len().to_string().as_str()), "{path}");
        for name in ["content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn answers_with_a_body_say_how_long_it_is() {
    let (world, admin) = world().await;
    for (path, status) in [("/", 200), ("/api/v1/metrics/all", 200), ("/nowhere", 404), ("/docs", 200)] {
        let answer = world.get(path, &admin).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()), "{path}");
    }
    let nothing = world.request(Method::POST, "/api/v1/auth/logout", Some(&admin), None).await;
    assert_eq!((nothing.status.as_u16(), nothing.header("content-length")), (204, None));
}

#[tokio::test]
async fn both_spellings_of_a_path_answer_without_a_redirect() {
    let (world, admin) = world().await;
    for path in
        ["/api/v1/clients", "/api/v1/clients/", "/api/v1/users", "/api/v1/users/", "/health/", "/docs/", "/"]
    {
        world.get(path, &admin).await;
        assert_eq!(world.get(path, &admin).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn options_are_not_answered_where_no_route_lists_them() {
    let (world, _) = world().await;
    let answer = world.request(Method::OPTIONS, "/api/v1/auth/me", None, None).await;
    answer.expect(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[tokio::test]
async fn ids_of_requests_are_taken_over_or_made() {
    let (world, _) = world().await;
    let answer = world.send(empty(get("/nowhere").header("x-request-id", "trace-7"))).await;
    assert_eq!(answer.header("x-request-id"), Some("trace-7"));
    assert_eq!(answer.json()["request_id"], "trace-7");
    let answer = world.send(empty(get("/").header("x-request-id", "not well-formed"))).await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
}

/// What browsers are told of every answer.
const PROTECTION: [(&str, &str); 5] = [
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[tokio::test]
async fn answers_are_kept_framed_and_sniffed_by_nobody_and_errors_neither() {
    let (world, admin) = world().await;
    let mut answers = Vec::new();
    for (method, path, token, body, status) in [
        (Method::GET, "/", None, None, 200),
        (Method::GET, "/openapi.json", None, None, 200),
        (Method::GET, "/api/v1/clients/", Some(&admin), None, 200),
        (Method::POST, "/api/v1/clients/", Some(&admin), Some("{"), 400),
        (Method::GET, "/api/v1/auth/me", None, None, 401),
        (Method::GET, "/api/v1/metrics/my-metrics", Some(&admin), None, 403),
        (Method::GET, "/nowhere", None, None, 404),
        (Method::OPTIONS, "/api/v1/auth/me", None, None, 405),
        (Method::POST, "/api/v1/clients/", Some(&admin), Some("{}"), 422),
        (Method::POST, "/api/v1/auth/logout", Some(&admin), None, 204),
    ] {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request = request.header(header::CONTENT_TYPE, "application/json");
        let answer = world.send(request.body(body.unwrap_or_default().into()).unwrap()).await;
        assert_eq!(answer.status, status, "{path}");
        answers.push((path, answer));
    }
    for (path, answer) in &answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        for (name, value) in PROTECTION {
            assert_eq!(answer.header(name), Some(value), "{name} of {path}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "{path} may be asked over http");
    }
}

#[tokio::test]
async fn browsers_are_told_to_insist_on_https_where_that_is_how_callers_come() {
    let (world, _) = world().await;
    let api = |base| {
        let api = Api::builder(world.app.clone()).public_url("https://api.agency.com").base_path(base);
        api.build().unwrap()
    };
    let year = "max-age=31536000";
    for (base, told) in [("", format!("{year}; includeSubDomains")), ("/flow", year.to_owned())] {
        for path in ["/", "/nowhere", "/api/v1/auth/me"] {
            let (_, headers, _) = send(api(base), empty(get(path))).await;
            assert_eq!(headers["strict-transport-security"], told, "{base} {path}");
        }
    }
}

#[tokio::test]
async fn a_route_without_a_body_ignores_one() {
    let (world, admin) = world().await;
    let body = "x".repeat(200_000);
    let request = Request::post("/api/v1/auth/logout")
        .header(header::AUTHORIZATION, format!("Bearer {admin}"))
        .body(body.into())
        .unwrap();
    assert_eq!(world.send(request).await.status, 204);
}

#[tokio::test]
async fn a_record_that_is_not_there_comes_before_a_faulty_query() {
    let (world, admin) = world().await;
    let id = world.client(&admin, "Acme Corp").await;
    for path in ["/api/v1/clients/", "/api/v1/metrics/client/"] {
        world.get(&format!("{path}99?period=never"), &admin).await.expect(404);
        world.get(&format!("{path}{id}?period=never"), &admin).await.expect(422);
    }
    world.get("/health?verbose=1", &admin).await.expect(422);
}

#[tokio::test]
async fn made_clients_say_where_they_are() {
    let (world, admin) = world().await;
    let answer = world.post("/api/v1/clients/", &admin, json!({ "name": "Acme Corp" })).await;
    let location = answer.header("location").unwrap();
    assert_eq!(location, "/api/v1/clients/1");
    assert_eq!(world.get(location, &admin).await.expect(200), answer.json());
}

#[tokio::test]
async fn users_are_changed_field_by_field() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "client@acme.com", client).await;
    let id = world.get("/api/v1/auth/me", &user).await.expect(200)["id"].clone();
    let path = format!("/api/v1/users/{id}");
    let patch = |body| world.request(Method::PATCH, &path, Some(&admin), Some(body));
    patch(json!({})).await.expect(422);
    patch(json!({ "role": null })).await.expect(422);
    let faults = patch(json!({ "is_active": "no" })).await.expect(422)["errors"].clone();
    assert_eq!(faults.as_array().unwrap().len(), 1, "{faults}");
    assert_eq!(patch(json!({ "is_active": false })).await.expect(200)["is_active"], false);
    world.get("/api/v1/auth/me", &user).await.expect(401);
    let own = world
        .request(Method::PATCH, "/api/v1/users/1", Some(&admin), Some(json!({ "is_active": false })))
        .await;
    own.expect(409);
}

/// Panics, is away, or names the first user as an admin, as a header says.
#[derive(Debug)]
struct Fickle;

#[async_trait]
impl Authenticator for Fickle {
    async fn authenticate(&self, credentials: Credentials<'_>) -> Result<Option<Actor>> {
        match credentials.headers().get("x-test").map(|value| value.to_str().unwrap()) {
            Some("panic") => panic!("secret panic"),
            Some("away") => Err(Error::new(Kind::Unavailable, "The sessions are away.")),
            Some(_) => Ok(Some(Actor::admin(UserId(1)))),
            None => Ok(None),
        }
    }
}

#[tokio::test]
async fn a_panic_is_a_500_that_says_nothing() {
    let (world, _) = world().await;
    let api = Api::builder(world.app.clone()).authenticator(Arc::new(Fickle)).build().unwrap();
    let (status, headers, body) =
        send(api.clone(), empty(get("/api/v1/auth/me").header("x-test", "panic"))).await;
    assert_eq!(status, 500);
    assert_eq!(headers["content-type"], "application/problem+json");
    assert!(!String::from_utf8_lossy(&body).contains("secret"));
    assert_eq!(send(api, empty(get("/health/live"))).await.0, 200);
}

#[tokio::test]
async fn a_host_brings_its_own_sessions() {
    let (world, _) = world().await;
    let api = Api::builder(world.app.clone()).authenticator(Arc::new(Fickle)).build().unwrap();
    let me = |how: Option<&str>| {
        let mut request = get("/api/v1/auth/me");
        if let Some(how) = how {
            request = request.header("x-test", how);
        }
        send(api.clone(), empty(request))
    };
    let (status, _, body) = me(Some("admin")).await;
    assert_eq!((status.as_u16(), &read(&body)["id"]), (200, &json!(1)));
    assert_eq!(me(None).await.0, 401);
    let (status, headers, _) = me(Some("away")).await;
    assert_eq!((status.as_u16(), &headers["retry-after"]), (503, &http::HeaderValue::from_static("5")));
}

#[tokio::test]
async fn the_access_line_of_a_refusal_names_whom_it_refused() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "client@acme.com", client).await;
    let me = world.get("/api/v1/auth/me", &user).await.expect(200);
    let refused = world.get("/api/v1/metrics/all", &user).await;
    refused.expect(403);
    assert_eq!(refused.line["user.id"], me["id"].to_string());
    assert_eq!(refused.line["client.id"], client.to_string());
    let nobody = world.request(Method::GET, "/api/v1/metrics/all", None, None).await;
    assert!(!nobody.line.contains_key("user.id"), "{:?}", nobody.line);
}

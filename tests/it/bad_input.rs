//! Bad input: each kind with its answer, nothing stored, and one line in the access log ([`World::send`] sees to that).

use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, Answer, PASSWORD, World},
};
use http::{Method, Request, header};
use http_body_util::Full;
use serde_json::{Value, json};

both_backends! {
    malformed_json_is_400,
    unknown_and_wrong_fields_are_all_named_at_once,
    names_have_1_to_255_characters,
    every_kind_of_wrong_n8n_address_is_422,
    bodies_over_64_kib_are_413,
    ids_that_name_nothing_are_404_before_the_body_is_judged,
    other_content_types_are_415,
    spent_expired_and_forged_tokens_are_401,
    an_expired_invitation_is_410,
}

async fn malformed_json_is_400(backend: Backend) {
    let (world, admin) = world(backend).await;
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"name\":\"a\"",
        "{\"name\":\"a\"} x",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "\u{feff}{}",
    ] {
        let answer = raw(&world, &admin, body).await;
        is_problem(&answer, 400);
    }
    nothing_was_stored(&world, &admin).await;
}

async fn unknown_and_wrong_fields_are_all_named_at_once(backend: Backend) {
    let (world, admin) = world(backend).await;
    let body = json!({ "email": 7, "role": "owner", "client_id": "1", "extra": true });
    let answer = world.post("/api/v1/auth/invitations", &admin, body).await;
    assert_eq!(fields(&answer), ["client_id", "email", "extra", "role"]);
    let answer = world.post("/api/v1/clients/", &admin, json!({})).await;
    assert_eq!(fields(&answer), ["name"]);
    let answer = world.post("/api/v1/clients/", &admin, json!({ "name": "Acme\u{0}" })).await;
    assert_eq!(fields(&answer), ["name"]);
    let answer = world.get("/api/v1/clients/?limit=251&cursor=x&page=2", &admin).await;
    assert_eq!(fields(&answer), ["cursor", "limit", "page"]);
    let answer =
        world.get("/api/v1/metrics/all?period=1y&tz=Mars&include=none&from=2026-01-01", &admin).await;
    let named = fields(&answer);
    assert!(["include", "period", "tz"].iter().all(|name| named.contains(&(*name).to_owned())), "{named:?}");
    let login = json!({ "email": ADMIN, "password": "long enough but wrong", "remember": true });
    let answer = world.request(Method::POST, "/api/v1/auth/login", None, Some(login)).await;
    assert_eq!(fields(&answer), ["remember"]);
    assert!(!String::from_utf8_lossy(&answer.body).contains("long enough"), "a password is echoed");
    nothing_was_stored(&world, &admin).await;
}

async fn names_have_1_to_255_characters(backend: Backend) {
    let (world, admin) = world(backend).await;
    for name in ["", "   ", &"x".repeat(256), "a\nb"] {
        let answer = world.post("/api/v1/clients/", &admin, json!({ "name": name })).await;
        assert_eq!(fields(&answer), ["name"]);
    }
    nothing_was_stored(&world, &admin).await;
    let markup = "'; DROP TABLE clients; -- \" <b>%s$1</b>".to_owned();
    for name in ["x".repeat(255), "ß".repeat(255), "日本 🦀".to_owned(), markup] {
        let made = world.post("/api/v1/clients/", &admin, json!({ "name": name })).await.expect(201);
        assert_eq!(made["name"], name);
    }
}

async fn every_kind_of_wrong_n8n_address_is_422(backend: Backend) {
    let (world, admin) = world(backend).await;
    let id = world.client(&admin, "Acme Corp").await;
    let long = format!("https://n8n.acme.com/{}", "x".repeat(2048));
    for url in [
        "",
        "n8n.acme.com",
        "ftp://n8n.acme.com",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@n8n.acme.com",
        "https://n8n.acme.com?x=1",
        "https://n8n.acme.com#x",
        "https://n8n.acme.com /api",
        " https://n8n.acme.com",
        "https://n8n.acme.com\n",
        "https://n8n.\u{7f}acme.com",
        "https://n8n.acme.com:99999",
        "http://169.254.169.254/latest",
        "http://[fe80::1]",
        "http://0.0.0.0:5678",
        "http://224.0.0.1",
        "http://2852039166/",
        long.as_str(),
    ] {
        let answer = world.configure(&admin, id, url, "key").await;
        assert_eq!(fields(&answer), ["n8n_api_url"], "{url:?}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("secret"), "credentials are echoed");
    }
    let answer = world.configure(&admin, id, "nowhere", "key with space").await;
    assert_eq!(fields(&answer), ["n8n_api_key", "n8n_api_url"]);
    let path = format!("/api/v1/clients/{id}/n8n-config");
    assert_eq!(
        fields(&world.post(&path, &admin, json!({ "n8n_api_url": 5 })).await),
        ["n8n_api_key", "n8n_api_url"]
    );
    let client = world.get(&format!("/api/v1/clients/{id}"), &admin).await.expect(200);
    assert_eq!((&client["n8n_api_url"], &client["has_n8n_api_key"]), (&Value::Null, &json!(false)));
}

async fn bodies_over_64_kib_are_413(backend: Backend) {
    let (world, admin) = world(backend).await;
    let fits = format!("{{\"name\":\"a\"{}}}", " ".repeat(65_536 - 12));
    assert_eq!(fits.len(), 65_536);
    raw(&world, &admin, &fits).await.expect(201);
    is_problem(&raw(&world, &admin, &format!("{fits} ")).await, 413);
    let listed = world.get("/api/v1/clients/", &admin).await.expect(200);
    assert_eq!(listed.as_array().unwrap().len(), 1);
}

async fn ids_that_name_nothing_are_404_before_the_body_is_judged(backend: Backend) {
    let (world, admin) = world(backend).await;
    for id in ["1", "0", "-1", "one", "1.0", "99999999999999999999", "%31%00"] {
        for (method, path) in [
            (Method::GET, format!("/api/v1/clients/{id}")),
            (Method::PUT, format!("/api/v1/clients/{id}")),
            (Method::DELETE, format!("/api/v1/clients/{id}")),
            (Method::POST, format!("/api/v1/clients/{id}/n8n-config")),
            (Method::POST, format!("/api/v1/clients/{id}/sync")),
            (Method::POST, format!("/api/v1/clients/{id}/test-connection")),
            (Method::GET, format!("/api/v1/metrics/client/{id}")),
        ] {
            is_problem(&world.request(method, &path, Some(&admin), Some(json!("not an object"))).await, 404);
        }
    }
    is_problem(&world.request(Method::PATCH, "/api/v1/users/99", Some(&admin), Some(json!({}))).await, 404);
    is_problem(&world.get("/api/v1/nowhere", &admin).await, 404);
    let answer = world.request(Method::PATCH, "/api/v1/clients/", Some(&admin), None).await;
    is_problem(&answer, 405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
}

async fn other_content_types_are_415(backend: Backend) {
    let (world, admin) = world(backend).await;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
        Some(""),
    ] {
        let mut request =
            Request::post("/api/v1/clients/").header(header::AUTHORIZATION, format!("Bearer {admin}"));
        if let Some(kind) = kind {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        is_problem(&world.send(request.body(Full::from("{\"name\":\"a\"}")).unwrap()).await, 415);
    }
    let encoded = Request::post("/api/v1/clients/")
        .header(header::AUTHORIZATION, format!("Bearer {admin}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip");
    is_problem(&world.send(encoded.body(Full::from("{\"name\":\"a\"}")).unwrap()).await, 415);
    nothing_was_stored(&world, &admin).await;
}

async fn spent_expired_and_forged_tokens_are_401(backend: Backend) {
    let (world, admin) = world(backend).await;
    let login = json!({ "email": ADMIN, "password": PASSWORD });
    let signed_in = world.request(Method::POST, "/api/v1/auth/login", None, Some(login)).await.expect(200);
    let (access, refresh) = (text(&signed_in["access_token"]), text(&signed_in["refresh_token"]));
    let renew = |token: String| {
        let world = &world;
        let body = json!({ "refresh_token": token });
        async move { world.request(Method::POST, "/api/v1/auth/refresh", None, Some(body)).await }
    };

    let second = renew(refresh.clone()).await.expect(200);
    let third = renew(text(&second["refresh_token"])).await.expect(200);
    is_problem(&renew(refresh).await, 401);
    is_problem(&renew(text(&third["refresh_token"])).await, 401);
    is_problem(&world.get("/api/v1/auth/me", &access).await, 401);
    is_problem(&renew("unknown".to_owned()).await, 401);

    let mut forged = admin.clone();
    forged.pop();
    let tampered = format!("{forged}{}", if admin.ends_with('A') { 'B' } else { 'A' });
    for token in ["", "x", "a.b.c", &forged, tampered.get(..tampered.len() - 2).unwrap()] {
        is_problem(&world.get("/api/v1/auth/me", token).await, 401);
    }

    world.get("/api/v1/auth/me", &admin).await.expect(200);
    assert_eq!(world.request(Method::POST, "/api/v1/auth/logout", Some(&admin), None).await.status, 204);
    is_problem(&world.get("/api/v1/auth/me", &admin).await, 401);

    let admin = world.sign_in(ADMIN).await;
    world.clock.advance(std::time::Duration::from_secs(30 * 60));
    is_problem(&world.get("/api/v1/auth/me", &admin).await, 401);
    let wrong = json!({ "email": ADMIN, "password": "not the password" });
    let wrong = world.request(Method::POST, "/api/v1/auth/login", None, Some(wrong)).await;
    let unknown = json!({ "email": "nobody@agency.com", "password": "not the password" });
    let unknown = world.request(Method::POST, "/api/v1/auth/login", None, Some(unknown)).await;
    assert_eq!(wrong.expect(401)["detail"], unknown.expect(401)["detail"]);
}

async fn an_expired_invitation_is_410(backend: Backend) {
    let (world, admin) = world(backend).await;
    let id = world.client(&admin, "Acme Corp").await;
    let body = json!({ "email": "late@acme.com", "role": "client", "client_id": id });
    let invitation = world.post("/api/v1/auth/invitations", &admin, body).await.expect(201);
    let token = text(&invitation["accept_url"]).split_once("?token=").unwrap().1.to_owned();
    world.clock.advance(std::time::Duration::from_secs(48 * 3600));
    let path = format!("/api/v1/auth/invitations/{token}");
    let preview = world.request(Method::GET, &path, None, None).await.expect(200);
    assert_eq!(preview["status"], "expired");
    let body = json!({ "token": token, "password": PASSWORD });
    is_problem(&world.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body)).await, 410);
    let body = json!({ "token": "forged", "password": PASSWORD });
    is_problem(&world.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body)).await, 404);
}

async fn world(backend: Backend) -> (World, String) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

/// Sends a body as it is to the route that makes clients.
async fn raw(world: &World, admin: &str, body: &str) -> Answer {
    let request = Request::post("/api/v1/clients/")
        .header(header::AUTHORIZATION, format!("Bearer {admin}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::from(body.to_owned()))
        .unwrap();
    world.send(request).await
}

#[track_caller]
fn is_problem(answer: &Answer, status: u16) {
    let problem = answer.expect(status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["status"], status);
    assert_eq!(problem["request_id"].as_str(), answer.header("x-request-id"));
    for field in ["type", "title", "detail"] {
        assert!(problem[field].is_string(), "{field} of {problem}");
    }
}

/// The names of the fields that a 422 faults, in order.
#[track_caller]
fn fields(answer: &Answer) -> Vec<String> {
    is_problem(answer, 422);
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    let mut fields: Vec<_> = errors.iter().map(|error| text(&error["field"])).collect();
    fields.sort();
    fields
}

async fn nothing_was_stored(world: &World, admin: &str) {
    assert_eq!(world.get("/api/v1/clients/", admin).await.expect(200), json!([]));
    assert_eq!(world.get("/api/v1/auth/invitations", admin).await.expect(200), json!([]));
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

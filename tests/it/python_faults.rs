//! Faults that users of the Python FlowMastery met; `docs/SECURITY.md` names the tests of those that are shown elsewhere.

use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, World},
};
use http::Method;
use n8n_simulator::FakeN8n;
use serde_json::{Value, json};

both_backends! {
    clients_of_one_name_live_side_by_side,
    signing_out_ends_the_session_at_once,
    a_password_with_markup_is_taken_as_it_is,
    without_history_there_is_no_trend,
    right_sign_ins_lock_nobody_out,
}

async fn world(backend: Backend) -> (World, String) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

async fn sign_in(world: &World, email: &str, password: &str) -> (u16, Value) {
    let body = json!({ "email": email, "password": password });
    let answer = world.request(Method::POST, "/api/v1/auth/login", None, Some(body)).await;
    (answer.status.as_u16(), answer.json())
}

async fn clients_of_one_name_live_side_by_side(backend: Backend) {
    let (world, admin) = world(backend).await;
    for number in 0..6 {
        let client = world.client(&admin, "Acme Corp").await;
        let user = world.client_user(&admin, &format!("user{number}@acme.com"), client).await;
        let own = world.get("/api/v1/metrics/my-metrics", &user).await.expect(200);
        assert_eq!((&own["client_id"], &own["client_name"]), (&json!(client), &json!("Acme Corp")));
    }
    assert_eq!(world.get("/api/v1/metrics/all", &admin).await.expect(200)["total_clients"], 6);
}

async fn signing_out_ends_the_session_at_once(backend: Backend) {
    let (world, admin) = world(backend).await;
    let (_, other) = sign_in(&world, ADMIN, flowmastery_tests::world::PASSWORD).await;
    let me = "/api/v1/auth/me";
    world.get(me, &admin).await.expect(200);
    assert_eq!(world.request(Method::POST, "/api/v1/auth/logout", Some(&admin), None).await.status, 204);
    world.get(me, &admin).await.expect(401);
    world.get(me, other["access_token"].as_str().unwrap()).await.expect(200);
}

async fn a_password_with_markup_is_taken_as_it_is(backend: Backend) {
    let (world, admin) = world(backend).await;
    let body = json!({ "email": "dora@agency.com", "role": "admin" });
    let invitation = world.post("/api/v1/auth/invitations", &admin, body).await.expect(201);
    let (_, token) = invitation["accept_url"].as_str().unwrap().split_once("?token=").unwrap();
    let password = "<b>\"fish\" & 'chips'</b>";
    let body = Some(json!({ "token": token, "password": password }));
    world.request(Method::POST, "/api/v1/auth/invitations/accept", None, body).await.expect(201);
    assert_eq!(sign_in(&world, "dora@agency.com", password).await.0, 200);
    let escaped = "&lt;b&gt;&quot;fish&quot; &amp; &#x27;chips&#x27;&lt;/b&gt;";
    assert_eq!(sign_in(&world, "dora@agency.com", escaped).await.0, 401);
}

async fn without_history_there_is_no_trend(backend: Backend) {
    let (world, admin) = world(backend).await;
    let n8n = FakeN8n::start().await;
    let client = world.client(&admin, "Acme Corp").await;
    world.configure(&admin, client, &n8n.url(), &n8n.key()).await.expect(200);
    world.collect(client).await;
    let metrics = world.get(&format!("/api/v1/metrics/client/{client}"), &admin).await.expect(200);
    assert_eq!(metrics["total_executions"], 0);
    let none = json!({ "execution_trend": null, "success_rate_trend": null, "performance_trend": null });
    assert_eq!(metrics["trends"], none);
}

async fn right_sign_ins_lock_nobody_out(backend: Backend) {
    let (world, _) = world(backend).await;
    for _ in 0..200 {
        assert_eq!(sign_in(&world, ADMIN, flowmastery_tests::world::PASSWORD).await.0, 200);
    }
}

//! The seed's usage flow, over SQLite and Postgres, against an n8n that answers as real ones were seen to.

use std::time::Duration;

use flowmastery_core::clock::Timestamp;
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, PASSWORD, World},
};
use http::Method;
use n8n_simulator::{FakeN8n, Run};
use serde_json::json;

both_backends! {
    the_usage_flow_ends_with_what_n8n_holds,
    two_clients_keep_their_execution_one,
    a_workflow_called_latest_test_digest_is_counted_like_any_other,
    twenty_users_on_a_cold_cache_all_get_right_answers,
    running_executions_are_counted_once_when_they_end,
    collecting_again_changes_nothing,
    another_tenants_records_do_not_exist,
    a_deleted_client_is_gone_at_once,
}

async fn the_usage_flow_ends_with_what_n8n_holds(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Invoices");
    let archived = n8n.state().add_workflow("Old");
    n8n.state().archive_workflow(&archived);
    for minute in 0..600 {
        n8n.state().add(Run::ended(&workflow, "success", at(minute), 1500 + minute));
    }
    for minute in 0..20 {
        n8n.state().add(Run::ended(&workflow, "error", at(minute), 100));
    }
    n8n.state().add(Run::ended(&workflow, "canceled", at(1), 60_000));
    n8n.state().add(Run::ended(&workflow, "success", at(2), 5).with_mode("manual"));
    n8n.state().add(Run::running(&workflow, at(640)));

    // 1 to 3 of the seed: admin, client, invitation.
    let admin = world.sign_in(ADMIN).await;
    assert_eq!(world.client(&admin, "Acme Corp").await, 1);
    let body = json!({ "email": "client@acme.com", "role": "client", "client_id": 1 });
    let invitation = world.post("/api/v1/auth/invitations", &admin, body).await.expect(201);
    assert_eq!(invitation["email_status"], "not_configured");
    let link = invitation["accept_url"].as_str().unwrap().to_owned();
    let token = link.strip_prefix("https://agency.com/accept-invitation?token=").unwrap();
    let preview = world
        .request(Method::GET, &format!("/api/v1/auth/invitations/{token}"), None, None)
        .await
        .expect(200);
    assert_eq!(preview["client_name"], "Acme Corp");
    assert_eq!(preview["status"], "pending");

    // 4: the client accepts, with the seed's own password.
    let body = json!({ "token": token, "password": PASSWORD });
    let accepted = world
        .request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body.clone()))
        .await
        .expect(201);
    let client = accepted["access_token"].as_str().unwrap();
    assert_eq!(accepted["user"]["client_id"], 1);
    world.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body)).await.expect(404);

    // 5: the n8n key, with the address as the seed writes it.
    let configured = world.configure(&admin, 1, &n8n.url(), &n8n.key()).await.expect(200);
    assert_eq!(configured["connection"]["status"], "ok");
    assert_eq!(configured["has_n8n_api_key"], true);
    assert_eq!(configured["n8n_api_url"], n8n.url().strip_suffix("/api/v1").unwrap());

    // 6: metrics.
    let metrics = world.get("/api/v1/metrics/my-metrics", client).await.expect(200);
    assert_eq!(metrics["client_name"], "Acme Corp");
    assert_eq!(metrics["total_executions"], 622);
    assert_eq!(metrics["successful_executions"], 600);
    assert_eq!(metrics["failed_executions"], 20);
    assert_eq!(metrics["canceled_executions"], 1);
    assert_eq!(metrics["unfinished_executions"], 1);
    assert_eq!(metrics["success_rate"], 96.77);
    assert_eq!(metrics["avg_execution_time"], 1.744_677); // (600 × 1,500 + 0 + … + 599 + 20 × 100) ms / 620
    assert_eq!(metrics["total_workflows"], 1);
    assert_eq!(metrics["active_workflows"], 1);
    assert_eq!(metrics["time_saved_hours"], 300.0);
    assert_eq!(metrics["freshness"]["status"], "live");
    let p50 = metrics["p50_execution_time"].as_f64().unwrap();
    assert!((p50 / 1.789 - 1.0).abs() < 0.01, "{p50}");

    let workflows = world.get("/api/v1/metrics/my-workflows", client).await.expect(200);
    assert_eq!(workflows["summary"], metrics);
    assert_eq!(workflows["workflows"][0]["workflow_name"], "Invoices");
    assert_eq!(workflows["workflows"][0]["total_executions"], 622);
    assert_eq!(workflows["workflows"][1]["status"], "archived");
    assert_eq!(workflows["workflows"][1]["total_executions"], 0);

    let all = world.get("/api/v1/metrics/all", &admin).await.expect(200);
    assert_eq!(all["clients"][0], metrics);
    assert_eq!(all["total_clients"], 1);
    assert_eq!(all["total_executions"], 622);
    assert_eq!(all["overall_success_rate"], 96.77);
    assert_eq!(world.get("/api/v1/metrics/client/1", &admin).await.expect(200), metrics);
    assert_eq!(world.get("/api/v1/metrics/client/1/workflows", &admin).await.expect(200), workflows);
    let with_manual = world.get("/api/v1/metrics/my-metrics?include=manual", client).await.expect(200);
    assert_eq!(with_manual["total_executions"], 623);
}

async fn two_clients_keep_their_execution_one(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    for (client, runs) in [("One", 1), ("Two", 3)] {
        let n8n = FakeN8n::start().await;
        let workflow = n8n.state().add_workflow(client);
        for minute in 0..runs {
            n8n.state().add(Run::ended(&workflow, "success", at(minute), 10));
        }
        let id = world.client(&admin, client).await;
        world.configure(&admin, id, &n8n.url(), &n8n.key()).await.expect(200);
        let metrics = world.get(&format!("/api/v1/metrics/client/{id}"), &admin).await.expect(200);
        assert_eq!(metrics["total_executions"], runs);
    }
    let all = world.get("/api/v1/metrics/all", &admin).await.expect(200);
    assert_eq!(all["clients"][0]["total_executions"], 1);
    assert_eq!(all["clients"][1]["total_executions"], 3);
    assert_eq!(all["total_executions"], 4);
}

async fn a_workflow_called_latest_test_digest_is_counted_like_any_other(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Latest test digest");
    n8n.state().add(Run::ended(&workflow, "success", at(0), 10));
    let id = world.client(&admin, "dev temp test").await;
    world.configure(&admin, id, &n8n.url(), &n8n.key()).await.expect(200);
    let report = world.get(&format!("/api/v1/metrics/client/{id}/workflows"), &admin).await.expect(200);
    assert_eq!(report["workflows"][0]["workflow_name"], "Latest test digest");
    assert_eq!(report["workflows"][0]["total_executions"], 1);
    assert_eq!(report["summary"]["total_executions"], 1);
}

async fn twenty_users_on_a_cold_cache_all_get_right_answers(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Shared");
    for minute in 0..300 {
        n8n.state().add(Run::ended(&workflow, "success", at(minute), 10));
    }
    let id = world.client(&admin, "Acme Corp").await;
    let mut users = Vec::new();
    for user in 0..20 {
        users.push(world.client_user(&admin, &format!("user{user}@acme.com"), id).await);
    }
    world.configure(&admin, id, &n8n.url(), &n8n.key()).await.expect(200);
    let reads = users.iter().map(|user| world.get("/api/v1/metrics/my-metrics", user));
    for answer in futures_util::future::join_all(reads).await {
        assert_eq!(answer.expect(200)["total_executions"], 300);
    }
    assert_eq!(n8n.state().max_in_flight(), 1);
}

async fn running_executions_are_counted_once_when_they_end(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Long");
    let long = n8n.state().add(Run::running(&workflow, at(0)));
    for minute in 1..300 {
        n8n.state().add(Run::ended(&workflow, "success", at(minute), 10));
    }
    let id = world.client(&admin, "Acme Corp").await;
    world.configure(&admin, id, &n8n.url(), &n8n.key()).await.expect(200);
    let path = format!("/api/v1/metrics/client/{id}");
    let before = world.get(&path, &admin).await.expect(200);
    assert_eq!((&before["total_executions"], &before["unfinished_executions"]), (&json!(300), &json!(1)));

    n8n.state().end(long, "error", at(30));
    world.collect(id).await;
    let after = world.get(&path, &admin).await.expect(200);
    assert_eq!((&after["total_executions"], &after["unfinished_executions"]), (&json!(300), &json!(0)));
    assert_eq!(after["failed_executions"], 1);
}

async fn collecting_again_changes_nothing(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Same");
    for minute in 0..260 {
        n8n.state().add(Run::ended(&workflow, "success", at(minute), 10));
    }
    let id = world.client(&admin, "Acme Corp").await;
    world.configure(&admin, id, &n8n.url(), &n8n.key()).await.expect(200);
    let path = format!("/api/v1/metrics/client/{id}");
    let before = world.get(&path, &admin).await;
    world.collect(id).await;
    let after = world.get(&path, &admin).await;
    assert_eq!(before.expect(200), after.expect(200));
    assert_eq!(before.header("etag"), after.header("etag"));
}

async fn another_tenants_records_do_not_exist(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let (one, two) = (world.client(&admin, "One").await, world.client(&admin, "Two").await);
    let user = world.client_user(&admin, "user@one.com", one).await;
    for path in ["/api/v1/clients/", "/api/v1/metrics/client/"] {
        world.get(&format!("{path}{one}"), &user).await.expect(200);
        for id in [two.to_string(), "999".to_owned(), "one".to_owned(), "-1".to_owned()] {
            let answer = world.get(&format!("{path}{id}"), &user).await;
            assert_eq!(answer.expect(404)["status"], 404, "{path}{id}");
        }
    }
    world.get(&format!("/api/v1/metrics/client/{two}/workflows"), &user).await.expect(404);
    for path in ["/api/v1/clients/", "/api/v1/users/", "/api/v1/auth/invitations", "/api/v1/metrics/all"] {
        world.get(path, &user).await.expect(403);
        let anonymous = world.request(Method::GET, path, None, None).await;
        assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"));
        anonymous.expect(401);
    }
    world.get("/api/v1/metrics/my-metrics", &admin).await.expect(403);
}

async fn a_deleted_client_is_gone_at_once(backend: Backend) {
    let world = World::new(backend.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    let id = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "user@acme.com", id).await;
    world.get("/api/v1/metrics/my-metrics", &user).await.expect(200);
    let path = format!("/api/v1/clients/{id}");
    assert_eq!(world.request(Method::DELETE, &path, Some(&admin), None).await.status, 204);
    world.get("/api/v1/metrics/my-metrics", &user).await.expect(401);
    world.get(&path, &admin).await.expect(404);
    let next = world.client(&admin, "Next").await;
    assert!(next > id, "ids are never used again");
}

/// A minute of the morning before the world's now.
fn at(minute: u32) -> Timestamp {
    let morning = Timestamp::parse("2026-03-10T01:00:00.000Z").unwrap();
    morning.plus(Duration::from_secs(60 * u64::from(minute)))
}

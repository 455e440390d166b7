//! The fake as the real client of flowmastery-core sees it, and the refusals that the client never provokes.

use std::time::Duration;

use flowmastery_core::{
    clock::Timestamp,
    id::ExecutionId,
    model::{client::Instance, execution::Status, freshness::ConnectionStatus, outbound::OutboundPolicy},
    n8n::{ExecutionQuery, HttpN8n, HttpN8nConfig, N8nApi},
};

use crate::{Dialect, FakeN8n, Fault, Run};

mod in_process;
mod lists;
mod lives;

const NOON: Timestamp = Timestamp::from_millis(1_795_389_722_212);

fn client() -> HttpN8n {
    HttpN8n::new(HttpN8nConfig::new(OutboundPolicy::development())).unwrap()
}

fn instance(server: &FakeN8n) -> Instance {
    server.instance()
}

/// Ids of every page of a list, by pages.
async fn listed(server: &FakeN8n, status: Option<Status>) -> Vec<Vec<i64>> {
    let (client, instance) = (client(), instance(server));
    let mut query = ExecutionQuery { status, ..ExecutionQuery::default() };
    let mut pages = Vec::new();
    loop {
        let page = client.executions(&instance, &query).await.unwrap();
        pages.push(page.items.iter().map(|execution| execution.id.0).collect());
        query.cursor = page.next;
        if query.cursor.is_none() {
            return pages;
        }
    }
}

/// Status and body of a plain request.
async fn asked(server: &FakeN8n, path: &str, key: &str) -> (u16, String) {
    let url = server.url().replace(crate::answer::API, path);
    let response = reqwest_client().get(url).header("X-N8N-API-KEY", key).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[expect(clippy::disallowed_methods, reason = "requests that our own client never sends")]
fn reqwest_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn executions_come_newest_first_in_pages_of_250() {
    for dialect in [Dialect::V1, Dialect::V2] {
        let server = FakeN8n::start_as(dialect).await;
        let workflow = server.state().add_workflow("A");
        for _ in 0..500 {
            server.state().add(Run::ended(&workflow, "success", NOON, 16));
        }
        let pages = listed(&server, None).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [250, 250]);
        assert_eq!(pages.concat(), (1..=500).rev().collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn running_ones_are_listed_apart_and_waiting_ones_by_n8n_2_only() {
    for (dialect, plain, waiting) in
        [(Dialect::V1, vec![4, 1], vec![]), (Dialect::V2, vec![4, 3, 1], vec![3])]
    {
        let server = FakeN8n::start_as(dialect).await;
        let workflow = server.state().add_workflow("A");
        let later = Timestamp::from_millis(NOON.as_millis() + 3_600_000);
        server.state().add(Run::ended(&workflow, "success", NOON, 16));
        server.state().add(Run::running(&workflow, NOON));
        server.state().add(Run::waiting(&workflow, NOON, later));
        server.state().add(Run::queued(&workflow));
        assert_eq!(listed(&server, None).await.concat(), plain);
        assert_eq!(listed(&server, Some(Status::Running)).await.concat(), [2]);
        assert_eq!(listed(&server, Some(Status::Waiting)).await.concat(), waiting);
        let found = client().execution(&instance(&server), ExecutionId(3)).await.unwrap().unwrap();
        assert_eq!(found.execution.status, Status::Waiting);
        server.state().end(2, "success", later);
        assert!(listed(&server, None).await.concat().contains(&2));
    }
}

#[tokio::test]
async fn after_a_restart_what_ran_is_crashed_and_what_waits_is_listed() {
    let server = FakeN8n::start_as(Dialect::V1).await;
    let workflow = server.state().add_workflow("A");
    server.state().add(Run::running(&workflow, NOON));
    server.state().add(Run::waiting(&workflow, NOON, NOON));
    server.state().restart();
    assert_eq!(listed(&server, None).await.concat(), [2, 1]);
    assert_eq!(listed(&server, Some(Status::Error)).await.concat(), [1]);
}

#[tokio::test]
async fn deleted_and_skipped_executions_are_not_found() {
    let server = FakeN8n::start().await;
    let workflow = server.state().add_workflow("A");
    let first = server.state().add(Run::ended(&workflow, "error", NOON, 16));
    server.state().skip_ids(3);
    let second = server.state().add(Run::ended(&workflow, "success", NOON, 16).with_mode("manual"));
    server.state().delete(first);
    assert_eq!(listed(&server, None).await.concat(), [second]);
    assert_eq!(second, 5);
    for id in [first, 3] {
        assert_eq!(client().execution(&instance(&server), ExecutionId(id)).await.unwrap(), None);
    }
    server.state().delete_workflow(&workflow);
    assert!(listed(&server, None).await.concat().is_empty());
}

#[tokio::test]
async fn workflows_are_listed_with_their_state() {
    let server = FakeN8n::start().await;
    let ids: Vec<String> = (0..3).map(|number| server.state().add_workflow(&format!("W{number}"))).collect();
    server.state().set_active(&ids[1], false);
    server.state().archive_workflow(&ids[2]);
    server.state().rename_workflow(&ids[0], "First");
    let mut page = client().workflows(&instance(&server), None).await.unwrap();
    assert!(page.items.is_sorted_by_key(|row| row.id.as_str().to_owned()), "by id, which is random");
    page.items.sort_by_key(|row| row.archived);
    page.items.sort_by_key(|row| !row.active);
    let seen: Vec<_> =
        page.items.iter().map(|row| (row.id.as_str(), row.name.as_str(), row.active, row.archived)).collect();
    let expected = [
        (ids[0].as_str(), "First", true, false),
        (&ids[1], "W1", false, false),
        (&ids[2], "W2", false, true),
    ];
    assert_eq!(seen, expected);
    let (status, body) = asked(&server, "/api/v1/workflows?limit=2", &server.key()).await;
    assert_eq!(status, 200);
    // {"limit":2,"offset":2}
    assert!(body.contains("\"nextCursor\":\"eyJsaW1pdCI6Miwib2Zmc2V0IjoyfQ==\""), "{body}");
}

#[tokio::test]
async fn the_dialects_refuse_different_things() {
    let key = crate::n8n::KEY;
    let cases = [
        ("/api/v1/executions?limit=251", key, 400, 200),
        ("/api/v1/executions?limit=x", key, 400, 400),
        ("/api/v1/executions?limit=-1", key, 200, 400),
        ("/api/v1/executions?lastId=5", key, 400, 200),
        ("/api/v1/executions?cursor=", key, 400, 200),
        ("/api/v1/executions?cursor=aGVsbG8%3D", key, 400, 400),
        ("/api/v1/executions?status=crashed", key, 400, 200),
        ("/api/v1/executions/abc", key, 400, 400),
        ("/api/v1/executions/7", key, 404, 404),
        ("/api/v1/nope", "", 404, 404),
        ("/api/workflows", "", 404, 404),
        ("/api/v1/workflows", "wrong", 401, 401),
        ("/api/v1/workflows", "", 401, 401),
    ];
    for (dialect, of) in [(Dialect::V1, 0), (Dialect::V2, 1)] {
        let server = FakeN8n::start_as(dialect).await;
        for (path, key, first, second) in cases {
            let (status, body) = asked(&server, path, key).await;
            assert_eq!(status, [first, second][of], "{path} {dialect:?} {body}");
        }
    }
}

#[tokio::test]
async fn faults_look_like_what_they_stand_for() {
    let server = FakeN8n::start().await;
    for (fault, status) in [
        (Fault::Unauthorized, ConnectionStatus::AuthFailed),
        (Fault::Forbidden, ConnectionStatus::MissingScope),
        (Fault::Status500, ConnectionStatus::Unreachable),
        (Fault::Html200, ConnectionStatus::NotN8n),
        (Fault::Html404, ConnectionStatus::NotN8n),
        (Fault::Truncated, ConnectionStatus::NotN8n),
        (Fault::Endless, ConnectionStatus::NotN8n),
        (Fault::Closed, ConnectionStatus::Unreachable),
    ] {
        server.state().set_fault(fault);
        let error = client().test(&instance(&server)).await.expect_err("a fault");
        assert_eq!(error.status, status, "{fault:?}");
    }
    server.state().set_fault(Fault::None);
    client().test(&instance(&server)).await.unwrap();
}

#[tokio::test]
async fn a_passing_fault_passes_and_requests_are_logged() {
    let server = FakeN8n::start().await;
    server.state().fail_next(Fault::Html404, 1);
    assert!(client().test(&instance(&server)).await.is_err());
    server.state().clear_requests();
    client().test(&instance(&server)).await.unwrap();
    let expected = ["/api/v1/workflows?limit=1&excludePinnedData=true", "/api/v1/executions?limit=1"];
    assert_eq!(server.state().requests(), expected);
}

#[tokio::test]
async fn requests_that_overlap_are_counted() {
    let server = FakeN8n::start().await;
    server.state().set_fault(Fault::Slow(Duration::from_millis(50)));
    let instance = instance(&server);
    let client = client();
    let (one, two) = tokio::join!(client.test(&instance), client.test(&instance));
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(server.state().max_in_flight(), 2);
    server.state().clear_requests();
    client.test(&instance).await.unwrap();
    client.test(&instance).await.unwrap();
    assert_eq!(server.state().max_in_flight(), 1);
}

#[tokio::test]
async fn a_reset_starts_over_at_one() {
    let server = FakeN8n::start().await;
    let workflow = server.state().add_workflow("A");
    server.state().skip_ids(100);
    server.state().add(Run::ended(&workflow, "success", NOON, 1));
    server.state().reset();
    assert!(listed(&server, None).await.concat().is_empty());
    assert_eq!(server.state().add(Run::queued("w")), 1);
}

//! Coming from the Python FlowMastery: everything once, faults named, a kill at any moment, and then the first collection.

mod clients;
mod collected;
mod faults;
pub(crate) mod python;
mod target;

use std::time::Duration;

use flowmastery_core::{clock::Timestamp, model::import::ImportKind, service::import::ImportRequest};
use flowmastery_tests::{backend::Backend, both_backends, kill::Killed, world::ADMIN};
use http::Method;
use serde_json::{Value, json};

use self::{
    python::{BCRYPT, BCRYPT_OF_ESCAPED, BCRYPT_OF_SHORT, BCRYPT_OF_TYPED, Python, SEALED, TYPED, uuid},
    target::{Target, applied, assert_said, counts},
};

both_backends! {
    everything_is_taken_over_and_a_second_import_changes_nothing,
    a_schema_with_enums_is_read_like_one_with_texts,
    passwords_of_both_forms_sign_in_and_are_hashed_anew,
    a_rehearsal_says_what_an_import_does_and_writes_nothing,
    what_people_changed_since_stays,
    an_import_that_was_killed_anywhere_is_completed_by_the_next,
}

/// When its executions ran.
pub(super) fn at(minute: u64) -> Timestamp {
    Timestamp::parse("2026-03-09T08:00:00.123Z").unwrap().plus(Duration::from_secs(60 * minute))
}

const SOON: &str = "2026-03-11T00:00:00Z";
const FOUND: [(ImportKind, u64); 6] = [
    (ImportKind::User, 3),
    (ImportKind::Client, 2),
    (ImportKind::Key, 2),
    (ImportKind::Workflow, 3),
    (ImportKind::Invitation, 1),
    (ImportKind::Execution, 5),
];

/// A Python FlowMastery without a fault.
async fn flawless(has_enums: bool) -> Python {
    let python = Python::new(has_enums).await;
    python.client(10, "Acme & Sons", Some(("https://n8n.acme.com/api/v1/", SEALED[0]))).await;
    python.client(20, "Beta", Some(("https://n8n.beta.com", SEALED[1]))).await;
    python.user(1, "Boss@agency.com", ("admin", 0), BCRYPT).await;
    python.user(2, "anna@acme.com", ("client", 10), BCRYPT_OF_ESCAPED).await;
    python.user(3, "bert@beta.com", ("client", 20), BCRYPT_OF_TYPED).await;
    python.run(&format!("UPDATE users SET is_active = FALSE WHERE id = '{}'", uuid(3))).await;
    python
        .run(&format!(
            "UPDATE users SET created_by_admin_id = '{}', last_login = '2026-03-01' WHERE id = '{}'",
            uuid(1),
            uuid(2)
        ))
        .await;
    python.invitation(30, "carl@acme.com", ("client", 10), ("pending", SOON)).await;
    python.invitation(31, "anna@acme.com", ("client", 10), ("accepted", SOON)).await;
    python.workflow(40, 10, "wfA", 5).await;
    python.workflow(41, 10, "wfB", 30).await;
    python.workflow(42, 20, "wfC", 0).await;
    for (number, status) in [("9", "success"), ("10", "error"), ("11", "crashed"), ("100", "canceled")] {
        python.execution(number, (10, 40), status, (at(0), 2000)).await;
    }
    python.execution("200", (20, 42), "success", (at(1), 500)).await;
    python
}

async fn numbers(target: &Target, client: i64) -> Value {
    let admin = target.world.sign_in(ADMIN).await;
    target
        .world
        .get(&format!("/api/v1/metrics/client/{client}?period=7d&include=all"), &admin)
        .await
        .expect(200)
}

async fn everything_is_taken_over_and_a_second_import_changes_nothing(backend: Backend) {
    let (target, python) = (Target::new(backend).await, flawless(false).await);
    let report = target.import(&python).await;
    for (kind, found) in FOUND {
        assert_eq!(counts(&report, kind), [found, found, 0, 0], "{kind:?}: {:?}", report.remarks);
    }
    assert!(report.is_complete(), "{:?}", report.remarks);
    assert_said(&report, false, &uuid(30), "invite again");
    check(&target).await;
    let before = target.rows().await;
    let report = target.import(&python).await;
    for (kind, found) in FOUND {
        assert_eq!(counts(&report, kind), [found, 0, found, 0], "{kind:?}: {:?}", report.remarks);
    }
    assert!(report.is_complete());
    assert_eq!(target.rows().await, before);
    assert_eq!(target.imports_noted().await, 2);
}

/// Checks what [`flawless`] has become.
async fn check(target: &Target) {
    let world = &target.world;
    let admin = world.sign_in(ADMIN).await;
    let clients = world.get("/api/v1/clients/", &admin).await.expect(200);
    let shown: Vec<_> = clients
        .as_array()
        .unwrap()
        .iter()
        .map(|client| (&client["name"], &client["n8n_api_url"], &client["created_at"]))
        .collect();
    let (acme, beta) = (json!("https://n8n.acme.com"), json!("https://n8n.beta.com"));
    let made = json!("2025-01-01T00:00:00.000Z");
    assert_eq!(shown, [(&json!("Acme & Sons"), &acme, &made), (&json!("Beta"), &beta, &made)]);
    let (acme, beta) = (clients[0]["id"].as_i64().unwrap(), clients[1]["id"].as_i64().unwrap());
    let users = world.get("/api/v1/users/", &admin).await.expect(200);
    let user =
        |email: &str| users.as_array().unwrap().iter().find(|user| user["email"] == email).unwrap().clone();
    assert_eq!(
        (&user("boss@agency.com")["role"], &user("boss@agency.com")["client_id"]),
        (&json!("admin"), &Value::Null)
    );
    assert_eq!(
        (&user("anna@acme.com")["client_id"], &user("anna@acme.com")["last_login"]),
        (&json!(acme), &json!("2026-03-01T00:00:00.000Z"))
    );
    assert_eq!(user("bert@beta.com")["is_active"], false);
    let invitations = world.get("/api/v1/auth/invitations", &admin).await.expect(200);
    let [invitation] = invitations.as_array().unwrap().as_slice() else { panic!("{invitations}") };
    assert_eq!(
        (&invitation["email"], &invitation["status"], &invitation["email_status"]),
        (&json!("carl@acme.com"), &json!("pending"), &json!("failed"))
    );
    assert_eq!(invitation["expiry_date"], "2026-03-11T00:00:00.000Z");
    let summary = numbers(target, acme).await;
    assert_eq!(summary["freshness"]["status"], "unreachable", "{summary}");
    let counted = ["total", "successful", "failed", "canceled"]
        .map(|kind| summary[format!("{kind}_executions")].clone());
    assert_eq!(counted, [json!(4), json!(1), json!(2), json!(1)]);
    assert_eq!(
        (&summary["avg_execution_time"], &summary["time_saved_hours"], &summary["total_workflows"]),
        (&json!(2.0), &json!(0.08), &json!(2))
    );
    assert_eq!(numbers(target, beta).await["total_executions"], 1);
}

async fn a_schema_with_enums_is_read_like_one_with_texts(backend: Backend) {
    let (target, python) = (Target::new(backend).await, flawless(true).await);
    let report = target.import(&python).await;
    for (kind, found) in FOUND {
        assert_eq!(counts(&report, kind), [found, found, 0, 0], "{kind:?}: {:?}", report.remarks);
    }
    check(&target).await;
}

async fn passwords_of_both_forms_sign_in_and_are_hashed_anew(backend: Backend) {
    let (target, python) = (Target::new(backend).await, flawless(false).await);
    python.run("UPDATE users SET is_active = TRUE").await;
    python.user(4, "dora@beta.com", ("client", 20), BCRYPT_OF_SHORT).await;
    target.import(&python).await;
    let world = &target.world;
    let sign_in = async |email: &str, password: &str| {
        let body = json!({ "email": email, "password": password });
        world.request(Method::POST, "/api/v1/auth/login", None, Some(body)).await.status.as_u16()
    };
    let hashes = async || {
        let users = target.rows().await.remove("users").unwrap();
        users.iter().filter(|row| row.contains("$2b$")).count()
    };
    assert_eq!(hashes().await, 4);
    for (email, password) in [
        ("anna@acme.com", TYPED),
        ("bert@beta.com", TYPED),
        ("boss@agency.com", "securepassword"),
        ("dora@beta.com", "U*U"),
    ] {
        assert_eq!(sign_in(email, "another password").await, 401, "{email}");
        assert_eq!(sign_in(email, password).await, 200, "{email}");
        assert_eq!(sign_in(email, password).await, 200, "{email}, after it was hashed anew");
    }
    assert_eq!(hashes().await, 0);
}

async fn a_rehearsal_says_what_an_import_does_and_writes_nothing(backend: Backend) {
    let (target, python) = (Target::new(backend).await, flawless(false).await);
    let before = target.rows().await;
    let rehearsed = target.run(&python, ImportRequest { apply: false, ..applied() }).await;
    assert_eq!((target.rows().await, target.imports_noted().await), (before, 0));
    let done = target.import(&python).await;
    assert_eq!((&rehearsed.counts, &rehearsed.remarks), (&done.counts, &done.remarks));
    let before = target.rows().await;
    let rehearsed = target.run(&python, ImportRequest { apply: false, ..applied() }).await;
    assert_eq!(target.rows().await, before);
    assert_eq!(rehearsed.counts, target.import(&python).await.counts);
}

async fn what_people_changed_since_stays(backend: Backend) {
    let (target, python) = (Target::new(backend).await, flawless(false).await);
    target.import(&python).await;
    let world = &target.world;
    let admin = world.sign_in(ADMIN).await;
    let (acme, beta) = (1, 2);
    let send = async |method, path: String, body: Value| {
        let answer =
            world.request(method, &path, Some(&admin), Some(body).filter(|body| !body.is_null())).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
    };
    send(Method::PUT, format!("/api/v1/clients/{acme}"), json!({ "name": "Renamed" })).await;
    let saves = json!({ "time_saved_per_execution_minutes": 77 });
    send(Method::PATCH, format!("/api/v1/metrics/client/{acme}/workflows/wfA"), saves).await;
    send(Method::DELETE, format!("/api/v1/clients/{acme}/n8n-config"), Value::Null).await;
    send(Method::DELETE, format!("/api/v1/clients/{beta}"), Value::Null).await;
    let users = world.get("/api/v1/users/", &admin).await.expect(200);
    let boss = users.as_array().unwrap().iter().find(|user| user["email"] == "boss@agency.com").unwrap();
    send(Method::PATCH, format!("/api/v1/users/{}", boss["id"]), json!({ "is_active": false })).await;
    let before = target.rows().await;
    let report = target.import(&python).await;
    assert_eq!(target.rows().await, before);
    assert_said(&report, false, &uuid(20), "deleted here since");
    // Nor does one who comes later get into a client that is gone.
    python.user(4, "dora@beta.com", ("client", 20), BCRYPT).await;
    let report = target.import(&python).await;
    assert_said(&report, false, &uuid(4), "deleted here since");
    assert_eq!(target.rows().await, before);
}

async fn an_import_that_was_killed_anywhere_is_completed_by_the_next(backend: Backend) {
    let python = flawless(false).await;
    let whole = Target::new(backend).await;
    whole.import(&python).await;
    let request = || ImportRequest { batch_rows: 2, ..applied() };
    let target = Target::new(backend).await;
    let mut polls = 1;
    let report = loop {
        let source = python.source().await;
        let imports = target.world.app.imports();
        if let (_, Some(ended)) = Killed::after(polls, imports.from_python(&source, request())).await {
            break ended.unwrap();
        }
        polls += 1;
    };
    assert!(polls > 20, "it was killed in many places: {polls}");
    assert!(report.is_complete(), "{:?}", report.remarks);
    assert_eq!(essence(&target).await, essence(&whole).await);
    let before = target.rows().await;
    target.import(&python).await;
    assert_eq!(target.rows().await, before);
}

/// What two imports of the same have in common, whatever ids they gave.
async fn essence(target: &Target) -> Value {
    let world = &target.world;
    // How many changes the feed has depends on how many transactions made them.
    let rows = target.rows().await.into_iter().filter(|(table, _)| table != "changes");
    let rows: Vec<_> = rows.map(|(table, rows)| (table, rows.len())).collect();
    let mut clients = Vec::new();
    for client in ["Acme & Sons", "Beta"] {
        let admin = world.sign_in(ADMIN).await;
        let listed = world.get("/api/v1/clients/", &admin).await.expect(200);
        let here = listed.as_array().unwrap().iter().find(|here| here["name"] == client).unwrap();
        let mut metrics = numbers(target, here["id"].as_i64().unwrap()).await;
        for changing in ["client_id", "freshness", "last_updated"] {
            metrics[changing] = Value::Null;
        }
        clients.push(metrics);
    }
    json!([rows, clients])
}

//! What is wrong there is named, and takes nothing else with it.

use flowmastery_core::{
    access::scope::TenantScope,
    id::ClientId,
    model::import::{ImportKind, ImportReport},
    service::import::ImportRequest,
    store::{ImportSource, sql::PythonSource},
};
use flowmastery_tests::{backend::Backend, both_backends, postgres::Database, world::ADMIN};
use serde_json::json;

use super::{
    at,
    python::{BCRYPT, Python, SEALED, uuid},
    target::{Target, applied, assert_said, counts},
};

both_backends! {
    users_that_cannot_be_taken_over_are_named,
    invitations_that_cannot_be_taken_over_are_named,
    addresses_that_are_in_use_here_are_left_alone,
    keys_that_cannot_be_taken_over_are_named,
    keys_that_had_no_secret_key_are_taken_over_later,
    executions_that_cannot_be_counted_are_named,
    numbers_that_other_clients_took_are_said,
    what_the_flag_counts_otherwise_is_said,
    an_address_is_free_where_its_first_user_was_left_out,
    odd_names_and_minutes_are_replaced_and_said,
}

#[track_caller]
pub(super) fn assert_faults(report: &ImportReport, faults: &[(u32, &str)]) {
    for (id, part) in faults {
        assert_said(report, true, &uuid(*id), part);
    }
    let found = report.remarks.iter().filter(|remark| remark.is_fault).count();
    assert_eq!(found, faults.len(), "{:#?}", report.remarks);
    assert!(!report.is_complete());
}

async fn users_that_cannot_be_taken_over_are_named(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    python.user(1, "anna@acme.com", ("client", 10), BCRYPT).await;
    python.user(2, "Anna@Acme.com", ("client", 10), BCRYPT).await;
    python.user(3, "no address", ("admin", 0), BCRYPT).await;
    python.user(4, "bert@acme.com", ("client", 0), BCRYPT).await;
    python.user(5, "carl@acme.com", ("owner", 10), BCRYPT).await;
    python.user(6, "dora@acme.com", ("client", 10), "plain text").await;
    python.user(7, "emil@agency.com", ("admin", 10), BCRYPT).await;
    let faults = [
        (2, "but for the case"),
        (3, "not an e-mail address"),
        (4, "names none"),
        (5, "role is admin or client"),
        (6, "not kept as bcrypt"),
    ];
    let rehearsed = target.run(&python, ImportRequest { apply: false, ..applied() }).await;
    let report = target.import(&python).await;
    assert_eq!(rehearsed.remarks, report.remarks);
    assert_faults(&report, &faults);
    assert_said(&report, false, &uuid(7), "admins belong to none");
    assert_eq!(counts(&report, ImportKind::User), [7, 2, 0, 5]);
    assert!(!format!("{report:?}").contains("plain text"));
    let before = target.rows().await;
    let report = target.import(&python).await;
    assert_faults(&report, &faults);
    assert_eq!(counts(&report, ImportKind::User), [7, 0, 2, 5]);
    assert_eq!(target.rows().await, before);
}

async fn invitations_that_cannot_be_taken_over_are_named(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    let (role, soon) = (("client", 10), ("pending", "2026-03-30"));
    python.invitation(1, "anna@acme.com", role, soon).await;
    python.invitation(2, "anna@acme.com", role, soon).await;
    python.invitation(3, "nobody", role, soon).await;
    python.invitation(4, "bert@acme.com", ("client", 0), soon).await;
    python.invitation(5, "carl@acme.com", ("client", 99), soon).await;
    python.invitation(6, "dora@acme.com", role, ("pending", "2026-03-01")).await;
    let rehearsed = target.run(&python, ImportRequest { apply: false, ..applied() }).await;
    let report = target.import(&python).await;
    assert_eq!((rehearsed.remarks, rehearsed.counts), (report.remarks.clone(), report.counts.clone()));
    assert_faults(&report, &[(3, "not an e-mail address"), (4, "names none"), (5, "client is not there")]);
    assert_said(&report, false, &uuid(2), "pending invitation here");
    assert_said(&report, false, &uuid(6), "has expired");
    assert_eq!(counts(&report, ImportKind::Invitation), [6, 1, 0, 5]);
    let admin = target.world.sign_in(ADMIN).await;
    let invitations = target.world.get("/api/v1/auth/invitations", &admin).await.expect(200);
    assert_eq!(invitations[0]["expiry_date"], "2026-03-12T12:07:00.000Z", "48 hours at most");
}

async fn addresses_that_are_in_use_here_are_left_alone(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    let admin = target.world.sign_in(ADMIN).await;
    let client = target.world.client(&admin, "Ours").await;
    target.world.client_user(&admin, "anna@acme.com", client).await;
    let body = json!({ "email": "bert@acme.com", "role": "client", "client_id": client });
    target.world.post("/api/v1/auth/invitations", &admin, body).await.expect(201);
    python.client(10, "Acme", None).await;
    python.user(1, "ANNA@acme.com", ("client", 10), BCRYPT).await;
    python.user(2, ADMIN, ("admin", 0), BCRYPT).await;
    python.invitation(3, "bert@acme.com", ("client", 10), ("pending", "2026-03-30")).await;
    python.invitation(4, "anna@acme.com", ("client", 10), ("pending", "2026-03-30")).await;
    let before = target.rows().await;
    let report = target.import(&python).await;
    assert!(report.is_complete(), "{:?}", report.remarks);
    for (id, part) in
        [(1, "left as it is"), (2, "left as it is"), (3, "pending invitation here"), (4, "has an account")]
    {
        assert_said(&report, false, &uuid(id), part);
    }
    let after = target.rows().await;
    for table in ["users", "invitations"] {
        assert_eq!(after[table], before[table]);
    }
}

async fn keys_that_cannot_be_taken_over_are_named(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    let url = "https://n8n.acme.com";
    python.client(1, "Sealed elsewhere", Some((url, SEALED[2]))).await;
    python.client(2, "Cut off", Some((url, SEALED[0].get(..90).unwrap()))).await;
    python.client(3, "No address", Some(("n8n.acme.com", SEALED[0]))).await;
    python.client(4, "Forbidden address", Some(("http://169.254.169.254", SEALED[0]))).await;
    python.client(5, "Without key", Some((url, ""))).await;
    python.client(6, "Without address", Some(("", SEALED[0]))).await;
    python.client(7, "Without n8n", None).await;
    let report = target.import(&python).await;
    assert_faults(
        &report,
        &[
            (1, "does not open it"),
            (2, "does not open it"),
            (3, "http:// or https://"),
            (4, "n8n_api_url"),
            (5, "address without a key"),
            (6, "key without an address"),
        ],
    );
    assert_eq!(counts(&report, ImportKind::Key), [6, 0, 0, 6]);
    assert_eq!(counts(&report, ImportKind::Client), [7, 7, 0, 0]);
    assert!(SEALED.iter().all(|sealed| !format!("{report:?}").contains(sealed)));
}

async fn keys_that_had_no_secret_key_are_taken_over_later(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", Some(("https://n8n.acme.com", SEALED[0]))).await;
    let without = ImportRequest { secret_key: None, ..applied() };
    assert_faults(&target.run(&python, without).await, &[(10, "no SECRET_KEY")]);
    let report = target.import(&python).await;
    assert_eq!(counts(&report, ImportKind::Key), [1, 1, 0, 0]);
    let instance = target.world.store.find_instance(TenantScope::client(ClientId(1)), ClientId(1)).await;
    assert_eq!(instance.unwrap().unwrap().url.as_str(), "https://n8n.acme.com");
}

async fn executions_that_cannot_be_counted_are_named(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    python.client(20, "Beta", None).await;
    python.workflow(40, 10, "wfA", 30).await;
    python.workflow(41, 20, "wfB", 30).await;
    for (number, workflow, status) in [
        ("1", 40, "success"),
        ("x7", 40, "success"),
        ("2", 0, "success"),
        ("3", 99, "success"),
        ("4", 41, "success"),
        ("5", 40, "exploded"),
        ("6", 40, "error"),
        ("7", 40, "canceled"),
        ("8", 40, "canceled"),
    ] {
        python.execution(number, (10, workflow), status, (at(0), 1000)).await;
    }
    python.run("UPDATE workflow_executions SET stopped_at = started_at - INTERVAL '1 hour' WHERE n8n_execution_id = '6'").await;
    python.run("UPDATE workflow_executions SET started_at = NULL WHERE n8n_execution_id = '7'").await;
    python.run("UPDATE workflow_executions SET started_at = NULL, stopped_at = NULL, finished_at = NULL WHERE n8n_execution_id = '8'").await;
    for more in 100..120 {
        python.execution(&format!("no number {more}"), (20, 41), "success", (at(0), 1000)).await;
    }
    let report = target.import(&python).await;
    let said = |part: &str| report.remarks.iter().filter(|remark| remark.text.contains(part)).count();
    for (part, times) in [
        ("workflow is not there", 2),
        ("another client's", 1),
        ("none of n8n's", 1),
        ("ends before it starts", 1),
        ("neither its start nor its end", 1),
        ("is no whole number", 12),
        ("10 more of its executions: its n8n_execution_id is no whole number", 1),
    ] {
        assert_eq!(said(part), times, "{part}: {:#?}", report.remarks);
    }
    assert_eq!(counts(&report, ImportKind::Execution), [29, 4, 0, 25]);
    let admin = target.world.sign_in(ADMIN).await;
    let metrics = target.world.get("/api/v1/metrics/client/1?period=7d", &admin).await.expect(200);
    let counted = ["total", "successful", "failed", "canceled", "unfinished"];
    let counted = counted.map(|kind| metrics[format!("{kind}_executions")].as_i64().unwrap());
    assert_eq!(counted, [4, 1, 1, 1, 1]);
    assert_eq!(metrics["avg_execution_time"], 1.0, "one that ends before it starts has no duration");
    let message = metrics["freshness"]["message"].as_str().unwrap();
    assert!(message.contains("were imported at 2026-03-10T12:07"), "{message}");
    let nothing = target.world.get("/api/v1/metrics/client/2?period=7d", &admin).await.expect(200);
    assert!(nothing["total_executions"].is_null(), "nothing is known of it");
}

async fn numbers_that_other_clients_took_are_said(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    for client in [10, 20] {
        python.client(client, "Any", None).await;
        python.workflow(client + 30, client, "wf", 30).await;
    }
    for number in 1..=10 {
        let client = if number % 3 == 0 { 20 } else { 10 };
        python.execution(&number.to_string(), (client, client + 30), "success", (at(number), 10)).await;
    }
    let report = target.import(&python).await;
    assert!(report.is_complete());
    assert_said(&report, false, &uuid(10), "3 of n8n's numbers");
    assert_said(&report, false, &uuid(20), "4 of n8n's numbers");
}

async fn what_the_flag_counts_otherwise_is_said(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    python.workflow(40, 10, "wfA", 30).await;
    for number in ["1", "2", "3"] {
        python.execution(number, (10, 40), "success", (at(0), 1000)).await;
    }
    python.run("UPDATE workflow_executions SET mode = 'manual' WHERE n8n_execution_id = '1'").await;
    python
        .run("UPDATE workflow_executions SET mode = NULL, is_production = FALSE WHERE n8n_execution_id = '2'")
        .await;
    let report = target.import(&python).await;
    assert_said(&report, false, &uuid(10), "1 of its executions are production there and not here");
    let admin = target.world.sign_in(ADMIN).await;
    let metrics = target.world.get("/api/v1/metrics/client/1?period=7d", &admin).await.expect(200);
    assert_eq!(metrics["total_executions"], 1);
}

async fn an_address_is_free_where_its_first_user_was_left_out(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, "Acme", None).await;
    python.user(1, "Anna@acme.com", ("client", 0), BCRYPT).await;
    python.user(2, "anna@acme.com", ("client", 10), BCRYPT).await;
    python.user(3, "bert@acme.com", ("client", 10), "plain text").await;
    python.invitation(4, "bert@acme.com", ("client", 10), ("pending", "2026-03-30")).await;
    let faults = [(1, "names none"), (3, "not kept as bcrypt")];
    let report = target.import(&python).await;
    assert_faults(&report, &faults);
    assert_eq!(counts(&report, ImportKind::User), [3, 1, 0, 2]);
    assert_eq!(counts(&report, ImportKind::Invitation), [1, 1, 0, 0]);
    assert_faults(&target.import(&python).await, &faults);
}

async fn odd_names_and_minutes_are_replaced_and_said(backend: Backend) {
    let (target, python) = (Target::new(backend).await, Python::new(false).await);
    python.client(10, " ", None).await;
    python.workflow(40, 10, "wfA", -5).await;
    python.workflow(41, 10, "", 30).await;
    let report = target.import(&python).await;
    assert_faults(
        &report,
        &[(10, "1 to 255 characters"), (40, "saves -5 minutes"), (41, "no n8n_workflow_id")],
    );
    assert_eq!(counts(&report, ImportKind::Workflow), [2, 1, 0, 1]);
    let admin = target.world.sign_in(ADMIN).await;
    let client = target.world.get("/api/v1/clients/1", &admin).await.expect(200);
    assert_eq!(client["name"], format!("Client {}", uuid(10)));
}

#[tokio::test]
async fn a_database_that_is_none_of_python_is_refused_without_its_url() {
    let database = Database::empty().await;
    let refused = PythonSource::connect(&database.url().into()).await.unwrap_err();
    assert!(refused.to_string().contains("not the database of a Python FlowMastery"), "{refused}");
    database.remove().await;
    for url in
        ["mysql://root:hunter2@localhost/db", "hunter2", "postgres://user:hunter2@localhost:notaport/x"]
    {
        let refused = PythonSource::connect(&url.into()).await.unwrap_err();
        assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
    }
}

#[tokio::test]
async fn the_source_cannot_be_written_and_does_not_change_while_it_is_read() {
    let python = Python::new(false).await;
    python.client(10, "Acme", None).await;
    let url = python.url().replacen("postgres:", "postgresql+asyncpg:", 1);
    let source = PythonSource::connect(&url.into()).await.unwrap();
    python.client(20, "Beta", None).await;
    assert_eq!(source.clients().await.unwrap().len(), 1);
    assert_eq!(python.source().await.clients().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_role_whose_name_is_that_of_a_schema_reads_the_tables_in_public() {
    let python = Python::new(false).await;
    python.client(10, "Acme", None).await;
    // Which is where the role looks first.
    python.run("CREATE SCHEMA AUTHORIZATION CURRENT_USER; CREATE TABLE clients (id BIGINT)").await;
    assert_eq!(python.source().await.clients().await.unwrap().len(), 1);
    let mut elsewhere = url::Url::parse(&python.url()).unwrap();
    elsewhere.query_pairs_mut().append_pair("options[search_path]", "pg_catalog");
    let refused = PythonSource::connect(&String::from(elsewhere).into()).await.unwrap_err();
    assert!(refused.to_string().contains("a table is missing"), "{refused}");
}

//! What `docs/OPERATIONS.md` promises of back-ups, restores, upgrades and rollbacks, tried with its commands.

use std::{fs, process::Command};

use flowmastery_core::clock::{Clock, SystemClock, Timestamp};
use flowmastery_tests::postgres::{Database, tool};
use n8n_simulator::{FakeN8n, Run};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use super::harness::{PASSWORD, Place, SECRET, Server};

/// How many executions the client's n8n has.
const EXECUTIONS: i64 = 3;
/// The last versions with every number and with every account.
const FLOORS: [usize; 2] = [2, 1];
const OPERATIONS: &str = include_str!("../../../docs/OPERATIONS.md");

async fn n8n() -> FakeN8n {
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    let start = Timestamp::from_millis(SystemClock.now().as_millis() - 6 * 3_600_000);
    for _ in 0..EXECUTIONS {
        n8n.state().add(Run::ended(&workflow, "success", start, 20));
    }
    n8n
}

fn sign_in(server: &Server) -> String {
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    let (status, answer) = server.request("POST /api/v1/auth/login", Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

/// An admin, and a client whose n8n was collected from.
fn furnish(place: &Place, settings: &[(&str, &str)], server: &Server, n8n: &FakeN8n) {
    let made = place.run(&["create-admin", "--first", "--email", "admin@agency.com"], settings, PASSWORD);
    assert!(made.status.success(), "{made:?}");
    let again = place.run(&["create-admin", "--first"], settings, "");
    assert!(again.status.success(), "{again:?}");
    let admin = sign_in(server);
    server.request_as(&admin, "POST /api/v1/clients/", Some(&json!({ "name": "Acme Corp" })));
    let config = json!({ "n8n_api_url": n8n.url(), "n8n_api_key": n8n.key() });
    server.request_as(&admin, "POST /api/v1/clients/1/n8n-config", Some(&config));
    is_all_there(server);
}

/// Accounts, the key of the n8n, which only opens under the right secret, and numbers.
#[track_caller]
fn is_all_there(server: &Server) {
    let admin = sign_in(server);
    let tested = server.request_as(&admin, "POST /api/v1/clients/1/test-connection", None);
    assert_eq!(tested["status"], "ok", "{tested}");
    let metrics = server.request_as(&admin, "GET /api/v1/metrics/client/1", None);
    assert_eq!(metrics["total_executions"], json!(EXECUTIONS), "{metrics}");
}

fn stop(mut server: Server) {
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_back_up_of_a_running_sqlite_server_serves_what_it_served() {
    let n8n = n8n().await;
    let (place, restored, copied) = (Place::new(), Place::new(), Place::new());
    let server = place.serve(&[]);
    furnish(&place, &[], &server, &n8n);

    let mut database =
        SqliteConnection::connect(&format!("sqlite://{}", place.path("flowmastery.db").display()))
            .await
            .unwrap();
    let into = format!("VACUUM INTO '{}'", restored.path("flowmastery.db").display());
    sqlx::query(AssertSqlSafe(into)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    fs::copy(place.path("flowmastery.key"), restored.path("flowmastery.key")).unwrap();
    is_all_there(&restored.serve(&[]));

    stop(server);
    assert!(
        !place.path("flowmastery.db-wal").exists(),
        "a server that stopped left everything in the one file"
    );
    for file in ["flowmastery.db", "flowmastery.key"] {
        fs::copy(place.path(file), copied.path(file)).unwrap();
    }
    is_all_there(&copied.serve(&[]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_of_the_schema_restores_into_another_postgres() {
    let n8n = n8n().await;
    let (from, to) = (Database::empty().await, Database::empty().await);
    let place = Place::new();
    let (source, target) = (from.url(), to.url());
    let settings = |url| [("DATABASE_URL", url), ("SECRET_KEY", SECRET), ("OUTBOUND_ALLOW", "127.0.0.0/8")];
    let server = place.serve(&settings(&source));
    furnish(&place, &settings(&source), &server, &n8n);

    let dump = place.path("flowmastery.dump");
    let dump = dump.to_str().unwrap();
    let run = |name: &str, args: &[&str]| {
        let output = Command::new(tool(name)).args(args).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run("pg_dump", &["--format=custom", "--schema=flowmastery", "--file", dump, &source]);
    run("pg_restore", &["--no-owner", "--exit-on-error", "--single-transaction", "--dbname", &target, dump]);
    drop(server);
    is_all_there(&place.serve(&settings(&target)));
    from.remove().await;
    to.remove().await;
}

/// The statement of the page that closes all sessions of a database.
fn closing(table: &str) -> &'static str {
    let update = format!("UPDATE {table} SET closed_at");
    OPERATIONS.lines().map(str::trim).find(|line| line.starts_with(&update)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_all_sessions_signs_everybody_out() {
    let database = Database::empty().await;
    let postgres = database.url();
    for url in ["sqlite://flowmastery.db", &postgres] {
        let settings = [("DATABASE_URL", url), ("SECRET_KEY", SECRET)];
        let place = Place::new();
        let server = place.serve(&settings);
        let made = place.run(&["create-admin", "--email", "admin@agency.com"], &settings, PASSWORD);
        assert!(made.status.success(), "{made:?}");
        let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
        let (_, signed_in) = server.request("POST /api/v1/auth/login", Some(&body));
        stop(server);
        if url == postgres {
            let mut connection = PgConnection::connect(url).await.unwrap();
            connection.execute(closing("flowmastery.sessions")).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let file = place.path("flowmastery.db");
            let mut connection =
                SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
            connection.execute(closing("sessions")).await.unwrap();
            connection.close().await.unwrap();
        }
        let server = place.serve(&settings);
        let refresh = json!({ "refresh_token": signed_in["refresh_token"] });
        let (status, answer) = server.request("POST /api/v1/auth/refresh", Some(&refresh));
        assert_eq!(status, 401, "{answer}");
        sign_in(&server);
    }
    database.remove().await;
}

/// Accounts, clients and keys stay. So do numbers above the second migration; below it they are read again as far as n8n has them.
#[tokio::test(flavor = "multi_thread")]
async fn every_migration_above_the_first_can_be_undone_and_applied_again() {
    let n8n = n8n().await;
    let database = Database::empty().await;
    let url = database.url();
    let in_production = [("SECRET_KEY", SECRET), ("OUTBOUND_ALLOW", "127.0.0.0/8")];
    for database_url in ["sqlite://flowmastery.db", &url] {
        let settings = [&in_production[..], &[("DATABASE_URL", database_url)]].concat();
        let place = Place::new();
        let server = place.serve(&settings);
        furnish(&place, &settings, &server, &n8n);
        stop(server);
        let migrate = |args: &[&str]| {
            let output = place.run(&[&["migrate"], args].concat(), &settings, "");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let all = migrate(&["status"]).lines().count();
        for floor in FLOORS {
            for undone in 1..=all - floor {
                assert_eq!(migrate(&["down"]).matches("not applied").count(), undone);
            }
            migrate(&["up"]);
            let server = place.serve(&settings);
            is_all_there(&server);
            stop(server);
        }
    }
    database.remove().await;
}

/// A database that a newer version migrated is refused, not damaged.
#[tokio::test]
async fn an_older_version_does_not_start_on_the_schema_of_a_newer_one() {
    let place = Place::new();
    stop(place.serve(&[]));
    let url = format!("sqlite://{}", place.path("flowmastery.db").display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let newer = "INSERT INTO _flowmastery_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'x', 1, x'00', 0)";
    sqlx::query(newer).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let refused = super::harness::failed(&place.run(&["serve", "--bind", "127.0.0.1:0"], &[], ""));
    let event: Value = refused.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap();
    assert!(event.to_string().contains("a newer FlowMastery migrated this database"), "{event}");
}

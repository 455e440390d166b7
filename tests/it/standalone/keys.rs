//! A change of keys as `docs/OPERATIONS.md` tells it, over hosts that serve meanwhile.

use flowmastery_core::clock::{Clock, SystemClock, Timestamp};
use flowmastery_tests::postgres::Database;
use n8n_simulator::{FakeN8n, Run};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use super::harness::{PASSWORD, Place, SECRET, Server};

const OTHER_SECRET: &str = "t3Hn8QpW6xZr2LmVc9KdYb4Sf7Gj1UaE";
const K1: &str = "k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE=";
const K2: &str = "k2:MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI=";

/// Two hosts over one database, and what both are set to.
struct Hosts<'s> {
    place: Place,
    url: &'s str,
    n8n: &'s FakeN8n,
    servers: Vec<Server>,
}

type Keys<'k> = &'k [(&'k str, &'k str)];

impl<'s> Hosts<'s> {
    fn settings<'k>(&self, keys: Keys<'k>) -> Vec<(&'k str, &'k str)>
    where
        's: 'k,
    {
        [&[("DATABASE_URL", self.url), ("OUTBOUND_ALLOW", "127.0.0.0/8")], keys].concat()
    }

    /// Two hosts with these keys, an admin, and a client whose key both open.
    fn start(url: &'s str, n8n: &'s FakeN8n, keys: Keys<'_>) -> Self {
        let mut hosts = Self { place: Place::new(), url, n8n, servers: Vec::new() };
        for _ in 0..2 {
            hosts.servers.push(hosts.place.serve(&hosts.settings(keys)));
        }
        let args = ["create-admin", "--email", "admin@agency.com"];
        assert!(hosts.place.run(&args, &hosts.settings(keys), PASSWORD).status.success());
        let admin = sign_in(&hosts.servers[0]);
        hosts.servers[0].request_as(&admin, "POST /api/v1/clients/", Some(&json!({ "name": "Acme Corp" })));
        hosts.configure(0);
        hosts.everything_works();
        hosts
    }

    /// Has a host store the client's key.
    fn configure(&self, number: usize) -> String {
        let config = json!({ "n8n_api_url": self.n8n.url(), "n8n_api_key": self.n8n.key() });
        let admin = sign_in(&self.servers[number]);
        self.servers[number].request_as(&admin, "POST /api/v1/clients/1/n8n-config", Some(&config));
        admin
    }

    /// Restarts one host after the other with other keys; each seals a key anew that the other opens.
    fn step(&mut self, keys: Keys<'_>) {
        for number in 0..2 {
            self.servers[number] = self.place.serve(&self.settings(keys));
            self.everything_works();
        }
    }

    /// Whatever a host stores, every host opens; and whatever one signs, every host accepts.
    fn everything_works(&self) {
        self.every_key_opens();
        for number in 0..2 {
            let admin = self.configure(number);
            self.every_key_opens();
            for server in &self.servers {
                server.request_as(&admin, "GET /api/v1/auth/me", None);
            }
        }
    }

    fn every_key_opens(&self) {
        for server in &self.servers {
            assert_eq!(test_connection(server)["status"], "ok");
        }
    }

    fn rewrap(&self, keys: Keys<'_>) -> (Option<i32>, String) {
        rewrap(&self.place, &self.settings(keys))
    }
}

/// Settings with these keys.
fn with(keys: &str) -> [(&str, &str); 2] {
    [("SECRET_KEY", SECRET), ("ENCRYPTION_KEYS", keys)]
}

fn rewrap(place: &Place, settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = place.run(&["rewrap"], settings, "");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    (output.status.code(), text)
}

fn sign_in(server: &Server) -> String {
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    let (status, answer) = server.request("POST /api/v1/auth/login", Some(&body));
    assert_eq!(status, 200, "{answer}");
    answer["access_token"].as_str().unwrap().to_owned()
}

fn test_connection(server: &Server) -> Value {
    server.request_as(&sign_in(server), "POST /api/v1/clients/1/test-connection", None)
}

/// The numbers that a rewrapping prints of the n8n keys.
fn counts(text: &str) -> Vec<u64> {
    let line = text.lines().find(|line| line.starts_with("n8n keys")).unwrap_or_else(|| panic!("{text}"));
    line.split_whitespace().skip(2).map(|count| count.parse().unwrap()).collect()
}

async fn n8n() -> FakeN8n {
    let n8n = FakeN8n::start().await;
    let workflow = n8n.state().add_workflow("Any");
    let start = Timestamp::from_millis(SystemClock.now().as_millis() - 6 * 3_600_000);
    n8n.state().add(Run::ended(&workflow, "success", start, 20));
    n8n
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_change_step_by_step_while_two_hosts_serve() {
    let (n8n, database) = (n8n().await, Database::empty().await);
    let url = database.url();
    let mut hosts = Hosts::start(&url, &n8n, &[("SECRET_KEY", SECRET)]);
    // Set for the first time.
    hosts.step(&with(&format!("derived,{K1}")));
    hosts.servers[0] = hosts.place.serve(&hosts.settings(&with(K1)));
    hosts.every_key_opens();
    hosts.servers[1] = hosts.place.serve(&hosts.settings(&with(K1)));
    assert_eq!(hosts.rewrap(&with(K1)).0, Some(0));
    // A new one.
    hosts.step(&with(&format!("{K1},{K2}")));
    let newest = format!("{K2},{K1}");
    for number in 0..2 {
        hosts.servers[number] = hosts.place.serve(&hosts.settings(&with(&newest)));
        hosts.every_key_opens();
    }
    let (code, text) = hosts.rewrap(&with(&newest));
    assert_eq!((code, counts(&text)), (Some(0), vec![1, 0, 0]), "{text}");
    hosts.every_key_opens();
    let (code, text) = hosts.rewrap(&with(&newest));
    assert_eq!((code, counts(&text)), (Some(0), vec![0, 1, 0]), "{text}");
    hosts.step(&with(K2));
    drop(hosts);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_secret_key_signs_nobody_out_and_leaves_no_key_behind() {
    let (n8n, database) = (n8n().await, Database::empty().await);
    let url = database.url();
    let with = |key, previous| [("SECRET_KEY", key), ("SECRET_KEY_PREVIOUS", previous)];
    let mut hosts = Hosts::start(&url, &n8n, &[("SECRET_KEY", SECRET)]);
    let signed_in = sign_in(&hosts.servers[0]);
    hosts.step(&with(SECRET, OTHER_SECRET));
    hosts.step(&with(OTHER_SECRET, SECRET));
    for server in &hosts.servers {
        server.request_as(&signed_in, "GET /api/v1/auth/me", None);
    }
    assert_eq!(hosts.rewrap(&with(OTHER_SECRET, SECRET)).0, Some(0));
    hosts.step(&[("SECRET_KEY", OTHER_SECRET)]);
    let (status, _) = hosts.servers[0].ask(&signed_in, "GET /api/v1/auth/me", None);
    assert_eq!(status, 401, "what the key of before signed is void");
    drop(hosts);
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_do_not_open_are_named_by_their_clients() {
    let (n8n, database) = (n8n().await, Database::empty().await);
    let url = database.url();
    let keys = with(K1);
    let hosts = Hosts::start(&url, &n8n, &keys);
    let admin = sign_in(&hosts.servers[0]);
    let config = json!({ "n8n_api_url": n8n.url(), "n8n_api_key": n8n.key() });
    for id in [2, 3] {
        hosts.servers[0].request_as(&admin, "POST /api/v1/clients/", Some(&json!({ "name": "Globex" })));
        let request = format!("POST /api/v1/clients/{id}/n8n-config");
        hosts.servers[0].request_as(&admin, &request, Some(&config));
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let swap = "UPDATE flowmastery.clients c SET n8n_api_key_encrypted = o.n8n_api_key_encrypted
                FROM flowmastery.clients o WHERE c.id IN (2, 3) AND o.id = 5 - c.id";
    assert_eq!(sqlx::query(swap).execute(&mut connection).await.unwrap().rows_affected(), 2);
    connection.close().await.unwrap();
    let (code, text) = hosts.rewrap(&keys);
    assert_eq!((code, counts(&text)), (Some(1), vec![0, 1, 2]), "{text}");
    assert!(text.contains("clients do not open") && text.trim_end().ends_with(": 2, 3"), "{text}");
    for id in [2, 3] {
        let request = format!("POST /api/v1/clients/{id}/test-connection");
        let tested = hosts.servers[1].request_as(&admin, &request, None);
        assert_eq!(tested["status"], "auth_failed", "{tested}");
    }
    let (code, text) = hosts.rewrap(&with(K2));
    assert_eq!((code, counts(&text)), (Some(1), vec![0, 0, 3]), "{text}");
    assert!(!text.contains(SECRET) && !text.contains("MTEx") && !text.contains("MjIy"), "{text}");
    drop(hosts);
    database.remove().await;
}

#[test]
fn a_rewrapping_that_cannot_begin_says_why() {
    let place = Place::new();
    let (code, text) = rewrap(&place, &with("k1:hunter2"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("ENCRYPTION_KEYS") && !text.contains("hunter2"), "{text}");
}

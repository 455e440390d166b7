//! Secrets stay where they belong: the whole flow runs over the standalone server at the most talkative level of its log, and every secret that was
//! used is looked for in everything that came out or was kept.

use std::{fmt::Debug, fs};

use ::redis::{AsyncCommands, Client, ValueType};
use flowmastery_tests::{backend::Backend, postgres::Database, redis, smtp::SmtpServer, world::World};
use n8n_simulator::FakeN8n;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::standalone::harness::{PASSWORD, Place, SECRET, Server};

const ADMIN: &str = "admin@agency.com";
const USER: &str = "user@acme.com";
/// The key of ENCRYPTION_KEYS.
const SEALING: &str = "c2VhbGluZy1rZXktb2YtdGhlLXRlc3QtMzItYnl0ZXM=";

/// What was said and what must not be in it.
#[derive(Default)]
struct Findings {
    secrets: Vec<String>,
    said: Vec<(String, String)>,
}

impl Findings {
    fn secret(&mut self, secret: &str) -> String {
        assert!(secret.len() >= 8, "too short to be looked for: {secret}");
        self.secrets.push(secret.to_owned());
        secret.to_owned()
    }

    fn heard(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.said.push((place.into(), text.into()));
    }

    /// Asks the server. Tokens that an answer hands out are secrets from then on, and may stand in this answer only.
    fn ask(&mut self, server: &Server, token: &str, request: &str, body: Option<Value>) -> Value {
        let (status, mut answer) = server.ask(token, request, body.as_ref());
        let given = answer.clone();
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = answer.get_mut(name).map(Value::take) {
                self.secret(token.as_str().unwrap());
            }
        }
        self.heard(request, format!("{status} {answer}"));
        given
    }

    #[track_caller]
    fn assert_none(&self) {
        for (place, text) in &self.said {
            for secret in &self.secrets {
                assert!(!text.contains(secret.as_str()), "{secret} is in {place}: {text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_logs_answers_database_or_debug_output() {
    let mut smtp = SmtpServer::start(&[]).await;
    let (database, redis) = (Database::migrated().await.url(), redis::Own::new());
    let (port, redis_url) = (smtp.port.to_string(), redis.url());
    let keys = format!("first:{SEALING}");
    let place = Place::new();
    let settings = [
        ("DATABASE_URL", database.as_str()),
        ("REDIS_URL", redis_url.as_str()),
        ("SECRET_KEY", SECRET),
        ("ENCRYPTION_KEYS", keys.as_str()),
        ("SMTP_HOST", "localhost"),
        ("SMTP_PORT", port.as_str()),
        ("SMTP_TLS", "none"),
        ("FROM_EMAIL", "noreply@agency.com"),
        ("FRONTEND_URL", "https://app.agency.com"),
        ("OUTBOUND_ALLOW", "127.0.0.0/8"),
        ("RUST_LOG", "trace"),
        ("DB_ECHO", "true"),
        ("LOG_FILE", "app.log"),
    ];
    let mut found = Findings::default();
    for secret in [SECRET, SEALING, PASSWORD] {
        found.secret(secret);
    }
    let made = place.run(&["create-admin", "--email", ADMIN], &settings, PASSWORD);
    found.heard("create-admin", format!("{made:?}"));
    let mut server = place.serve(&settings);
    found.heard("the start", server.before.join("\n"));

    flow(&mut found, &server, &mut smtp).await;

    for (table, row) in rows(&database).await {
        found.heard(format!("the table {table}"), row);
    }
    for (key, value) in entries(&redis_url).await {
        found.heard("Redis", format!("{key} {value}"));
    }
    server.signal("TERM");
    let log = server.lines_until("stopped").join("\n");
    assert!(server.wait().success());
    assert!(log.contains("flowmastery::access") && log.contains("sqlx::query"), "it was talkative");
    found.heard("the log", log);
    found.heard("the log's file", fs::read_to_string(place.path("app.log")).unwrap());
    found.assert_none();
}

/// Everything that people do, and much that they do wrong.
async fn flow(found: &mut Findings, server: &Server, smtp: &mut SmtpServer) {
    let sign_in = |email: &str, password: &str| Some(json!({ "email": email, "password": password }));
    let wrong = found.secret("a wrong password");
    found.ask(server, "", "POST /api/v1/auth/login", sign_in(ADMIN, &wrong));
    found.ask(server, "", "POST /api/v1/auth/login", sign_in("nobody@agency.com", &wrong));
    let signed_in = found.ask(server, "", "POST /api/v1/auth/login", sign_in(ADMIN, PASSWORD));
    let admin = signed_in["access_token"].as_str().unwrap().to_owned();
    let renew = Some(json!({ "refresh_token": signed_in["refresh_token"] }));
    found.ask(server, "", "POST /api/v1/auth/refresh", renew.clone());
    found.ask(server, "", "POST /api/v1/auth/refresh", renew);

    let n8n = FakeN8n::start().await;
    let key = found.secret(&n8n.key());
    let client =
        found.ask(server, &admin, "POST /api/v1/clients/", Some(json!({ "name": "Acme" })))["id"].clone();
    let config = format!("POST /api/v1/clients/{client}/n8n-config");
    for key in [found.secret("a key that n8n refuses"), key] {
        let body = json!({ "n8n_api_url": n8n.url(), "n8n_api_key": key });
        found.ask(server, &admin, &config, Some(body));
    }
    let short = found.secret("2 short!");
    for path in [
        format!("clients/{client}"),
        format!("metrics/client/{client}"),
        "users/".to_owned(),
        "clients/".to_owned(),
    ] {
        found.ask(server, &admin, &format!("GET /api/v1/{path}"), None);
        found.ask(server, &format!("{admin}x"), &format!("GET /api/v1/{path}?token={short}"), None);
    }
    found.ask(server, &admin, &format!("POST /api/v1/clients/{client}/test-connection"), None);

    let invitation = json!({ "email": USER, "role": "client", "client_id": client });
    found.ask(server, &admin, "POST /api/v1/auth/invitations", Some(invitation));
    let token = found.secret(&token(&smtp.mail().await, "accept-invitation"));
    found.ask(server, "", &format!("GET /api/v1/auth/invitations/{token}"), None);
    let mut accepted = Value::Null;
    for password in [short, found.secret("the user's first password")] {
        let body = json!({ "token": token, "password": password });
        accepted = found.ask(server, "", "POST /api/v1/auth/invitations/accept", Some(body));
    }
    let user = accepted["access_token"].as_str().unwrap().to_owned();
    found.ask(server, &user, "GET /api/v1/metrics/my-metrics", None);
    found.ask(server, &user, "GET /api/v1/users/", None);
    found.ask(server, &user, "POST /api/v1/auth/logout", None);

    found.ask(server, "", "POST /api/v1/auth/password-reset", Some(json!({ "email": USER })));
    let reset = found.secret(&self::token(&smtp.mail().await, "reset-password"));
    let another = found.secret("the user's second password");
    let body = json!({ "token": reset, "password": another });
    found.ask(server, "", "POST /api/v1/auth/password-reset/confirm", Some(body.clone()));
    found.ask(server, "", "POST /api/v1/auth/password-reset/confirm", Some(body));
    found.ask(server, "", "POST /api/v1/auth/login", sign_in(USER, &another));
    found.ask(server, &admin, &format!("DELETE /api/v1/clients/{client}"), None);
}

fn token(mail: &Value, page: &str) -> String {
    let (_, rest) = mail["plain"].as_str().unwrap().split_once(&format!("{page}?token=")).unwrap();
    rest.split_whitespace().next().unwrap().to_owned()
}

/// Every row of every table.
async fn rows(database: &str) -> Vec<(String, String)> {
    let mut connection = PgConnection::connect(database).await.unwrap();
    let sql = "SELECT tablename::TEXT FROM pg_tables WHERE schemaname = 'flowmastery'";
    let tables: Vec<(String,)> = sqlx::query_as(sql).fetch_all(&mut connection).await.unwrap();
    assert!(tables.len() > 15, "{tables:?}");
    let mut all = Vec::new();
    for (table,) in tables {
        let sql = format!("SELECT row_to_json(t)::TEXT FROM flowmastery.{table} t");
        let rows: Vec<(String,)> =
            sqlx::query_as(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        all.extend(rows.into_iter().map(|(row,)| (table.clone(), row)));
    }
    all
}

/// Every key of a Redis with its value, whatever its type.
async fn entries(url: &str) -> Vec<(String, String)> {
    let mut connection = Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = connection.keys("*").await.unwrap();
    assert!(!keys.is_empty(), "nothing was cached");
    let mut all = Vec::new();
    for key in keys {
        let value: Vec<u8> = match connection.key_type(&key).await.unwrap() {
            ValueType::ZSet => connection.zrange::<_, Vec<Vec<u8>>>(&key, 0, -1).await.unwrap().concat(),
            _ => connection.get(&key).await.unwrap(),
        };
        all.push((key, String::from_utf8_lossy(&value).into_owned()));
    }
    all
}

#[tokio::test]
async fn services_show_no_secret_in_debug_output() {
    let world = World::new(Backend::Sqlite.store().await).await;
    for shown in [&world.app as &dyn Debug, &world.api, &world.store] {
        let shown = format!("{shown:#?}");
        assert!(!shown.contains(flowmastery_tests::world::SECRET), "{shown}");
    }
}

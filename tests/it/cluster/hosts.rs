//! The hosts as processes: started, killed, paused, and asked over HTTP.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::standalone::harness::{PASSWORD, Place, SECRET, Server};

/// The longest that anything may take before a test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);
const ADMIN: &str = "admin@agency.com";

/// Hosts on one database and one Redis.
pub(super) struct Hosts {
    place: Place,
    settings: Vec<(&'static str, String)>,
    pub(super) running: Vec<Server>,
    http: reqwest::Client,
}

/// How often hosts collect.
pub(super) fn every(seconds: usize) -> (&'static str, String) {
    ("SYNC_INTERVAL_SECONDS", seconds.to_string())
}

/// What a host answered.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) retry_after: bool,
    pub(super) body: Value,
}

/// Asks hosts, from any task.
#[derive(Clone)]
pub(super) struct Asker {
    http: reqwest::Client,
    addresses: Vec<String>,
}

impl Asker {
    /// Asks a host; nothing when the connection breaks.
    pub(super) async fn ask(
        &self,
        host: usize,
        (method, path): (Method, &str),
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let url = format!("http://{}{path}", self.addresses[host]);
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let (status, retry_after) = (response.status(), response.headers().contains_key("retry-after"));
        let body = response.json().await.unwrap_or(Value::Null);
        Some(Answer { status, retry_after, body })
    }
}

impl Hosts {
    /// So many hosts, and an admin.
    pub(super) fn start(count: usize, database: &str, redis: &str) -> Self {
        Self::with(count, (database, redis), [every(1)])
    }

    /// The same with further settings.
    pub(super) fn with<const N: usize>(
        count: usize,
        (database, redis): (&str, &str),
        further: [(&'static str, String); N],
    ) -> Self {
        let mut settings = vec![
            ("DATABASE_URL", database.to_owned()),
            ("REDIS_URL", redis.to_owned()),
            ("SECRET_KEY", SECRET.to_owned()),
            ("OUTBOUND_ALLOW", "127.0.0.0/8".to_owned()),
        ];
        settings.extend(further);
        #[expect(clippy::disallowed_methods, reason = "this test is a client of ours, not of n8n")]
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let mut hosts = Self { place: Place::new(), settings, running: Vec::new(), http };
        let admin = ["create-admin", "--email", ADMIN];
        let made = hosts.place.run(&admin, &hosts.settings(), &format!("{PASSWORD}\n"));
        assert!(made.status.success(), "{made:?}");
        hosts.running = (0..count).map(|_| hosts.one()).collect();
        hosts
    }

    fn settings(&self) -> Vec<(&str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn one(&self) -> Server {
        self.place.serve(&self.settings())
    }

    /// Kills a host at once and starts another in its place when `meanwhile` is over.
    pub(super) async fn replace(&mut self, host: usize, meanwhile: impl Future<Output = ()>) {
        self.running[host].signal("KILL");
        self.running[host].wait();
        meanwhile.await;
        self.running[host] = tokio::task::block_in_place(|| self.one());
    }

    /// Stops a host where it is, and lets it go on when `meanwhile` is over.
    pub(super) async fn pause(&self, host: usize, meanwhile: impl Future<Output = ()>) {
        self.running[host].signal("STOP");
        meanwhile.await;
        self.running[host].signal("CONT");
    }

    /// Who asks the hosts that run now.
    pub(super) fn asker(&self) -> Asker {
        let addresses = self.running.iter().map(|server| server.address.clone()).collect();
        Asker { http: self.http.clone(), addresses }
    }

    /// Asks a host.
    pub(super) async fn ask(
        &self,
        host: usize,
        what: (Method, &str),
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        self.asker().ask(host, what, token, body).await
    }

    /// An answer that must come and have this status.
    pub(super) async fn expect(
        &self,
        host: usize,
        what: (Method, &str),
        token: Option<&str>,
        (body, status): (Option<Value>, u16),
    ) -> Value {
        let path = what.1.to_owned();
        let answer = self.ask(host, what, token, body.as_ref()).await.expect("an answer");
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        answer.body
    }

    pub(super) async fn get(&self, host: usize, path: &str, token: &str) -> Value {
        self.expect(host, (Method::GET, path), Some(token), (None, 200)).await
    }

    pub(super) async fn post(&self, host: usize, path: &str, token: &str, body: Value) -> Value {
        let answer = self.ask(host, (Method::POST, path), Some(token), Some(&body)).await.expect("an answer");
        assert!(answer.status.is_success(), "{path}: {} {}", answer.status, answer.body);
        answer.body
    }

    /// Signs in and returns the access token.
    pub(super) async fn sign_in(&self, host: usize, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        let path = (Method::POST, "/api/v1/auth/login");
        let answer = self.expect(host, path, None, (Some(body), 200)).await;
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Signs the admin in.
    pub(super) async fn admin(&self, host: usize) -> String {
        self.sign_in(host, ADMIN).await
    }

    /// Makes a client with an n8n; its id.
    pub(super) async fn client(&self, host: usize, admin: &str, n8n: (&str, &str)) -> i64 {
        let made = self.post(host, "/api/v1/clients/", admin, json!({ "name": "Acme Corp" })).await;
        let client = made["id"].as_i64().unwrap();
        let body = json!({ "n8n_api_url": n8n.0, "n8n_api_key": n8n.1 });
        let path = format!("/api/v1/clients/{client}/n8n-config");
        let configured = self.post(host, &path, admin, body).await;
        assert_eq!(configured["connection"]["status"], "ok", "{configured}");
        client
    }

    /// Invites a user of a client, who accepts; the user's id and access token.
    pub(super) async fn client_user(&self, host: usize, admin: &str, client: i64) -> (i64, String) {
        let email = format!("user@client-{client}.com");
        let body = json!({ "email": email, "role": "client", "client_id": client });
        let invitation = self.post(host, "/api/v1/auth/invitations", admin, body).await;
        let link = invitation["accept_url"].as_str().unwrap().to_owned();
        let token = link.split_once("?token=").unwrap().1;
        let body = json!({ "token": token, "password": PASSWORD });
        let path = (Method::POST, "/api/v1/auth/invitations/accept");
        let accepted = self.expect(host, path, None, (Some(body), 201)).await;
        let id = accepted["user"]["id"].as_i64().unwrap();
        (id, accepted["access_token"].as_str().unwrap().to_owned())
    }
}

/// Waits until something is so, which it must be within a time; how long it took.
pub(super) async fn until<F: Future<Output = bool>>(
    what: &str,
    within: Duration,
    mut is_so: impl FnMut() -> F,
) -> Duration {
    let start = Instant::now();
    while !is_so().await {
        assert!(start.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

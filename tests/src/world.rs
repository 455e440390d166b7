//! A whole FlowMastery in one process: services over a fresh store, the API without a port, and requests to it.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    Builder, Config, Flowmastery,
    access::{
        password::{HashCost, PasswordHasher},
        scope::TenantScope,
    },
    clock::{Clock, Timestamp},
    entropy::OsEntropy,
    id::ClientId,
    model::{
        client::SealedInstance, email::Email, instance::InstanceUrl, outbound::OutboundPolicy,
        password::Password,
    },
    secret::{Place, Vault, VaultKey},
    store::Store,
    sync::CollectionRequests,
    testing::clock::FixedClock,
};
use flowmastery_tower::{Api, ApiBody, Dashboard};
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::{
    access_log::{self, Line},
    backend::FreshStore,
};

/// The admin that every world has.
pub const ADMIN: &str = "admin@agency.com";
/// Everybody's password.
pub const PASSWORD: &str = "securepassword";
/// The instant at which every world stands still until a test moves it.
pub const NOW: &str = "2026-03-10T12:07:00.000Z";

/// What signs tokens and seals keys.
pub const SECRET: &str = "a signing secret for tests, long enough";

/// Services and API over one store.
#[derive(Clone, Debug)]
pub struct World {
    /// The services.
    pub app: Flowmastery,
    /// The API that mounts them.
    pub api: Api,
    /// The store behind them.
    pub store: Arc<dyn Store>,
    /// Their clock.
    pub clock: Arc<FixedClock>,
    fresh: FreshStore,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: bytes::Bytes,
    /// Its line in the access log.
    pub line: Line,
}

impl Answer {
    /// The body as JSON; null when it is empty.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn clock() -> Arc<FixedClock> {
    Arc::new(FixedClock::at(Timestamp::parse(NOW).unwrap()))
}

impl World {
    /// A world over a store whose schema is up, with one admin.
    pub async fn new(fresh: FreshStore) -> Self {
        Self::with(fresh, |builder| builder).await
    }

    /// The same with other ports.
    pub async fn with(fresh: FreshStore, ports: impl FnOnce(Builder) -> Builder) -> Self {
        let world = Self::host(fresh, clock(), ports);
        let password = Password::choose(PASSWORD.into()).unwrap();
        world.app.users().create_admin(Email::parse(ADMIN).unwrap(), &password).await.unwrap();
        world
    }

    /// Another host over the same store, with a clock and a memory of its own.
    pub fn apart(&self) -> Self {
        Self::host(self.fresh.clone(), clock(), |builder| builder)
    }

    /// Another host with the clock of this one, over a store whose database is that of this one.
    pub fn beside(&self, fresh: FreshStore, ports: impl FnOnce(Builder) -> Builder) -> Self {
        Self::host(fresh, self.clock.clone(), ports)
    }

    fn host(fresh: FreshStore, clock: Arc<FixedClock>, ports: impl FnOnce(Builder) -> Builder) -> Self {
        let store = fresh.store.clone();
        let mut config = Config::new(SECRET.into(), "https://agency.com");
        config.outbound = OutboundPolicy::development();
        let builder = Flowmastery::builder(config, store.clone())
            .clock(clock.clone() as Arc<dyn Clock>)
            .hasher(PasswordHasher::new(Arc::new(OsEntropy), HashCost::FOR_TESTS));
        let app = ports(builder).build().unwrap();
        let dashboard = Dashboard::at("/dashboard").unwrap();
        let api = Api::builder(app.clone()).docs(true).dashboard(dashboard).build().unwrap();
        Self { app, api, store, clock, fresh }
    }

    /// Sends a request and reads its answer, which must have left one line with its status in the access log.
    pub async fn send(&self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let (response, line) = self.open(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body, line }
    }

    /// The same without reading what comes behind its head, which for events has no end.
    pub async fn open(&self, request: Request<Full<bytes::Bytes>>) -> (Response<ApiBody>, Line) {
        access_log::listen();
        let response = self.api.clone().oneshot(request).await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap();
        let [line] = <[Line; 1]>::try_from(access_log::take(id)).unwrap();
        assert_eq!(line["status"], response.status().as_u16().to_string());
        (response, line)
    }

    /// A request with a token and a JSON body, where there are any.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        self.send(request.body(Full::from(body)).unwrap()).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.request(Method::GET, path, Some(token), None).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.request(Method::POST, path, Some(token), Some(body)).await
    }

    /// Signs in and returns the access token.
    pub async fn sign_in(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = self.request(Method::POST, "/api/v1/auth/login", None, Some(body)).await.expect(200);
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// Makes a client and returns its id.
    pub async fn client(&self, admin: &str, name: &str) -> i64 {
        self.post("/api/v1/clients/", admin, json!({ "name": name })).await.expect(201)["id"]
            .as_i64()
            .unwrap()
    }

    /// Invites a user of a client, accepts the invitation, and returns the access token.
    pub async fn client_user(&self, admin: &str, email: &str, client: i64) -> String {
        let body = json!({ "email": email, "role": "client", "client_id": client });
        let invitation = self.post("/api/v1/auth/invitations", admin, body).await.expect(201);
        let link = invitation["accept_url"].as_str().unwrap().to_owned();
        let token = link.split_once("?token=").unwrap().1.to_owned();
        let body = json!({ "token": token, "password": PASSWORD });
        let accepted = self.request(Method::POST, "/api/v1/auth/invitations/accept", None, Some(body)).await;
        accepted.expect(201)["access_token"].as_str().unwrap().to_owned()
    }

    /// Collects a client and waits for the end.
    pub async fn collect(&self, client: i64) {
        self.app.collector().collect_now(ClientId(client), Duration::from_secs(60)).await;
    }

    /// Points a client at an n8n without asking that first, and without a collection.
    pub async fn configure_unheard(&self, client: i64, url: &str, key: &str) {
        let client = ClientId(client);
        let keys = vec![VaultKey::derive(&SECRET.into()).unwrap()];
        let vault = Vault::new(keys, Arc::new(OsEntropy)).unwrap();
        let key = vault.seal(Place::n8n_key(client), &key.into()).unwrap();
        let instance = SealedInstance { url: InstanceUrl::parse(url).unwrap(), key };
        let scope = TenantScope::client(client);
        self.store.set_instance(scope, client, Some(&instance), self.clock.now()).await.unwrap().unwrap();
    }

    /// Points a client at an n8n and returns the answer.
    pub async fn configure(&self, admin: &str, client: i64, url: &str, key: &str) -> Answer {
        let body = json!({ "n8n_api_url": url, "n8n_api_key": key });
        self.post(&format!("/api/v1/clients/{client}/n8n-config"), admin, body).await
    }
}

//! The API as an admin's requests meet it, over a database in memory and an n8n that is away, for targets that send it whole requests.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flowmastery_core::{
    Config, Flowmastery,
    access::{
        actor::Actor,
        password::{HashCost, PasswordHasher},
    },
    entropy::OsEntropy,
    error::Result,
    id::{ExecutionId, UserId},
    model::{
        client::{ClientName, Instance},
        email::Email,
        execution::Execution,
        freshness::ConnectionStatus,
        password::Password,
        workflow::Workflow,
    },
    n8n::{ExecutionQuery, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution},
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tower::{Api, Authenticator, Credentials};
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::runtime::Runtime;
use tower_service::Service;

/// The API and what it runs on.
pub struct World {
    runtime: Runtime,
    api: Api,
}

impl World {
    /// With an admin, a client and nothing else.
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let api = runtime.block_on(api());
        Self { runtime, api }
    }

    /// Sends a request, whose answer must not blame the server.
    pub fn send(&self, request: Request<Full<Bytes>>) {
        let shown = format!("{} {}", request.method(), request.uri());
        self.runtime.block_on(async {
            let response = self.api.clone().call(request).await.unwrap();
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert!(!status.is_server_error(), "{shown}: {status} {}", String::from_utf8_lossy(&body));
            if status.is_client_error() && !shown.starts_with("HEAD") {
                let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(problem["status"], status.as_u16(), "{shown}");
            }
        });
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

async fn api() -> Api {
    let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.unwrap();
    store.migrate_up().await.unwrap();
    let config = Config::new("a signing secret for fuzzing, long enough".into(), "https://agency.com");
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::FOR_TESTS);
    let builder = Flowmastery::builder(config, Arc::new(store)).n8n(Arc::new(Away)).hasher(hasher);
    let app = builder.build().unwrap();
    let password = Password::choose("securepassword".into()).unwrap();
    let admin = app.users().create_admin(Email::parse("admin@agency.com").unwrap(), &password).await.unwrap();
    app.clients().create(Actor::admin(admin.id), ClientName::parse("Acme Corp").unwrap()).await.unwrap();
    Api::builder(app).docs(true).authenticator(Arc::new(Admin)).build().unwrap()
}

/// Everybody is the admin.
#[derive(Debug)]
struct Admin;

#[async_trait]
impl Authenticator for Admin {
    async fn authenticate(&self, _: Credentials<'_>) -> Result<Option<Actor>> {
        Ok(Some(Actor::admin(UserId(1))))
    }
}

/// No n8n is called.
#[derive(Debug)]
struct Away;

fn away() -> N8nError {
    N8nError::new(ConnectionStatus::Unreachable, "n8n is away.")
}

#[async_trait]
impl N8nApi for Away {
    async fn workflows(
        &self,
        _: &Instance,
        _: Option<&N8nCursor>,
    ) -> std::result::Result<N8nPage<Workflow>, N8nError> {
        Err(away())
    }

    async fn executions(
        &self,
        _: &Instance,
        _: &ExecutionQuery,
    ) -> std::result::Result<N8nPage<Execution>, N8nError> {
        Err(away())
    }

    async fn execution(
        &self,
        _: &Instance,
        _: ExecutionId,
    ) -> std::result::Result<Option<SingleExecution>, N8nError> {
        Err(away())
    }

    async fn test(&self, _: &Instance) -> std::result::Result<(), N8nError> {
        Err(away())
    }
}

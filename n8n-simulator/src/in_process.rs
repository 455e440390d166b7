//! The n8n port of flowmastery-core over simulated servers without sockets, for tests that collect thousands of times a second.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use flowmastery_core::{
    id::ExecutionId,
    model::{
        client::Instance, execution::Execution, freshness::ConnectionStatus, instance::InstanceUrl,
        rollup::Range, workflow::Workflow,
    },
    n8n::{ExecutionQuery, Insights, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution, wire},
};
use secrecy::ExposeSecret;
use serde_json::Value;
use url::form_urlencoded;

use crate::{
    answer::{API, Answer, Asked},
    n8n::{Reply, SimulatedN8n},
    quirks::Dialect,
};

/// Tries of one request, the first one included, as over HTTP; here nothing is waited for between them.
const TRIES: u32 = 4;

/// Simulated servers behind the port of flowmastery-core, each found by its base address. Clones know the same servers.
///
/// The bytes are those of HTTP and are read as HTTP's are; refusals and faults are told apart in the same way.
#[derive(Clone, Debug)]
pub struct InProcessN8n {
    servers: Arc<Mutex<HashMap<String, SimulatedN8n>>>,
    /// How many executions it asks for at once.
    page_rows: u8,
}

impl Default for InProcessN8n {
    fn default() -> Self {
        Self { servers: Arc::default(), page_rows: 250 }
    }
}

impl InProcessN8n {
    /// Knows no server yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same servers, asked for so many executions at once, 1 to 250, so that few of them make many pages.
    #[must_use]
    pub fn with_page_rows(self, page_rows: u8) -> Self {
        Self { page_rows, ..self }
    }

    /// Adds an empty server, at an address that exists here only.
    pub fn add_instance(&self, dialect: Dialect) -> SimulatedN8n {
        let number = self.servers.lock().unwrap_or_else(PoisonError::into_inner).len() + 1;
        let n8n = SimulatedN8n::new(&format!("http://n8n-{number}.simulator.invalid"), dialect);
        self.insert(&n8n);
        n8n
    }

    /// Leads another address to a server, as when it moves: the old one goes on leading to it.
    pub fn alias(&self, url: &InstanceUrl, n8n: &SimulatedN8n) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.insert(url.as_str().to_owned(), n8n.clone());
    }

    pub(crate) fn insert(&self, n8n: &SimulatedN8n) {
        self.alias(n8n.base_url(), n8n);
    }

    /// The body of a good answer; `None` when n8n says that there is no such thing.
    async fn fetch(&self, call: &Call<'_>) -> Result<Option<Vec<u8>>, N8nError> {
        let url = call.instance.url.as_str();
        let n8n = self.servers.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        let n8n =
            n8n.ok_or_else(|| error(ConnectionStatus::Unreachable, "The connection to n8n was refused."))?;
        let path = format!("{API}/{}", call.resource);
        let key = call.instance.key.expose_secret().as_bytes();
        let asked = Asked { method: "GET", path: &path, query: &call.query, key };
        let mut tries = call.tries;
        loop {
            tries -= 1;
            let fault = match n8n.meet(&asked).await {
                Reply::Answer(answer) if answer.status < 500 => return read(answer),
                Reply::Answer(answer) => format!("n8n answers with status {}.", answer.status),
                Reply::Closed => "The connection to n8n broke off.".to_owned(),
                Reply::Endless => {
                    return Err(not_n8n("The answer is larger than a page of n8n's public API can be."));
                }
            };
            if tries == 0 {
                return Err(error(ConnectionStatus::Unreachable, &fault));
            }
        }
    }

    async fn list<T>(&self, call: &Call<'_>, decode: Decode<N8nPage<T>>) -> Result<N8nPage<T>, N8nError> {
        let body = self.fetch(call).await?.ok_or_else(no_api)?;
        decode(&body).map_err(wrong_json)
    }
}

type Decode<T> = fn(&[u8]) -> Result<T, wire::WireError>;

#[async_trait]
impl N8nApi for InProcessN8n {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        self.list(&Call::workflows(instance, "250", cursor), wire::decode_workflows).await
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        let limit = self.page_rows.to_string();
        self.list(&Call::executions(instance, &limit, query), wire::decode_executions).await
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        let call = Call::new(instance, format!("executions/{id}"), &[]);
        let Some(body) = self.fetch(&call).await? else { return Ok(None) };
        wire::decode_execution(&body).map(Some).map_err(wrong_json)
    }

    async fn insights(&self, instance: &Instance, range: Range) -> Result<Option<Insights>, N8nError> {
        let (from, to) = (range.from.to_string(), range.to.to_string());
        let ends = [Some(("startDate", from.as_str())), Some(("endDate", to.as_str()))];
        let Some(body) = self.fetch(&Call::new(instance, "insights/summary".to_owned(), &ends)).await? else {
            return Ok(None);
        };
        wire::decode_insights(&body).map(Some).map_err(wrong_json)
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.list(&Call::workflows(instance, "1", None).once(), wire::decode_workflows).await?;
        let query = ExecutionQuery::default();
        self.list(&Call::executions(instance, "1", &query).once(), wire::decode_executions).await?;
        Ok(())
    }
}

/// One read, asked for as the HTTP client asks.
struct Call<'a> {
    instance: &'a Instance,
    resource: String,
    query: String,
    tries: u32,
}

impl<'a> Call<'a> {
    fn new(instance: &'a Instance, resource: String, parameters: &[Option<(&str, &str)>]) -> Self {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters.iter().flatten());
        Self { instance, resource, query: query.finish(), tries: TRIES }
    }

    fn workflows(instance: &'a Instance, limit: &str, cursor: Option<&N8nCursor>) -> Self {
        let cursor = cursor.map(|cursor| ("cursor", cursor.0.as_str()));
        let parameters = [Some(("limit", limit)), Some(("excludePinnedData", "true")), cursor];
        Self::new(instance, "workflows".to_owned(), &parameters)
    }

    fn executions(instance: &'a Instance, limit: &str, query: &ExecutionQuery) -> Self {
        let status = query.status.map(|status| ("status", status.as_str()));
        let cursor = query.cursor.as_ref().map(|cursor| ("cursor", cursor.0.as_str()));
        let started_after = query.started_after.map(|instant| instant.to_string());
        let started_after = started_after.as_deref().map(|instant| ("startedAfter", instant));
        let parameters = [Some(("limit", limit)), status, started_after, cursor];
        Self::new(instance, "executions".to_owned(), &parameters)
    }

    fn once(self) -> Self {
        Self { tries: 1, ..self }
    }
}

/// What the HTTP client makes of an answer that is none of the server's own faults.
fn read(answer: Answer) -> Result<Option<Vec<u8>>, N8nError> {
    match answer.status {
        401 => return Err(error(ConnectionStatus::AuthFailed, "n8n refuses the API key.")),
        403 => return Err(error(ConnectionStatus::MissingScope, "The API key lacks a scope.")),
        200..=299 | 404 => {}
        status => {
            return Err(not_n8n(&format!(
                "What answers does not take what n8n's public API takes (status {status})."
            )));
        }
    }
    let is_refusal = || {
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        body.is_some_and(|body| body.get("message").is_some_and(Value::is_string))
    };
    match answer.status {
        _ if !answer.content_type.starts_with("application/json") => Err(no_api()),
        404 if is_refusal() => Ok(None),
        404 => Err(no_api()),
        _ => Ok(Some(answer.body)),
    }
}

fn error(status: ConnectionStatus, message: &str) -> N8nError {
    N8nError::new(status, message)
}

fn not_n8n(message: &str) -> N8nError {
    error(ConnectionStatus::NotN8n, message)
}

fn no_api() -> N8nError {
    not_n8n("There is no n8n public API at this address.")
}

fn wrong_json(fault: wire::WireError) -> N8nError {
    N8nError { source: Some(fault.into()), ..not_n8n("The answer is not what n8n's public API sends.") }
}

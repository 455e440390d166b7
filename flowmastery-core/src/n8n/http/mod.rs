//! n8n over HTTP: one client for all instances.
//!
//! A list is asked for in pages of 250, always with the same filter, never with payloads. A request is tried four times at most, and
//! again only where that can help; a refusal of the key never is. An answer counts only when it is what n8n's public API sends.

mod fault;
mod retry;
mod transport;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use url::Url;

pub use self::transport::HttpN8nLimits;
use self::{fault::Fault, transport::Transport};
use super::{
    ExecutionQuery, Insights, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution,
    wire::{self, WireError},
};
use crate::{
    entropy::{Entropy, OsEntropy},
    error::Result,
    id::ExecutionId,
    model::{
        client::Instance, execution::Execution, outbound::OutboundPolicy, rollup::Range, workflow::Workflow,
    },
};

/// The most rows of a page: more is refused by n8n 1 and cut down by n8n 2.
const PAGE_ROWS: &str = "250";

/// Tries of one request, the first one included.
const TRIES: u32 = 4;

/// How to reach n8n servers.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpN8nConfig {
    /// Which addresses may be called.
    pub outbound: OutboundPolicy,
    /// Extra certificate authorities, PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// For the jitter of retries.
    pub entropy: Arc<dyn Entropy>,
    /// How long and how much a try may take.
    pub limits: HttpN8nLimits,
}

impl HttpN8nConfig {
    /// The addresses that a policy lets through, with the default for everything else.
    pub fn new(outbound: OutboundPolicy) -> Self {
        let limits = HttpN8nLimits::default();
        Self { outbound, extra_ca_pem: None, entropy: Arc::new(OsEntropy), limits }
    }
}

/// n8n's public API over HTTP.
pub struct HttpN8n {
    transport: Transport,
    outbound: OutboundPolicy,
    entropy: Arc<dyn Entropy>,
}

impl HttpN8n {
    /// A client for all instances.
    ///
    /// # Errors
    /// [`crate::error::Kind::Invalid`] when TLS cannot be set up: the extra certificates are not PEM, or there are no authorities at all.
    pub fn new(config: HttpN8nConfig) -> Result<Self> {
        let HttpN8nConfig { outbound, extra_ca_pem, entropy, limits } = config;
        let transport = Transport::new(outbound.clone(), extra_ca_pem.as_deref(), limits)?;
        Ok(Self { transport, outbound, entropy })
    }

    /// A page of a list.
    async fn list<T>(&self, call: Call<'_>, decode: Decode<N8nPage<T>>) -> Result<N8nPage<T>, N8nError> {
        let body = self.fetch(&call).await?.ok_or_else(|| Fault::no_api().error)?;
        let page = decode(&body).map_err(|error| Fault::wrong_json(error).error)?;
        if page.next.is_some() && page.next.as_ref() == call.cursor {
            return Err(Fault::not_n8n("n8n's list does not advance: a page points to itself.").error);
        }
        Ok(page)
    }

    /// The body of a good answer; `None` when n8n says that there is no such thing.
    async fn fetch(&self, call: &Call<'_>) -> Result<Option<Vec<u8>>, N8nError> {
        self.outbound.check(&call.instance.url).map_err(|refusal| Fault::refused(refusal.message).error)?;
        let url = call.url()?;
        let mut failures = 0;
        loop {
            let fault = match self.transport.get(&url, &call.instance.key).await {
                Ok(body) => return Ok(body),
                Err(fault) => fault,
            };
            failures += 1;
            if !fault.transient || failures >= call.tries {
                return Err(fault.error);
            }
            tokio::time::sleep(retry::delay(self.entropy.as_ref(), failures, fault.retry_after)).await;
        }
    }
}

#[async_trait]
impl N8nApi for HttpN8n {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        self.list(Call::workflows(instance, cursor), wire::decode_workflows).await
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        self.list(Call::executions(instance, query), wire::decode_executions).await
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        let Some(body) = self.fetch(&Call::new(instance, format!("executions/{id}"))).await? else {
            return Ok(None);
        };
        wire::decode_execution(&body).map(Some).map_err(|error| Fault::wrong_json(error).error)
    }

    async fn insights(&self, instance: &Instance, range: Range) -> Result<Option<Insights>, N8nError> {
        let ends = [("startDate", range.from), ("endDate", range.to)];
        let filters = ends.map(|(name, instant)| Some((name, instant.to_string())));
        let call = Call { filters, ..Call::new(instance, "insights/summary".to_owned()) };
        let Some(body) = self.fetch(&call).await? else { return Ok(None) };
        wire::decode_insights(&body).map(Some).map_err(|error| Fault::wrong_json(error).error)
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.list(Call::workflows(instance, None).once(), wire::decode_workflows).await?;
        let query = ExecutionQuery::default();
        self.list(Call::executions(instance, &query).once(), wire::decode_executions).await?;
        Ok(())
    }
}

impl fmt::Debug for HttpN8n {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpN8n").field("outbound", &self.outbound).finish_non_exhaustive()
    }
}

type Decode<T> = fn(&[u8]) -> Result<T, WireError>;

/// One read of n8n's API.
struct Call<'a> {
    instance: &'a Instance,
    resource: String,
    limit: Option<&'static str>,
    cursor: Option<&'a N8nCursor>,
    filters: [Option<(&'static str, String)>; 2],
    tries: u32,
}

impl<'a> Call<'a> {
    fn new(instance: &'a Instance, resource: String) -> Self {
        Self { instance, resource, limit: None, cursor: None, filters: [None, None], tries: TRIES }
    }

    fn workflows(instance: &'a Instance, cursor: Option<&'a N8nCursor>) -> Self {
        // Pinned data is the largest part of a workflow and never read; both n8n 1 and n8n 2 know this parameter.
        let filters = [Some(("excludePinnedData", "true".to_owned())), None];
        Self { limit: Some(PAGE_ROWS), cursor, filters, ..Self::new(instance, "workflows".to_owned()) }
    }

    fn executions(instance: &'a Instance, query: &'a ExecutionQuery) -> Self {
        let status = query.status.map(|status| ("status", status.as_str().to_owned()));
        let started_after = query.started_after.map(|instant| ("startedAfter", instant.to_string()));
        let cursor = query.cursor.as_ref();
        let filters = [status, started_after];
        Self { limit: Some(PAGE_ROWS), cursor, filters, ..Self::new(instance, "executions".to_owned()) }
    }

    /// The same for one row and without trying again.
    fn once(self) -> Self {
        Self { limit: Some("1"), tries: 1, ..self }
    }

    fn url(&self) -> Result<Url, N8nError> {
        let address = self.instance.url.endpoint(&self.resource);
        let mut url =
            Url::parse(&address).map_err(|_| Fault::refused("The address is not a valid URL.").error)?;
        let limit = self.limit.map(|limit| ("limit", limit));
        let filters = self.filters.iter().flatten().map(|(name, value)| (*name, value.as_str()));
        let cursor = self.cursor.map(|cursor| ("cursor", cursor.0.as_str()));
        for (name, value) in limit.into_iter().chain(filters).chain(cursor) {
            url.query_pairs_mut().append_pair(name, value);
        }
        Ok(url)
    }
}

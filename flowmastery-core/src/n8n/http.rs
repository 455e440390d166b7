//! n8n over HTTP. (stub)
use super::*;
use crate::{entropy::Entropy, model::outbound::OutboundPolicy};
use async_trait::async_trait;
use std::sync::Arc;

/// How to reach n8n servers.
#[derive(Clone, Debug)]
pub struct HttpN8nConfig {
    /// Which addresses may be called.
    pub outbound: OutboundPolicy,
    /// Extra certificate authorities, PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// For the jitter of retries.
    pub entropy: Arc<dyn Entropy>,
}
/// n8n's public API over HTTP.
#[derive(Debug)]
pub struct HttpN8n {}
impl HttpN8n {
    /// A client for all instances.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(config: HttpN8nConfig) -> crate::error::Result<Self> {
        let _ = config;
        Ok(Self {})
    }
}
#[async_trait]
impl N8nApi for HttpN8n {
    async fn workflows(&self, _: &Instance, _: Option<&N8nCursor>) -> Result<N8nPage<Workflow>, N8nError> {
        Ok(N8nPage { items: vec![], next: None })
    }
    async fn executions(&self, _: &Instance, _: &ExecutionQuery) -> Result<N8nPage<Execution>, N8nError> {
        Ok(N8nPage { items: vec![], next: None })
    }
    async fn execution(&self, _: &Instance, _: ExecutionId) -> Result<Option<Execution>, N8nError> {
        Ok(None)
    }
    async fn test(&self, _: &Instance) -> Result<(), N8nError> {
        Ok(())
    }
}

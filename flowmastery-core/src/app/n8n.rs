//! How n8n is reached where the host says nothing of it: over HTTP, as far as that is compiled in.

use std::sync::Arc;

use crate::{entropy::Entropy, error::Result, model::outbound::OutboundPolicy, n8n::N8nApi};

#[cfg(feature = "n8n-http")]
pub(super) fn default_n8n(
    outbound: OutboundPolicy,
    extra_ca_pem: Option<Vec<u8>>,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<dyn N8nApi>> {
    use crate::n8n::{HttpN8n, HttpN8nConfig, HttpN8nLimits};

    let limits = HttpN8nLimits::default();
    Ok(Arc::new(HttpN8n::new(HttpN8nConfig { outbound, extra_ca_pem, entropy, limits })?))
}

#[cfg(not(feature = "n8n-http"))]
pub(super) fn default_n8n(
    _: OutboundPolicy,
    _: Option<Vec<u8>>,
    _: Arc<dyn Entropy>,
) -> Result<Arc<dyn N8nApi>> {
    use crate::error::{Error, Kind};

    Err(Error::new(
        Kind::Invalid,
        "No way to reach n8n: give one to the builder, or turn on the feature n8n-http.",
    ))
}

//! How n8n is reached where the host says nothing of it: over HTTP, as far as that is compiled in.

use std::sync::Arc;

use crate::{entropy::Entropy, error::Result, model::outbound::OutboundPolicy, n8n::N8nApi};

#[cfg(feature = "n8n-http")]
pub(super) fn default_n8n(
    outbound: OutboundPolicy,
    extra_ca_pem: Option<Vec<u8>>,
    entropy: Arc<dyn Entropy>,
) -> Result<Arc<dyn N8nApi>> {
    use crate::n8n::{HttpN8n, HttpN8nConfig};

    let config = HttpN8nConfig { extra_ca_pem, entropy, ..HttpN8nConfig::new(outbound) };
    Ok(Arc::new(HttpN8n::new(config)?))
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

#[cfg(test)]
#[cfg(not(feature = "n8n-http"))]
mod tests {
    use super::*;
    use crate::{entropy::OsEntropy, error::Kind};

    #[test]
    fn without_the_feature_a_way_to_reach_n8n_has_to_be_given() {
        let missing = default_n8n(OutboundPolicy::default(), None, Arc::new(OsEntropy)).unwrap_err();
        assert_eq!(missing.kind(), Kind::Invalid);
        assert!(missing.to_string().contains("n8n-http"), "{missing}");
    }
}

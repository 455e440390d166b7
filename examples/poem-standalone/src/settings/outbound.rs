//! Settings of what we call: which addresses an n8n may have, and which authorities are trusted.

use flowmastery_core::model::outbound::OutboundPolicy;

use super::{reader::Reader, table::Setting};

const OUTBOUND_ALLOW: Setting = Setting {
    name: "OUTBOUND_ALLOW",
    default: "",
    accepts: "host names, IP addresses and subnets separated by commas, such as n8n.lan,10.1.0.0/16",
    meaning: "private addresses and plain-http hosts that an n8n may have; while DEBUG all private ones are",
    secret: false,
};
const TLS_CA_FILE: Setting = Setting {
    name: "TLS_CA_FILE",
    default: "",
    accepts: "a readable file with certificates in PEM",
    meaning: "more certificate authorities for n8n and mail servers",
    secret: false,
};

pub(super) static TABLE: [Setting; 2] = [OUTBOUND_ALLOW, TLS_CA_FILE];

/// What we call.
#[derive(Debug)]
pub(crate) struct OutboundSettings {
    /// Which addresses are let through outside of development.
    pub(crate) policy: OutboundPolicy,
    /// More certificate authorities, PEM.
    pub(crate) extra_ca_pem: Option<Vec<u8>>,
}

impl OutboundSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let policy = reader
            .try_parse(&OUTBOUND_ALLOW, |text| OutboundPolicy::new(text).map_err(|fault| fault.message))
            .unwrap_or_default();
        let extra_ca_pem = reader.parse(&TLS_CA_FILE, |path| {
            let pem = std::fs::read(path).ok()?;
            let marker = b"-----BEGIN CERTIFICATE-----";
            pem.windows(marker.len()).any(|window| window == marker).then_some(pem)
        });
        Self { policy, extra_ca_pem }
    }
}

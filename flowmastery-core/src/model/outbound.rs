//! The outbound guard: which addresses an n8n instance may have, so that nobody makes us call what only we can reach.
//!
//! Link-local, metadata, multicast, unspecified and broadcast addresses are refused always. Private, loopback, shared (CGNAT), unique
//! local and other addresses that are not public, and plain http, are refused unless listed or in development. IPv4 inside IPv6 is
//! judged as the IPv4 address that packets reach. A listed name is trusted wherever it points, except to what is refused always.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{error::FieldError, model::instance::InstanceUrl};

/// Names of the metadata services of clouds.
const METADATA_NAMES: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Metadata services outside link-local space: Alibaba, Oracle, Azure's wire server.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Metadata services of EC2 and of Google.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Which addresses may be called. The default lists nothing.
#[derive(Clone, Debug, Default)]
pub struct OutboundPolicy {
    development: bool,
    names: Vec<String>,
    subnets: Vec<Subnet>,
}

impl OutboundPolicy {
    /// Lets listed names, addresses and subnets through, separated by commas, as in `n8n.lan, 10.1.0.0/16, fd12::7`.
    ///
    /// # Errors
    /// A fault of `outbound_allow` that names the first entry that is none of the three.
    pub fn new(allow: &str) -> Result<Self, FieldError> {
        let mut policy = Self::default();
        for entry in allow.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match Entry::parse(entry) {
                Some(Entry::Name(name)) => policy.names.push(name),
                Some(Entry::Subnet(subnet)) => policy.subnets.push(subnet),
                None => {
                    let message = format!(
                        "`{entry}` is not a host name, an IP address or a subnet such as 10.0.0.0/8."
                    );
                    return Err(FieldError::new("outbound_allow", message));
                }
            }
        }
        Ok(policy)
    }

    /// Private addresses, loopback and plain http are let through: for development.
    pub fn development() -> Self {
        Self { development: true, ..Self::default() }
    }

    /// Checks what an address says by itself: scheme, IP literals and names.
    ///
    /// # Errors
    /// A fault of `n8n_api_url` with the reason.
    pub fn check(&self, url: &InstanceUrl) -> Result<(), FieldError> {
        let parsed = Url::parse(url.as_str()).map_err(|_| refused("The address is not a valid URL."))?;
        let listed = match parsed.host() {
            None => return Err(refused("The address has no host.")),
            Some(Host::Domain(name)) => {
                self.check_name(name)?;
                self.lists_name(name)
            }
            Some(Host::Ipv4(ip)) => {
                self.check_ip("", ip.into())?;
                self.lists_ip(ip.into())
            }
            Some(Host::Ipv6(ip)) => {
                self.check_ip("", ip.into())?;
                self.lists_ip(canonical(ip.into()))
            }
        };
        if parsed.scheme() == "https" || listed || self.development {
            return Ok(());
        }
        Err(refused(
            "The address must start with https://; plain http is only for hosts that the operator has listed.",
        ))
    }

    /// Checks an address that a host name resolved to; an empty name stands for an IP literal.
    ///
    /// # Errors
    /// A fault of `n8n_api_url` with the reason.
    pub fn check_ip(&self, host: &str, ip: IpAddr) -> Result<(), FieldError> {
        let ip = canonical(ip);
        if is_never_allowed(ip) {
            return Err(refused(
                "The host has a link-local, metadata, multicast or unspecified address, which is never called.",
            ));
        }
        if self.development || is_public(ip) || self.lists_ip(ip) || self.lists_name(host) {
            return Ok(());
        }
        Err(refused("The host has a private or reserved address that the operator has not listed."))
    }

    fn check_name(&self, name: &str) -> Result<(), FieldError> {
        let bare = name.trim_end_matches('.');
        if METADATA_NAMES.contains(&bare) {
            return Err(refused("The host is a metadata service, which is never called."));
        }
        let local = bare == "localhost" || bare.ends_with(".localhost");
        if local && !self.development && !self.lists_name(name) {
            return Err(refused("The host is this machine, which the operator has not listed."));
        }
        Ok(())
    }

    fn lists_name(&self, name: &str) -> bool {
        let bare = name.trim_end_matches('.');
        self.names.iter().any(|listed| listed.eq_ignore_ascii_case(bare))
    }

    fn lists_ip(&self, ip: IpAddr) -> bool {
        self.subnets.iter().any(|subnet| subnet.contains(ip))
    }
}

fn refused(message: &str) -> FieldError {
    FieldError::new("n8n_api_url", message)
}

/// One entry of the list.
enum Entry {
    Name(String),
    Subnet(Subnet),
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if let Some((address, prefix)) = text.split_once('/') {
            return Subnet::new(address.parse().ok()?, prefix.parse().ok()?).map(Self::Subnet);
        }
        if let Ok(ip) = text.parse() {
            return Subnet::single(canonical(ip)).map(Self::Subnet);
        }
        let Host::Domain(name) = Host::parse(text).ok()? else { return None };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let name = name.trim_end_matches('.');
        (!name.is_empty() && name.bytes().all(fits)).then(|| Self::Name(name.to_owned()))
    }
}

/// All addresses that share their first bits.
#[derive(Clone, Copy, Debug)]
struct Subnet {
    network: IpAddr,
    prefix: u32,
}

impl Subnet {
    fn new(network: IpAddr, prefix: u32) -> Option<Self> {
        (prefix <= width(network)).then_some(Self { network, prefix })
    }

    fn single(ip: IpAddr) -> Option<Self> {
        Self::new(ip, width(ip))
    }

    fn contains(self, ip: IpAddr) -> bool {
        let differing = bits(self.network) ^ bits(ip);
        let host_bits = width(self.network).saturating_sub(self.prefix);
        self.network.is_ipv4() == ip.is_ipv4() && differing.checked_shr(host_bits).unwrap_or(0) == 0
    }
}

fn width(ip: IpAddr) -> u32 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn bits(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The IPv4 address that an IPv6 address stands for, else the address itself.
fn canonical(ip: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = ip else { return ip };
    let v4 = |high: u16, low: u16| IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => ip,
        // IPv4-compatible, IPv4-mapped, IPv4-translated, NAT64.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        // 6to4, and Teredo, which writes the client's address inverted.
        [0x2002, high, low, ..] => v4(high, low),
        [0x2001, 0, .., high, low] => v4(!high, !low),
        _ => ip,
    }
}

fn is_never_allowed(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets().starts_with(&[0]) || is_forbidden(ip),
        IpAddr::V6(ip) => {
            ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || METADATA_V6.contains(&ip)
                || translated_locally(ip).is_some_and(|readings| readings.into_iter().any(is_forbidden))
                || tunnelled(ip).is_some_and(|inner| is_never_allowed(inner.into()))
        }
    }
}

fn is_forbidden(ip: Ipv4Addr) -> bool {
    ip.is_link_local() || ip.is_multicast() || ip.is_broadcast() || METADATA_V4.contains(&ip)
}

/// What an address of NAT64's prefix for local use (RFC 8215) may stand for: the network's operator chooses how long the prefix is, and with that where
/// the IPv4 address lies in it (RFC 6052, 2.2).
fn translated_locally(ip: Ipv6Addr) -> Option<[Ipv4Addr; 4]> {
    let [0x00, 0x64, 0xff, 0x9b, 0, 1, a, b, _, c, d, e, l, m, n, o] = ip.octets() else { return None };
    let readings = [[a, b, c, d], [b, c, d, e], [c, d, e, l], [l, m, n, o]];
    Some(readings.map(Ipv4Addr::from))
}

/// The IPv4 address at the end of an ISATAP tunnel, which lies behind any prefix: so prefix and address both have to be good.
fn tunnelled(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, _, _, 0 | 0x200, 0x5efe, high, low] = ip.segments() else { return None };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

/// Whether an address may be reached over the internet, after IANA's registries of special-purpose addresses.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !matches!(
            ip.octets(),
            [10 | 127, ..]
                | [100, 64..=127, ..]
                | [172, 16..=31, ..]
                | [192, 168, ..]
                | [192, 0, 0 | 2, _]
                | [192, 88, 99, _]
                | [198, 18 | 19, ..]
                | [198, 51, 100, _]
                | [203, 0, 113, _]
                | [240..=255, ..]
        ),
        // Global unicast is 2000::/3; of it, protocols have 2001::/23 (benchmarking and identifiers among it), and documentation is not routed.
        IpAddr::V6(ip) => {
            matches!(ip.segments(), [0x2000..=0x3fff, ..])
                && !matches!(ip.segments(), [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..])
                && tunnelled(ip).is_none_or(|inner| is_public(inner.into()))
        }
    }
}

#[cfg(test)]
mod tests;

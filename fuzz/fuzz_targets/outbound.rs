//! Addresses of n8n instances and the guard: what is let through is https, and no address of ours.
#![no_main]

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use flowmastery_core::model::{instance::InstanceUrl, outbound::OutboundPolicy};
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

static DEFAULT: LazyLock<OutboundPolicy> = LazyLock::new(OutboundPolicy::default);
static DEVELOPMENT: LazyLock<OutboundPolicy> = LazyLock::new(OutboundPolicy::development);

fuzz_target!(|text: &str| {
    let _ = OutboundPolicy::new(text);
    let Ok(url) = InstanceUrl::parse(text) else { return };
    assert_eq!(InstanceUrl::parse(url.as_str()).as_ref(), Ok(&url), "reading it again changes nothing");
    let _ = DEVELOPMENT.check(&url);
    if DEFAULT.check(&url).is_err() {
        return;
    }
    assert!(DEVELOPMENT.check(&url).is_ok());
    let called = Url::parse(&url.endpoint("executions")).unwrap();
    assert_eq!((called.scheme(), called.username(), called.password()), ("https", "", None));
    match called.host().unwrap() {
        Host::Ipv4(ip) => assert!(!is_ours(ip), "{ip}"),
        Host::Ipv6(ip) => {
            let internal =
                ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified();
            assert!(!internal && !ip.is_multicast() && !embedded(ip).is_some_and(is_ours), "{ip}");
        }
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            assert!(name != "localhost" && !name.ends_with(".localhost"), "{name}");
        }
    }
});

/// Addresses that only we can reach.
fn is_ours(ip: Ipv4Addr) -> bool {
    let shared = ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1]);
    let internal = ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified();
    shared || internal || ip.is_broadcast() || ip.is_multicast()
}

/// The IPv4 address that packets to a mapped, NAT64 or 6to4 address reach.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match ip.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

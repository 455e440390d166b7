//! Addresses of n8n instances and the guard: what is let through is https, and no address of ours.
#![no_main]

use std::sync::LazyLock;

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
        Host::Ipv4(ip) => assert!(
            !(ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || ip.is_broadcast()),
            "{ip}"
        ),
        Host::Ipv6(ip) => assert!(
            !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()),
            "{ip}"
        ),
        Host::Domain(name) => assert!(!name.trim_end_matches('.').ends_with("localhost") || name.len() > 10, "{name}"),
    }
});

//! The address of who makes a request, behind proxies or not.
//!
//! A host puts the address of the connection's other end into the request's extensions as a [`PeerAddress`]. Where that is a proxy of its
//! own, the proxy has appended the address that it saw to `X-Forwarded-For`, and one behind it another: the address of the caller stands
//! as many places from the right as there are trusted proxies. What stands left of it was sent by the caller, and is not believed.

use std::net::{IpAddr, SocketAddr};

use flowmastery_core::request::RequestOrigin;
use http::{Extensions, HeaderMap, HeaderName};

use crate::request_id::RequestId;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address at the other end of a request's connection: a host puts it into the request's extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddress(pub IpAddr);

/// How many proxies stand between callers and the host, each of which appends to `X-Forwarded-For`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TrustedProxies(pub(crate) u8);

impl TrustedProxies {
    /// Where a request comes from.
    pub(crate) fn origin(
        self,
        headers: &HeaderMap,
        extensions: &Extensions,
        request_id: RequestId,
    ) -> RequestOrigin {
        let peer = extensions.get::<PeerAddress>().map(|peer| peer.0);
        let address = self.forwarded(headers).or(peer).map(|address| address.to_canonical());
        RequestOrigin { address, request_id: Some(request_id.noted()) }
    }

    /// The address that the outermost trusted proxy saw; `None` without proxies, and for a request that did not come through all of them.
    fn forwarded(self, headers: &HeaderMap) -> Option<IpAddr> {
        let place = usize::from(self.0).checked_sub(1)?;
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        // What the caller sent may be no text; the entry of the proxy behind it is.
        let mut entries = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        address(std::str::from_utf8(entries.nth(place)?).ok()?.trim())
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn address(entry: &str) -> Option<IpAddr> {
    let bare = || entry.parse().ok();
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare().or_else(bracketed).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    /// The address of a request from 10.0.0.1 with these header lines.
    fn seen(proxies: u8, lines: &[&'static str]) -> String {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_static(line));
        }
        extensions.insert(PeerAddress([10, 0, 0, 1].into()));
        let id = RequestId::of(&headers);
        TrustedProxies(proxies).origin(&headers, &extensions, id).address.unwrap().to_string()
    }

    #[test]
    fn without_trusted_proxies_the_header_is_not_believed() {
        assert_eq!(seen(0, &["203.0.113.7"]), "10.0.0.1");
    }

    #[test]
    fn the_address_is_counted_from_the_right() {
        assert_eq!(seen(1, &["6.6.6.6, 203.0.113.7"]), "203.0.113.7");
        assert_eq!(seen(2, &["6.6.6.6, 203.0.113.7, 10.0.0.9"]), "203.0.113.7");
        assert_eq!(seen(2, &["6.6.6.6", "203.0.113.7", "10.0.0.9"]), "203.0.113.7", "in several lines");
    }

    #[test]
    fn what_is_no_text_hides_nothing_behind_it() {
        let (mut headers, mut extensions) = (HeaderMap::new(), Extensions::new());
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 203.0.113.7").unwrap());
        extensions.insert(PeerAddress([10, 0, 0, 1].into()));
        let origin = TrustedProxies(1).origin(&headers, &extensions, RequestId::of(&headers));
        assert_eq!(origin.address, Some([203, 0, 113, 7].into()));
    }

    #[test]
    fn a_request_that_did_not_come_through_all_proxies_has_the_address_of_its_peer() {
        for lines in [&[][..], &["6.6.6.6"], &["unknown, 10.0.0.9"], &["6.6.6.6, , 10.0.0.9"]] {
            assert_eq!(seen(2, lines), "10.0.0.1", "{lines:?}");
        }
    }

    #[test]
    fn addresses_are_read_with_ports_and_brackets_and_mapped_ones_are_ipv4() {
        for (entry, address) in [
            ("203.0.113.7:4711", "203.0.113.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
        ] {
            assert_eq!(seen(1, &[entry]), address);
        }
    }

    #[test]
    fn nobody_knows_where_a_request_without_a_peer_comes_from() {
        let headers = HeaderMap::new();
        let origin = TrustedProxies(0).origin(&headers, &Extensions::new(), RequestId::of(&headers));
        assert_eq!(origin.address, None);
    }
}

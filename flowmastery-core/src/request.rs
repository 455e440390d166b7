//! Where a request comes from: its caller's address and its id, for what is noted of it and for what is counted.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// Where a request comes from, as far as the host knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The address of whoever made it, not of a proxy of the host's own.
    pub address: Option<IpAddr>,
    /// By which it is found in the host's log.
    pub request_id: Option<RequestId>,
}

impl RequestOrigin {
    /// The network of the caller's address.
    pub fn network(self) -> Option<Network> {
        self.address.map(Network::of)
    }
}

/// A place that callers come from: an IPv4 address, or the /64 of an IPv6 one, in which one subscriber has every address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpAddr);

impl Network {
    /// Where an address lies.
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// The id of a request: 1 to 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    bytes: [u8; Self::MAX_LEN],
    len: usize,
}

impl RequestId {
    const MAX_LEN: usize = 64;

    /// The id of this text; `None` when it is not well-formed.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.is_empty() && text.bytes().all(fits)).then_some(Self { bytes, len: text.len() })
    }

    /// The id that a number stands for: its 32 hex digits.
    pub fn from_number(number: u128) -> Self {
        let mut bytes = [0; Self::MAX_LEN];
        for (place, byte) in bytes.iter_mut().take(32).enumerate() {
            let digit = (number >> (124 - 4 * place)) as u8 & 0xf;
            *byte = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        }
        Self { bytes, len: 32 }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_an_ipv4_address_or_the_first_64_bits() {
        for (address, network) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ] {
            let origin = RequestOrigin { address: Some(address.parse().unwrap()), request_id: None };
            assert_eq!(origin.network().unwrap().to_string(), network);
        }
        assert_eq!(RequestOrigin::default().network(), None);
    }

    #[test]
    fn a_number_is_32_hex_digits() {
        for number in [0, 0x1a, u128::MAX, 0x0123_4567_89ab_cdef_0123_4567_89ab_cdef] {
            assert_eq!(RequestId::from_number(number).as_str(), format!("{number:032x}"));
        }
    }

    #[test]
    fn an_id_has_up_to_64_letters_digits_dots_dashes_and_underscores() {
        for text in ["a", "req-1_2.3", &"x".repeat(64)] {
            assert_eq!(RequestId::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "a b", "a\"b", "ü", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(text), None, "{text}");
        }
    }
}

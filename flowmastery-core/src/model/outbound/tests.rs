//! What the outbound guard lets through, and what it refuses.

use proptest::prelude::*;

use super::*;

fn allows(policy: &OutboundPolicy, url: &str) -> bool {
    policy.check(&InstanceUrl::parse(url).unwrap()).is_ok()
}

const NEVER: [&str; 25] = [
    "169.254.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "168.63.129.16",
    "224.0.0.1",
    "0.0.0.0",
    "0.1.2.3",
    "255.255.255.255",
    "[::]",
    "[fe80::1]",
    "[ff02::1]",
    "[fd00:ec2::254]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::1]",
    "[::169.254.169.254]",
    "[::ffff:0:169.254.169.254]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[64:ff9b:1:a9fe:a9:fe00::]",
    "[64:ff9b:1:a9:fe:a9fe::]",
    "[64:ff9b:1:0:a9:fea9:fe00::]",
    "[fd00:ec2::23]",
    "[fe80::5efe:808:808]",
    "[ff02::5efe:808:808]",
    "[2600::5efe:169.254.169.254]",
];

const UNLESS_LISTED: [&str; 30] = [
    "10.0.0.1",
    "127.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "203.0.113.7",
    "240.0.0.1",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.19.255.255",
    "198.51.100.1",
    "[::1]",
    "[100::1]",
    "[2001:2::1]",
    "[2001:20::1]",
    "[3fff::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fec0::1]",
    "[2001:db8::1]",
    "[64:ff9b:1::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[2002:c0a8:101::1]",
    "[2001:0:1:2:3:4:80ff:fffe]",
    "[2600::5efe:10.0.0.1]",
    "[fd12:3456::5efe:808:808]",
];

const PUBLIC: [&str; 9] = [
    "8.8.8.8",
    "172.32.0.1",
    "100.128.0.1",
    "192.0.1.1",
    "[2606:4700::1111]",
    "[::ffff:8.8.8.8]",
    "[64:ff9b::8.8.8.8]",
    "[2002:808:808::1]",
    "n8n.acme.com",
];

#[test]
fn public_addresses_are_called_over_https_only() {
    let policy = OutboundPolicy::default();
    for host in PUBLIC {
        assert!(allows(&policy, &format!("https://{host}")), "{host}");
        assert!(!allows(&policy, &format!("http://{host}")), "{host}");
    }
}

#[test]
fn some_addresses_are_never_called() {
    let everything = OutboundPolicy::new("0.0.0.0/0, ::/0").unwrap();
    for policy in [OutboundPolicy::default(), OutboundPolicy::development(), everything] {
        for host in NEVER {
            assert!(!allows(&policy, &format!("https://{host}")), "{host} under {policy:?}");
        }
    }
}

#[test]
fn addresses_that_are_not_public_need_development_or_a_listing() {
    let everything = OutboundPolicy::new("0.0.0.0/0,::/0").unwrap();
    for host in UNLESS_LISTED {
        assert!(!allows(&OutboundPolicy::default(), &format!("https://{host}")), "{host}");
        assert!(allows(&OutboundPolicy::development(), &format!("http://{host}")), "{host}");
        assert!(allows(&everything, &format!("http://{host}")), "{host}");
    }
}

#[test]
fn odd_spellings_are_judged_as_the_address_they_mean() {
    for host in [
        "2130706433",
        "0x7f.1",
        "0x7F000001",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "127。0。0。1",
        "①②7.0.0.1",
        "%31%32%37.0.0.1",
        "127%2e0%2e0%2e1",
        "LOCALHOST.",
        "%6cocalhost",
        "ｌｏｃａｌｈｏｓｔ",
    ] {
        assert!(!allows(&OutboundPolicy::default(), &format!("https://{host}")), "{host}");
        assert!(allows(&OutboundPolicy::development(), &format!("https://{host}")), "{host} is loopback");
    }
    for host in
        ["0xa9fea9fe", "2852039166", "169.254.43518", "①⑥⑨.254.169.254", "169.254.169.254.", "%6detadata"]
    {
        assert!(!allows(&OutboundPolicy::development(), &format!("https://{host}")), "{host}");
    }
}

#[test]
fn names_of_this_machine_and_of_metadata_services_are_refused() {
    let policy = OutboundPolicy::default();
    for host in ["localhost", "LOCALHOST", "localhost.", "n8n.localhost"] {
        assert!(!allows(&policy, &format!("https://{host}")), "{host}");
        assert!(allows(&OutboundPolicy::development(), &format!("http://{host}")), "{host}");
    }
    for host in ["metadata", "metadata.google.internal", "Metadata.Google.Internal.", "instance-data"] {
        assert!(!allows(&OutboundPolicy::development(), &format!("http://{host}")), "{host}");
    }
    assert!(allows(&policy, "https://localhost.acme.com"));
}

#[test]
fn a_listing_lets_exactly_its_names_and_subnets_through() {
    let policy = OutboundPolicy::new(" n8n.LAN ,10.1.0.0/16, fd12::7,192.168.7.7, localhost,").unwrap();
    for host in
        ["n8n.lan", "N8N.lan.", "10.1.255.1", "[fd12::7]", "192.168.7.7", "localhost", "[::ffff:10.1.0.1]"]
    {
        assert!(allows(&policy, &format!("http://{host}")), "{host}");
    }
    for host in ["a.n8n.lan", "10.2.0.1", "[fd12::8]", "192.168.7.8", "127.0.0.1", "a.localhost"] {
        assert!(!allows(&policy, &format!("http://{host}")), "{host}");
    }
}

#[test]
fn a_name_is_judged_by_what_it_resolves_to_unless_it_is_listed() {
    let policy = OutboundPolicy::new("n8n.lan").unwrap();
    let private = IpAddr::from([10, 0, 0, 1]);
    assert!(policy.check_ip("n8n.lan", private).is_ok());
    assert!(policy.check_ip("n8n.acme.com", private).is_err());
    assert!(policy.check_ip("n8n.acme.com", IpAddr::from([8, 8, 8, 8])).is_ok());
    assert!(policy.check_ip("n8n.lan", IpAddr::from([169, 254, 169, 254])).is_err());
}

#[test]
fn a_bad_entry_is_named() {
    for entry in
        ["10.0.0.0/33", "10.0.0.0/x", "::/129", "*.acme.com", "acme.com:80", "https://acme.com", "a b", "/8"]
    {
        let fault = OutboundPolicy::new(&format!("n8n.lan,{entry}")).expect_err(entry);
        assert_eq!(fault.field, "outbound_allow");
        assert!(fault.message.contains(entry), "{}", fault.message);
    }
}

proptest! {
    /// However an IPv6 address carries it.
    #[test]
    fn an_ipv4_address_inside_an_ipv6_address_is_judged_as_itself(bits in any::<u32>()) {
        let policy = OutboundPolicy::default();
        let v4 = Ipv4Addr::from_bits(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        for v6 in [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, high, low),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, 1, 2, 3, 4, !high, !low),
        ] {
            prop_assert_eq!(policy.check_ip("", v6.into()), policy.check_ip("", v4.into()), "{}", v6);
        }
    }
}

//! Settings of the HTTP server: address, names, origins, proxies, documentation.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

use super::{reader::Reader, table::Setting};

const BIND: Setting = Setting {
    name: "BIND",
    default: "127.0.0.1:8000",
    accepts: "an IP address and a port, such as 127.0.0.1:8000 or [::]:8000",
    meaning: "address and port to listen on; also `serve --bind`",
    secret: false,
};
const DEBUG: Setting = Setting {
    name: "DEBUG",
    default: "",
    accepts: "true or false",
    meaning: "development: invitation links are shown, private n8n addresses allowed; unset: true only while SECRET_KEY is unset, \
              BIND is loopback and the database is SQLite",
    secret: false,
};
const DOCS: Setting = Setting {
    name: "DOCS",
    default: "",
    accepts: "true or false",
    meaning: "whether /docs and /openapi.json are served; unset: as DEBUG",
    secret: false,
};
const ALLOWED_HOSTS: Setting = Setting {
    name: "ALLOWED_HOSTS",
    default: "*",
    accepts: "host names separated by commas, such as api.acme.com,*.acme.com, or *",
    meaning: "which Host headers are answered; others get 400",
    secret: false,
};
const CORS_ORIGINS: Setting = Setting {
    name: "CORS_ORIGINS",
    default: "",
    accepts: "origins separated by commas, such as https://app.acme.com, or *",
    meaning: "which other origins may call the API from a browser, with bearer tokens",
    secret: false,
};
const TRUSTED_PROXY_HOPS: Setting = Setting {
    name: "TRUSTED_PROXY_HOPS",
    default: "0",
    accepts: "a whole number from 0 to 16",
    meaning: "how many reverse proxies of yours append to X-Forwarded-For: the address of a caller stands so many places from the right in it",
    secret: false,
};

pub(super) static TABLE: [Setting; 6] = [BIND, DEBUG, DOCS, ALLOWED_HOSTS, CORS_ORIGINS, TRUSTED_PROXY_HOPS];

/// The HTTP server.
#[derive(Debug)]
pub(crate) struct ServerSettings {
    /// Where to listen.
    pub(crate) bind: SocketAddr,
    /// As set; what it means while unset is decided over all settings.
    pub(super) debug: Option<bool>,
    /// As set.
    pub(super) docs: Option<bool>,
    /// Which `Host` headers are answered.
    pub(crate) allowed_hosts: AllowedHosts,
    /// Which other origins may call.
    pub(crate) cors: CorsOrigins,
    /// How many proxies append to `X-Forwarded-For`.
    pub(crate) trusted_proxy_hops: u8,
}

/// Which `Host` headers are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AllowedHosts {
    /// Every one.
    Any,
    /// These, in lower case; `*.name` stands for every name below `name`.
    Only(Vec<String>),
}

impl AllowedHosts {
    /// A name that is answered, for asking at an address that may not be.
    pub(crate) fn example(&self) -> Option<String> {
        match self {
            Self::Any => None,
            Self::Only(names) => names.first().map(|name| name.replacen('*', "health", 1)),
        }
    }
}

/// Which other origins may call the API from a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CorsOrigins {
    /// Every one.
    Any,
    /// These, as browsers write them; none: no CORS at all.
    Only(Vec<String>),
}

impl ServerSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let bind = reader.parse(&BIND, parse_bind);
        let debug = reader.flag(&DEBUG);
        let docs = reader.flag(&DOCS);
        let hosts = reader.list(&ALLOWED_HOSTS, parse_host);
        let any_host = hosts.iter().any(|host| host == "*");
        let allowed_hosts = if any_host { AllowedHosts::Any } else { AllowedHosts::Only(hosts) };
        let origins = reader.list(&CORS_ORIGINS, parse_origin);
        let any_origin = origins.iter().any(|origin| origin == "*");
        let cors = if any_origin { CorsOrigins::Any } else { CorsOrigins::Only(origins) };
        let trusted_proxy_hops = reader.number::<u8>(&TRUSTED_PROXY_HOPS, 0..=16);
        Some(Self { bind: bind?, debug, docs, allowed_hosts, cors, trusted_proxy_hops: trusted_proxy_hops? })
    }
}

fn parse_bind(text: &str) -> Option<SocketAddr> {
    let localhost = || {
        let port = text.strip_prefix("localhost:")?.parse().ok()?;
        Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    };
    text.parse().ok().or_else(localhost)
}

fn parse_host(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let (wildcard, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    let host = Host::parse(name).ok().filter(|_| !name.contains('*'))?;
    Some(format!("{wildcard}{host}"))
}

fn parse_origin(text: &str) -> Option<String> {
    if text == "*" {
        return Some(text.to_owned());
    }
    let url = Url::parse(text).ok()?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_origin.then(|| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_or_localhost_with_a_port() {
        assert_eq!(parse_bind("localhost:80"), Some(([127, 0, 0, 1], 80).into()));
        assert!(parse_bind("[::1]:80").is_some());
        for text in ["8000", "127.0.0.1", "acme.com:80", "localhost:", "127.0.0.1:99999"] {
            assert_eq!(parse_bind(text), None, "{text}");
        }
    }

    #[test]
    fn hosts_are_names_addresses_and_wildcards() {
        assert_eq!(parse_host("API.acme.com").as_deref(), Some("api.acme.com"));
        assert_eq!(parse_host("*.Acme.com").as_deref(), Some("*.acme.com"));
        assert_eq!(parse_host("[::1]").as_deref(), Some("[::1]"));
        for text in ["https://acme.com", "acme.com/x", "a*.acme.com", "acme.com:80"] {
            assert_eq!(parse_host(text), None, "{text}");
        }
    }

    #[test]
    fn an_example_of_what_is_answered_stands_for_a_wildcard_too() {
        let only = |name: &str| AllowedHosts::Only(vec![name.to_owned()]).example();
        assert_eq!(only("api.acme.com").as_deref(), Some("api.acme.com"));
        assert_eq!(only("*.acme.com").as_deref(), Some("health.acme.com"));
        assert_eq!(AllowedHosts::Any.example(), None);
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        assert_eq!(parse_origin("https://App.acme.com:443/").as_deref(), Some("https://app.acme.com"));
        assert_eq!(parse_origin("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
        for text in ["app.acme.com", "https://acme.com/path", "ftp://acme.com", "https://u@acme.com"] {
            assert_eq!(parse_origin(text), None, "{text}");
        }
    }
}

//! Settings of the links in mails; never taken from a request's `Host`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use flowmastery_tower::Site;
use url::Url;

use super::{reader::Reader, table::Setting};

const FRONTEND_URL: Setting = Setting {
    name: "FRONTEND_URL",
    default: "",
    accepts: "an http or https URL without query and fragment, such as https://app.acme.com",
    meaning: "your front end: mails link to {FRONTEND_URL}/accept-invitation?token=… and \
              {FRONTEND_URL}/reset-password?token=…; unset: the dashboard of this server, or \
              PUBLIC_URL where DASHBOARD is false",
    secret: false,
};
const PUBLIC_URL: Setting = Setting {
    name: "PUBLIC_URL",
    default: "",
    accepts: "an http or https URL without query and fragment, such as https://api.acme.com or https://acme.com/flow",
    meaning: "where this server is seen from outside; browsers keep cookies for it, which are good on its own pages only. Below its path the \
              server is the same as at the root, so the proxy may take it off or not. Unset: the address of BIND",
    secret: false,
};

pub(super) static TABLE: [Setting; 2] = [FRONTEND_URL, PUBLIC_URL];

/// Where links lead; without a slash at the end.
#[derive(Debug)]
pub(crate) struct LinkSettings {
    frontend: Option<String>,
    public: Option<String>,
}

impl LinkSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            frontend: reader.parse(&FRONTEND_URL, parse_base),
            public: reader.parse(&PUBLIC_URL, parse_public),
        }
    }

    /// Where this server is seen from outside, when it listens on `address`.
    pub(crate) fn public_url(&self, address: SocketAddr) -> String {
        self.public.clone().unwrap_or_else(|| format!("http://{}", reachable(address)))
    }

    /// The path that a proxy puts this server under; empty at the root.
    pub(crate) fn base_path(&self) -> String {
        self.public.as_deref().map(path_of).unwrap_or_default()
    }

    /// Whether it was said where this server is seen from outside.
    pub(crate) fn is_public_url_set(&self) -> bool {
        self.public.is_some()
    }

    /// Where the pages are that take `?token=` of a mail: those of the dashboard at this path, where no others are told.
    pub(crate) fn front_end(&self, address: SocketAddr, dashboard: &str) -> String {
        let own = || format!("{}{dashboard}", self.public_url(address).trim_end_matches('/'));
        self.frontend.clone().unwrap_or_else(own)
    }
}

/// An address that can be opened from this machine: "every address" is none.
pub(crate) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn parse_base(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_base = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    is_base.then(|| url.as_str().trim_end_matches('/').to_owned())
}

fn path_of(url: &str) -> String {
    Url::parse(url).map(|url| url.path().to_owned()).unwrap_or_default()
}

/// The same with a path that the API can be mounted under.
fn parse_public(text: &str) -> Option<String> {
    parse_base(text).filter(|url| Site::new(url, &path_of(url)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_front_end_else_to_this_server() {
        let bind = SocketAddr::from(([0, 0, 0, 0], 8000));
        let links = LinkSettings { frontend: None, public: None };
        assert_eq!(links.front_end(bind, "/portal"), "http://127.0.0.1:8000/portal");
        assert_eq!(links.front_end(bind, ""), "http://127.0.0.1:8000");
        let links = LinkSettings { public: Some("https://api.acme.com".to_owned()), ..links };
        assert_eq!(links.front_end(bind, "/dashboard"), "https://api.acme.com/dashboard");
        let links = LinkSettings { frontend: parse_base("http://localhost:3000/"), ..links };
        assert_eq!(links.front_end(bind, "/dashboard"), "http://localhost:3000");
    }

    #[test]
    fn the_path_of_the_public_url_is_where_the_api_is() {
        let links = |public| LinkSettings { frontend: None, public: parse_public(public) };
        assert_eq!(links("https://a.com/flow/").base_path(), "/flow");
        assert_eq!(links("https://a.com").base_path(), "/");
        assert_eq!(LinkSettings { frontend: None, public: None }.base_path(), "");
        assert_eq!(parse_public("https://a.com/two%20words"), None);
    }

    #[test]
    fn a_base_has_no_query_fragment_or_credentials() {
        for text in ["https://a.com/?x", "https://a.com/#x", "https://u:p@a.com", "a.com", "ftp://a.com"] {
            assert_eq!(parse_base(text), None, "{text}");
        }
        assert_eq!(parse_base("https://a.com/app/").as_deref(), Some("https://a.com/app"));
    }
}

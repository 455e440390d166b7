//! Answers as text, and what later requests take of them.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};
use regex::Regex;
use serde_json::Value;

use flowmastery_tests::world::ADMIN;

/// What answers said that later requests send, by name.
pub(super) type Remembered = BTreeMap<&'static str, String>;

/// The headers that are ours, and not the host's or the connection's.
const HEADERS: [&str; 10] = [
    "allow",
    "cache-control",
    "content-security-policy",
    "content-type",
    "etag",
    "link",
    "location",
    "retry-after",
    "www-authenticate",
    "x-request-id",
];

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: bytes::Bytes,
}

impl Answer {
    pub(super) fn text(&self) -> String {
        if let (Some(length), false) = (self.headers.get("content-length"), self.body.is_empty()) {
            assert_eq!(length.to_str().unwrap(), self.body.len().to_string());
        }
        let headers = HEADERS.iter().filter_map(|name| {
            let values: Vec<_> =
                self.headers.get_all(*name).iter().map(|value| value.to_str().unwrap()).collect();
            (!values.is_empty()).then(|| format!("{name}: {}\n", values.join(", ")))
        });
        let headers: String = headers.collect();
        format!("{}\n{headers}\n{}\n\n", self.status.as_u16(), String::from_utf8_lossy(&self.body))
    }

    pub(super) fn remember(&self, remembered: &mut Remembered) {
        if let Some(etag) = self.headers.get("etag") {
            remembered.insert("etag", etag.to_str().unwrap().to_owned());
        }
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let text = |name: &str| body[name].as_str().map(ToOwned::to_owned);
        if let Some(link) = text("accept_url") {
            remembered.insert("invitation", link.split_once("?token=").unwrap().1.to_owned());
        }
        if let (Some(access), Some(refresh)) = (text("access_token"), text("refresh_token")) {
            let is_admin = body["user"]["email"] == ADMIN;
            remembered.insert(if is_admin { "admin" } else { "carl" }, access);
            remembered.insert(if is_admin { "admin_refresh" } else { "carl_refresh" }, refresh);
        }
    }
}

/// A text in which every `{name}` is what was remembered of it.
pub(super) fn filled(text: &str, remembered: &Remembered) -> String {
    remembered.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// A transcript without what differs by time and chance, for programs with the system's clock and randomness.
pub(super) fn masked(transcript: &str) -> String {
    [
        (r"eyJ[A-Za-z0-9_.-]+", "<token>"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "<time>"),
        (r#"etag: "[^"]+""#, "etag: <tag>"),
        (r#""refresh_token":"[^"]+""#, r#""refresh_token":"<token>""#),
        (r"\?token=[A-Za-z0-9_-]+", "?token=<token>"),
        (r#""accept_url":"[^?]*"#, r#""accept_url":"<page>"#),
    ]
    .iter()
    .fold(transcript.to_owned(), |text, (pattern, mask)| {
        Regex::new(pattern).unwrap().replace_all(&text, *mask).into_owned()
    })
}

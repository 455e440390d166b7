//! What browsers do with cookies: keep those of an answer, and send them along.

use http::{HeaderMap, header};

/// Names with values, in the order in which they came.
pub type Cookies = Vec<(String, String)>;

/// Keeps the cookies that an answer sets, each of which no script may read and no other site send along, and loses those that it takes away.
pub fn keep(cookies: &mut Cookies, headers: &HeaderMap) {
    for cookie in headers.get_all(header::SET_COOKIE) {
        let (name, rest) = cookie.to_str().unwrap().split_once('=').unwrap();
        let (value, attributes) = rest.split_once("; ").unwrap();
        assert!(attributes.contains("HttpOnly; SameSite=Strict"), "{attributes}");
        cookies.retain(|(known, _)| known != name);
        if !attributes.contains("Max-Age=0") {
            cookies.push((name.to_owned(), value.to_owned()));
        }
    }
}

/// What a request has in its `Cookie` header.
pub fn sent(cookies: &Cookies) -> String {
    cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

//! Where browsers find the API: what its cookies are called and bound to, and which requests come from its own pages.
//!
//! Scripts cannot read the cookies, other sites' pages cannot send them, and what changes something by one has to come from a page of the
//! API's own origin: a sibling under the same domain is another origin, but the same site. Where the API is not known to be on plain
//! http the cookies are for TLS only, and called so that browsers take them from nobody else: `__Host-` where the path is the whole host.

use std::time::Duration;

use cookie::{Cookie, SameSite};
use flowmastery_core::{
    error::{Error, FieldError, Kind, Result},
    model::session::SignedIn,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

const ACCESS: &str = "flowmastery_access";
const REFRESH: &str = "flowmastery_refresh";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Where browsers find the API.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// As browsers write it; `None` where nobody said it.
    origin: Option<String>,
    base_path: String,
}

impl Site {
    /// The API at this URL from outside, whose path does not matter, and mounted here.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a URL that is not of http or https, and for a base path that is none.
    pub fn new(public_url: &str, base_path: &str) -> Result<Self> {
        Self::of(Some(public_url), base_path)
    }

    /// The same where nobody may have said the URL.
    pub(crate) fn of(public_url: Option<&str>, base_path: &str) -> Result<Self> {
        let origin = public_url.map(checked_origin).transpose()?;
        Ok(Self { origin, base_path: checked_base_path(base_path)? })
    }

    /// Where the host mounts the API, without a trailing slash; empty at the root.
    pub(crate) fn base_path(&self) -> &str {
        &self.base_path
    }

    /// What stands of a path behind the base path; `None` where there is no base path, or the path is not below it.
    pub(crate) fn below_base_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let base = Some(self.base_path.as_str()).filter(|base| !base.is_empty())?;
        match path.strip_prefix(base)? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }

    /// Whether callers are known to come over https, so that browsers may be told to come in no other way.
    pub(crate) fn is_https(&self) -> bool {
        self.origin.as_deref().is_some_and(|origin| origin.starts_with("https:"))
    }

    /// Whether the API is all that is there, and not something below a path.
    pub(crate) fn is_whole_host(&self) -> bool {
        self.base_path.is_empty()
    }

    /// What the cookie of access tokens is called.
    pub(crate) fn access_cookie(&self) -> String {
        self.named(ACCESS)
    }

    fn refresh_cookie(&self) -> String {
        self.named(REFRESH)
    }

    fn named(&self, name: &str) -> String {
        match (self.is_secure(), self.is_whole_host()) {
            (true, true) => format!("__Host-{name}"),
            (true, false) => format!("__Secure-{name}"),
            (false, _) => name.to_owned(),
        }
    }

    fn is_secure(&self) -> bool {
        self.origin.as_deref().is_none_or(|origin| origin.starts_with("https:"))
    }

    /// The access token that a request brings in its cookie.
    ///
    /// # Errors
    /// [`Kind::Unauthenticated`] where there are several: another host of the same domain may have set one.
    pub(crate) fn access_token(&self, headers: &HeaderMap) -> Result<Option<SecretString>> {
        only_cookie(headers, &self.access_cookie())
    }

    /// The refresh token that a request brings in its cookie.
    ///
    /// # Errors
    /// As [`Self::access_token`].
    pub(crate) fn refresh_token(&self, headers: &HeaderMap) -> Result<Option<SecretString>> {
        only_cookie(headers, &self.refresh_cookie())
    }

    /// The same request as if it had brought this access token in its cookie.
    ///
    /// # Errors
    /// [`Kind::Internal`] for a token that no header can hold.
    #[cfg(feature = "dashboard")]
    pub(crate) fn put_access_token(&self, headers: &mut HeaderMap, token: &SecretString) -> Result<()> {
        let name = self.access_cookie();
        let others = cookies(headers).filter(|cookie| cookie.name() != name);
        let mut all: Vec<_> = others.map(|cookie| cookie.stripped().to_string()).collect();
        all.push(format!("{name}={}", token.expose_secret()));
        let mut value = HeaderValue::try_from(all.join("; ")).map_err(Error::internal)?;
        value.set_sensitive(true);
        headers.insert(header::COOKIE, value);
        Ok(())
    }

    /// The headers that give a browser its tokens.
    ///
    /// # Errors
    /// [`Kind::Internal`] for a token that no header can hold.
    pub(crate) fn set_cookies(&self, signed_in: &SignedIn) -> Result<[HeaderValue; 2]> {
        let access_lifetime = Duration::from_secs(signed_in.expires_in);
        self.cookies(
            (signed_in.access_token.expose_secret(), access_lifetime),
            (signed_in.refresh_token.expose_secret(), signed_in.refresh_lifetime),
        )
    }

    /// The headers that take them away.
    ///
    /// # Errors
    /// None that is known.
    pub(crate) fn clear_cookies(&self) -> Result<[HeaderValue; 2]> {
        self.cookies(("", Duration::ZERO), ("", Duration::ZERO))
    }

    fn cookies(&self, access: (&str, Duration), refresh: (&str, Duration)) -> Result<[HeaderValue; 2]> {
        // `__Host-`, which keeps siblings from planting a cookie, is for the path `/` only. Both go to all that is below the base path, for pages
        // have their session renewed where they are.
        let path = if self.base_path.is_empty() { "/" } else { &self.base_path };
        Ok([
            self.cookie(self.access_cookie(), path, access)?,
            self.cookie(self.refresh_cookie(), path, refresh)?,
        ])
    }

    fn cookie(&self, name: String, path: &str, (token, lifetime): (&str, Duration)) -> Result<HeaderValue> {
        let cookie = Cookie::build((name, token))
            .path(path.to_owned())
            .secure(self.is_secure())
            .http_only(true)
            .same_site(SameSite::Strict)
            .max_age(cookie::time::Duration::seconds(lifetime.as_secs().try_into().unwrap_or(i64::MAX)));
        let mut value = HeaderValue::try_from(cookie.build().to_string()).map_err(Error::internal)?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// Insists that a request which changes something by the cookie's token comes from a page of our own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for another page's.
    pub(crate) fn admit(&self, method: &Method, headers: &HeaderMap) -> Result<()> {
        if method.is_safe() || !is_signed_in_by_cookie(headers) {
            return Ok(());
        }
        self.require_own_page(headers)
    }

    /// Insists that a request comes from a page of our own.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for another page's.
    pub(crate) fn require_own_page(&self, headers: &HeaderMap) -> Result<()> {
        // What a browser says itself comes first; older ones say the page's origin only.
        let is_own = match (headers.get(SEC_FETCH_SITE), headers.get(header::ORIGIN), &self.origin) {
            (Some(site), _, _) => site == "same-origin",
            (None, Some(origin), Some(own)) => origin == own.as_str(),
            _ => false,
        };
        if is_own {
            return Ok(());
        }
        let message = "What changes something by cookies has to come from a page of this API's own origin, \
                       and say so in Origin or Sec-Fetch-Site.";
        Err(Error::new(Kind::Forbidden, message))
    }
}

/// Whether a browser says that another origin's page led to this one; it then brings none of our cookies along.
#[cfg(feature = "dashboard")]
pub(crate) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// Whether a request brings an access token of ours in a cookie, whatever that is called, and no header that comes before it.
pub(crate) fn is_signed_in_by_cookie(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION)
        && cookies(headers).any(|cookie| cookie.name().ends_with(ACCESS))
}

fn cookies(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    let values = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(Cookie::split_parse).filter_map(Result::ok)
}

fn only_cookie(headers: &HeaderMap, name: &str) -> Result<Option<SecretString>> {
    let mut found = cookies(headers).filter(|cookie| cookie.name() == name);
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Error::new(
            Kind::Unauthenticated,
            "A cookie of this API is there twice; remove both, and sign in again.",
        )),
        (cookie, _) => Ok(cookie.map(|cookie| cookie.value().into())),
    }
}

/// The origin of a URL, as browsers write it.
fn checked_origin(url: &str) -> Result<String> {
    let url = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let origin = url.map(|url| url.origin().ascii_serialization());
    origin.ok_or_else(|| {
        let message = "A public URL is one of http or https, such as https://api.acme.com.";
        Error::invalid(vec![FieldError::new("public_url", message)])
    })
}

/// A base path without its trailing slash.
fn checked_base_path(given: &str) -> Result<String> {
    let path = given.strip_suffix('/').unwrap_or(given);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'~' | b'-');
    let rooted = path.is_empty() || (path.starts_with('/') && !given.contains("//"));
    if rooted && path.bytes().all(fits) {
        return Ok(path.to_owned());
    }
    let message = "A base path starts with a slash and has letters, digits, '/', '.', '_', '~' and '-' only.";
    Err(Error::invalid(vec![FieldError::new("base_path", message)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    fn site(url: &str) -> Site {
        Site::new(url, "").unwrap()
    }

    fn set(site: &Site) -> [String; 2] {
        site.clear_cookies().unwrap().map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn cookies_are_bound_to_where_the_api_is() {
        let rest = "HttpOnly; SameSite=Strict";
        assert_eq!(
            set(&Site::default()),
            [
                format!("__Host-flowmastery_access=; {rest}; Secure; Path=/; Max-Age=0"),
                format!("__Host-flowmastery_refresh=; {rest}; Secure; Path=/; Max-Age=0"),
            ]
        );
        assert_eq!(set(&site("https://api.acme.com")), set(&Site::default()));
        assert_eq!(
            set(&Site::new("https://acme.com", "/flow/").unwrap()),
            [
                format!("__Secure-flowmastery_access=; {rest}; Secure; Path=/flow; Max-Age=0"),
                format!("__Secure-flowmastery_refresh=; {rest}; Secure; Path=/flow; Max-Age=0"),
            ]
        );
        assert_eq!(
            set(&site("http://127.0.0.1:8000")),
            [
                format!("flowmastery_access=; {rest}; Path=/; Max-Age=0"),
                format!("flowmastery_refresh=; {rest}; Path=/; Max-Age=0"),
            ]
        );
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_once_only() {
        let read = |pairs: &[(HeaderName, &'static str)]| {
            let token = Site::default().access_token(&headers(pairs));
            token
                .map(|token| token.map(|token| token.expose_secret().to_owned()))
                .map_err(|error| error.kind())
        };
        let cookie = |value| (header::COOKIE, value);
        assert_eq!(read(&[]), Ok(None));
        let both = "a=1; __Host-flowmastery_access=x.y.z; b=2";
        assert_eq!(read(&[cookie(both)]), Ok(Some("x.y.z".to_owned())));
        assert_eq!(read(&[cookie("a=1"), cookie("__Host-flowmastery_access=x")]), Ok(Some("x".to_owned())));
        for other in ["flowmastery_access=x", "__Secure-flowmastery_access=x", "; ;=;broken"] {
            assert_eq!(read(&[cookie(other)]), Ok(None), "{other}");
        }
        assert_eq!(read(&[cookie(both), cookie(both)]), Err(Kind::Unauthenticated));
    }

    #[test]
    #[cfg(feature = "dashboard")]
    fn another_access_token_takes_the_place_of_the_one_before_and_of_nothing_else() {
        let old = (header::COOKIE, "a=1; __Host-flowmastery_access=old; b=\"2 3\"");
        let mut headers = headers(&[old, (header::COOKIE, "__Host-flowmastery_refresh=r")]);
        Site::default().put_access_token(&mut headers, &"new".into()).unwrap();
        let sent: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        let expected = "a=1; b=\"2 3\"; __Host-flowmastery_refresh=r; __Host-flowmastery_access=new";
        assert_eq!(sent, [expected]);
        assert!(sent[0].is_sensitive());
    }

    #[test]
    fn only_requests_of_own_pages_change_something_by_cookie() {
        let site = site("https://API.acme.com:443/any");
        let own = (header::ORIGIN, "https://api.acme.com");
        let cookie = (header::COOKIE, "__Host-flowmastery_access=x");
        let admits = |method: Method, pairs: &[(HeaderName, &'static str)]| {
            let admitted = site.admit(&method, &headers(pairs));
            admitted.map_err(|error| assert_eq!(error.kind(), Kind::Forbidden)).is_ok()
        };
        assert!(admits(Method::POST, &[cookie.clone(), own.clone()]));
        assert!(admits(Method::POST, &[cookie.clone(), (SEC_FETCH_SITE, "same-origin")]));
        assert!(admits(Method::GET, std::slice::from_ref(&cookie)));
        assert!(admits(Method::POST, &[cookie.clone(), (header::AUTHORIZATION, "Bearer x")]));
        assert!(admits(Method::POST, &[]));
        for foreign in ["https://evil.com", "https://app.acme.com", "http://api.acme.com", "null", ""] {
            assert!(!admits(Method::POST, &[cookie.clone(), (header::ORIGIN, foreign)]), "{foreign}");
        }
        for foreign in ["cross-site", "same-site", "none"] {
            let said = (SEC_FETCH_SITE, foreign);
            assert!(!admits(Method::DELETE, &[cookie.clone(), own.clone(), said]), "{foreign}");
        }
        assert!(!admits(Method::PATCH, &[cookie]), "it says nothing");
        let plain = (header::COOKIE, "flowmastery_access=x");
        assert!(!admits(Method::PUT, &[plain]), "whatever the cookie is called");
    }

    #[test]
    fn a_site_that_does_not_know_its_origin_believes_the_browser_only() {
        let own_page = |pair| Site::default().require_own_page(&headers(&[pair])).is_ok();
        assert!(own_page((SEC_FETCH_SITE, "same-origin")));
        assert!(!own_page((header::ORIGIN, "https://api.acme.com")));
    }

    #[test]
    fn what_is_no_public_url_is_refused() {
        for url in ["", "api.acme.com", "ftp://acme.com", "/api"] {
            let error = Site::new(url, "").unwrap_err();
            assert_eq!(error.fields().first().unwrap().field, "public_url", "{url}");
        }
    }
}

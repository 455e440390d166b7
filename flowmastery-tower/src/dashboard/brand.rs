//! What a host says of its dashboard: where it is, and whose.

use bytes::Bytes;
use flowmastery_core::error::{Error, FieldError, Result};

use super::PATH;

/// A dashboard as a host wants it, for [`ApiBuilder::dashboard`](crate::ApiBuilder::dashboard).
///
/// Mails lead to its pages where the services' front end is the public URL, the base path and the dashboard's path:
///
/// ```
/// # use std::sync::Arc;
/// # use flowmastery_core::{Config, Flowmastery, error::BoxError, store::sql::SqlStore};
/// use flowmastery_tower::{Api, Dashboard, Logo};
/// # use http::{Request, StatusCode, header};
/// # use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// # let store = SqlStore::open("sqlite::memory:").await?;
/// # let secret = "a signing secret, long enough for an example".into();
/// let logo = Logo::new("image/svg+xml", &b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..])?;
/// let dashboard = Dashboard::at("/portal")?.name("Acme Automation").logo(logo);
/// let config = Config::new(secret, "https://acme.com/flow/portal");
/// let flowmastery = Flowmastery::builder(config, Arc::new(store)).build()?;
/// let api = Api::builder(flowmastery).base_path("/flow").public_url("https://acme.com").dashboard(dashboard).build()?;
///
/// let page = api.clone().oneshot(Request::get("/flow/portal/sign-in").body(String::new())?).await?;
/// assert_eq!(page.status(), StatusCode::OK);
/// let nobody = api.oneshot(Request::get("/flow/portal").body(String::new())?).await?;
/// assert_eq!(nobody.headers()[header::LOCATION], "/flow/portal/sign-in?next=%2Fflow%2Fportal");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Dashboard {
    path: String,
    name: String,
    logo: Option<Logo>,
    /// Where the host signs visitors in and out.
    own_signing: Option<[String; 2]>,
}

impl Default for Dashboard {
    /// At `/dashboard`, called FlowMastery.
    fn default() -> Self {
        Self { path: PATH.to_owned(), name: "FlowMastery".to_owned(), logo: None, own_signing: None }
    }
}

impl Dashboard {
    /// One below another path than `/dashboard`, which stands behind the API's base path.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for a path that is none, and for those of the API itself.
    pub fn at(path: &str) -> Result<Self> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
        let is_path = path.len() > 1
            && path.starts_with('/')
            && !path.ends_with('/')
            && !path.contains("//")
            && path.bytes().all(fits);
        let first = path.split('/').nth(1).unwrap_or_default();
        if !is_path || matches!(first, "api" | "docs" | "health" | "openapi") {
            let message =
                "A dashboard's path is one such as /dashboard or /portal/numbers, and none of the API's.";
            return Err(Error::invalid(vec![FieldError::new("dashboard_path", message)]));
        }
        Ok(Self { path: path.to_owned(), ..Self::default() })
    }

    /// The name of the agency, as pages and titles show it.
    pub fn name(self, name: impl Into<String>) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The agency's logo, in the place of its name on top of pages.
    pub fn logo(self, logo: Logo) -> Self {
        Self { logo: Some(logo), ..self }
    }

    /// The paths of the host's own pages that sign visitors in and out, in the place of the dashboard's; for hosts with an
    /// [`Authenticator`](crate::Authenticator) of their own.
    ///
    /// Who is not signed in is led to the first by GET, with the path to come back to in the query's `next`, which the page must not follow
    /// anywhere else. A page that leads those who are signed in back at once needs an authenticator that answers
    /// [`Kind::Forbidden`](flowmastery_core::error::Kind::Forbidden) for those who are nobody here, or they go in a circle.
    /// Who signs out is led to the second by POST, when the session that they may have here has ended. The dashboard's page for signing in stays
    /// where it is, for those who were invited to the dashboard and have no account of the host's.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for what is no path of the same origin, or has a query.
    pub fn signing(self, sign_in: &str, sign_out: &str) -> Result<Self> {
        for (field, place) in [("sign_in", sign_in), ("sign_out", sign_out)] {
            let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'?' | b'#' | b'"');
            if !place.starts_with('/') || place.starts_with("//") || !place.bytes().all(fits) {
                let message =
                    "A page of the host's for signing in or out has a path such as /login, without a query.";
                return Err(Error::invalid(vec![FieldError::new(field, message)]));
            }
        }
        Ok(Self { own_signing: Some([sign_in.to_owned(), sign_out.to_owned()]), ..self })
    }

    /// Where it is, behind the API's base path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The agency's name.
    pub(crate) fn agency(&self) -> &str {
        &self.name
    }

    /// The agency's logo.
    pub(crate) const fn picture(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }

    /// Where the host signs visitors in.
    pub(crate) fn own_sign_in(&self) -> Option<&str> {
        self.own_signing.as_ref().map(|[sign_in, _]| sign_in.as_str())
    }

    /// Where the host signs visitors out.
    pub(crate) fn own_sign_out(&self) -> Option<&str> {
        self.own_signing.as_ref().map(|[_, sign_out]| sign_out.as_str())
    }

    /// The path of a request as templates of routes have it; `None` for one that is not below the dashboard.
    pub(crate) fn canonical(&self, path: &str) -> Option<String> {
        let below = path.strip_prefix(&self.path)?;
        (below.is_empty() || below.starts_with('/')).then(|| format!("{PATH}{below}"))
    }
}

/// A picture that the pages show.
#[derive(Clone, Debug)]
pub struct Logo {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// What a picture may be; nothing of it is run, for pages show it as an image.
const PICTURES: [&str; 4] = ["image/svg+xml", "image/png", "image/jpeg", "image/webp"];
/// The most bytes of a logo: it is a part of every first visit.
const LARGEST: usize = 256 * 1024;

impl Logo {
    /// A picture of a media type: `image/svg+xml`, `image/png`, `image/jpeg` or `image/webp`, of 256 KiB at most.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for another one.
    pub fn new(media_type: &str, bytes: impl Into<Bytes>) -> Result<Self> {
        let bytes = bytes.into();
        let known = PICTURES.into_iter().find(|known| *known == media_type);
        let media_type = known.filter(|_| !bytes.is_empty() && bytes.len() <= LARGEST);
        let message = "A logo is an SVG, PNG, JPEG or WebP picture of 256 KiB at most.";
        let fault = || Error::invalid(vec![FieldError::new("logo", message)]);
        Ok(Self { media_type: media_type.ok_or_else(fault)?, bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_request_is_that_of_a_route_below_the_dashboard_only() {
        let portal = Dashboard::at("/portal/numbers").unwrap();
        assert_eq!(portal.canonical("/portal/numbers").as_deref(), Some("/dashboard"));
        assert_eq!(portal.canonical("/portal/numbers/clients/7").as_deref(), Some("/dashboard/clients/7"));
        for other in ["/portal", "/portal/numbersx", "/dashboard", "/", ""] {
            assert_eq!(portal.canonical(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_path_of_a_dashboard_is_refused() {
        for path in
            ["", "/", "portal", "/portal/", "//portal", "/a//b", "/api", "/api/v1/x", "/docs", "/a b", "/{a}"]
        {
            assert!(Dashboard::at(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_host_signs_visitors_in_on_its_own_origin_only() {
        assert!(Dashboard::default().signing("/login", "/members/sign-out").is_ok());
        for place in
            ["", "login", "//evil.com", "https://evil.com/login", "/\\evil.com", "/a?b", "/a b", "/ü"]
        {
            assert!(Dashboard::default().signing(place, "/out").is_err(), "{place}");
            assert!(Dashboard::default().signing("/in", place).is_err(), "{place}");
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(Logo::new("image/png", vec![0; LARGEST]).is_ok());
        assert!(Logo::new("image/png", vec![0; LARGEST + 1]).is_err());
        assert!(Logo::new("image/png", Vec::new()).is_err());
        assert!(Logo::new("text/html", vec![0]).is_err());
    }
}

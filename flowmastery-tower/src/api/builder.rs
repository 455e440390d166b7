//! Assembling an [`Api`].

use std::sync::Arc;

use flowmastery_core::{Flowmastery, error::Result};

use super::{Api, Inner};
#[cfg(feature = "dashboard")]
use crate::dashboard::Dashboard;
#[cfg(feature = "openapi")]
use crate::openapi::document;
use crate::{
    auth::{Authentication, Authenticator, TokenAuthenticator},
    peer::TrustedProxies,
    route::{self, Context, Table},
    site::Site,
};

/// Assembles an [`Api`].
#[derive(Debug)]
#[must_use]
pub struct ApiBuilder {
    flowmastery: Flowmastery,
    base_path: String,
    public_url: Option<String>,
    docs: bool,
    proxies: TrustedProxies,
    authenticator: Option<Arc<dyn Authenticator>>,
    #[cfg(feature = "dashboard")]
    dashboard: Option<Dashboard>,
}

impl ApiBuilder {
    /// At the root and without documentation.
    pub(super) fn new(flowmastery: Flowmastery) -> Self {
        Self {
            flowmastery,
            base_path: String::new(),
            public_url: None,
            docs: false,
            proxies: TrustedProxies::default(),
            authenticator: None,
            #[cfg(feature = "dashboard")]
            dashboard: None,
        }
    }

    /// Where the host mounts the API, such as `/flow`: it stands in the links of answers and in cookies. Requests are answered whether the host
    /// takes it off their paths or not.
    pub fn base_path(mut self, base_path: impl Into<String>) -> Self {
        self.base_path = base_path.into();
        self
    }

    /// Where browsers find the host, such as `https://api.acme.com`; for their cookies, see [`Site`]. Unless told, the cookies are for TLS only,
    /// and browsers have to say themselves that a request comes from the API's own pages. Where it is https they are told to ask this name in no
    /// other way for a year (`Strict-Transport-Security`); and names below it, where the API is at the root and the name so its own.
    pub fn public_url(mut self, public_url: impl Into<String>) -> Self {
        self.public_url = Some(public_url.into());
        self
    }

    /// Whether `/openapi.json` and `/docs` are there.
    #[cfg(feature = "openapi")]
    pub fn docs(mut self, docs: bool) -> Self {
        self.docs = docs;
        self
    }

    /// How many proxies of the operator's own stand before the host, each of which appends the address that it saw to `X-Forwarded-For`;
    /// none unless told. One too many, and callers choose their address themselves.
    pub fn trusted_proxy_hops(mut self, hops: u8) -> Self {
        self.proxies = TrustedProxies(hops);
        self
    }

    /// Pages for people beside the API, whose visitors sign in by cookies; none unless told. [`Dashboard`] says how mails lead to them. Give
    /// [`Self::public_url`] with it: on plain http browsers keep no cookies otherwise.
    #[cfg(feature = "dashboard")]
    pub fn dashboard(mut self, dashboard: Dashboard) -> Self {
        self.dashboard = Some(dashboard);
        self
    }

    /// Another way to know who makes a request than FlowMastery's own tokens.
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// The API.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for a base path or a public URL that is none.
    pub fn build(self) -> Result<Api> {
        let site = Site::of(self.public_url.as_deref(), &self.base_path)?;
        let Self { flowmastery, docs, proxies, authenticator, .. } = self;
        #[cfg_attr(not(feature = "dashboard"), expect(unused_mut, reason = "pages are added"))]
        let mut routes = route::routes(docs);
        let openapi = if docs { document(&routes, &site)? } else { None };
        #[cfg(feature = "dashboard")]
        if self.dashboard.is_some() {
            routes.extend(route::pages());
        }
        let authenticator =
            authenticator.unwrap_or_else(|| Arc::new(TokenAuthenticator::new(&flowmastery).at(site.clone())));
        Ok(Api {
            inner: Arc::new(Inner {
                table: Table::new(routes)?,
                proxies,
                context: Arc::new(Context {
                    flowmastery,
                    authentication: Authentication::new(authenticator, true).at(site.clone()),
                    site,
                    openapi,
                    #[cfg(feature = "dashboard")]
                    dashboard: self.dashboard,
                }),
            }),
        })
    }
}

/// There is no document without the feature.
#[cfg(not(feature = "openapi"))]
fn document(_: &[route::Route], _: &Site) -> Result<Option<bytes::Bytes>> {
    Ok(None)
}

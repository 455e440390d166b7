//! The layer that traces a host's own routes.

use http::{Extensions, HeaderMap, Method};
use tower_layer::Layer;

use super::{Trace, Trail};
use crate::peer::TrustedProxies;

/// Traces what a service answers; see the [module](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceLayer {
    tracing: Tracing,
}

impl TraceLayer {
    /// Its lines name no route unless told.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same for the route with this template.
    #[must_use]
    pub fn route(self, template: &'static str) -> Self {
        Self { tracing: Tracing { route: Some(template), ..self.tracing } }
    }

    /// The same behind proxies of the operator's own, as [`ApiBuilder::trusted_proxy_hops`](crate::ApiBuilder::trusted_proxy_hops) has it.
    #[must_use]
    pub fn trusted_proxy_hops(self, hops: u8) -> Self {
        Self { tracing: Tracing { proxies: TrustedProxies(hops), ..self.tracing } }
    }

    /// What it does, plain for any framework.
    #[cfg(feature = "poem")]
    pub(crate) const fn tracing(self) -> Tracing {
        self.tracing
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Trace<S>;

    fn layer(&self, inner: S) -> Trace<S> {
        Trace::new(inner, self.tracing)
    }
}

/// The tracing itself; layer and service only plumb.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tracing {
    route: Option<&'static str>,
    proxies: TrustedProxies,
}

impl Tracing {
    /// The trail of a request that begins now, whose id all that comes after finds in its headers.
    pub(crate) fn begin(
        self,
        method: &Method,
        headers: &mut HeaderMap,
        extensions: &mut Extensions,
    ) -> Trail {
        let mut trail = Trail::start(method, headers);
        trail.route = self.route;
        trail.address = self.proxies.origin(headers, extensions, *trail.request_id()).address;
        headers.insert(crate::RequestId::HEADER, trail.request_id().to_header());
        extensions.insert(trail.seen());
        trail
    }
}

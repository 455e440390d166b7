//! One try of one request, and the only HTTP client of the crate.
//!
//! It follows no redirect, since the key would travel with it, and reads no proxy from the environment. Every name it resolves goes
//! through the outbound guard at the moment of connecting, so that a name cannot be pointed elsewhere after it was checked; IP
//! literals never reach a resolver and are checked by the caller. A body is read in chunks and only up to a bound, after
//! decompression.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{
    Certificate, Client, Response, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{ACCEPT, CONTENT_TYPE, DATE, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{
    fault::{Fault, Refused},
    retry,
};
use crate::{
    error::{BoxError, Error, Kind, Result},
    model::outbound::OutboundPolicy,
    n8n::wire,
};

/// How long a connection waits for its next request. Those of a collection follow each other at once; between two collections thousands of n8n
/// servers would each hold a socket and its buffers.
const KEPT_ALIVE: Duration = Duration::from_secs(1);
const USER_AGENT: &str = concat!("flowmastery/", env!("CARGO_PKG_VERSION"));

const API_KEY: HeaderName = HeaderName::from_static("x-n8n-api-key");

/// How long and how much a try may take.
#[derive(Clone, Copy, Debug)]
pub struct HttpN8nLimits {
    /// Until the connection stands; 5 seconds unless set.
    pub connect: Duration,
    /// From the start to the last byte of the body; 30 seconds unless set.
    pub total: Duration,
    /// Bytes of a body, after decompression; 16 MiB unless set.
    pub body_bytes: usize,
}

impl Default for HttpN8nLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(30), body_bytes: 16 * 1024 * 1024 }
    }
}

/// Sends requests, one try each.
pub(super) struct Transport {
    client: Client,
    limits: HttpN8nLimits,
}

impl Transport {
    pub(super) fn new(
        outbound: OutboundPolicy,
        extra_ca_pem: Option<&[u8]>,
        limits: HttpN8nLimits,
    ) -> Result<Self> {
        Self::asking(Arc::new(SystemResolver), outbound, extra_ca_pem, limits)
    }

    /// The same with names that are asked for elsewhere.
    #[expect(clippy::disallowed_methods, reason = "the one place where an HTTP client is built")]
    pub(super) fn asking(
        names: Arc<dyn Resolve>,
        outbound: OutboundPolicy,
        extra_ca_pem: Option<&[u8]>,
        limits: HttpN8nLimits,
    ) -> Result<Self> {
        let unusable = |error: reqwest::Error| {
            Error::new(Kind::Invalid, "TLS cannot be set up with these certificate authorities.")
                .with_source(error)
        };
        let authorities =
            extra_ca_pem.map_or(Ok(Vec::new()), Certificate::from_pem_bundle).map_err(unusable)?;
        let client = Client::builder()
            .user_agent(USER_AGENT)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .tls_backend_rustls()
            .tls_certs_merge(authorities)
            .gzip(true)
            .connect_timeout(limits.connect)
            .timeout(limits.total)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(KEPT_ALIVE)
            .dns_resolver(GuardedResolver { names, outbound: Arc::new(outbound) })
            .build()
            .map_err(unusable)?;
        Ok(Self { client, limits })
    }

    /// The body of a good JSON answer; `None` for a 404 that n8n itself gives.
    pub(super) async fn get(&self, url: &Url, key: &SecretString) -> Result<Option<Vec<u8>>, Fault> {
        let mut key = HeaderValue::from_str(key.expose_secret()).map_err(|_| Fault::unusable_key())?;
        key.set_sensitive(true);
        let request = self.client.get(url.clone()).header(API_KEY, key).header(ACCEPT, "application/json");
        let response = request.send().await.map_err(|error| Fault::transport(error, self.limits))?;
        let status = response.status();
        if !(status.is_success() || status == StatusCode::NOT_FOUND) {
            return Err(Fault::status(status, asked_wait(&response)));
        }
        if !is_json(&response) {
            return Err(Fault::no_api());
        }
        let body = self.body(response).await?;
        match status {
            StatusCode::NOT_FOUND if wire::is_refusal(&body) => Ok(None),
            StatusCode::NOT_FOUND => Err(Fault::no_api()),
            _ => Ok(Some(body)),
        }
    }

    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| Fault::transport(error, self.limits))?
        {
            if body.len() + chunk.len() > self.limits.body_bytes {
                return Err(Fault::not_n8n("The answer is larger than a page of n8n's public API can be."));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn is_json(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = content_type.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn asked_wait(response: &Response) -> Option<Duration> {
    let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    retry::retry_after(text(RETRY_AFTER)?, text(DATE))
}

/// The names that the system knows.
struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok::<Addrs, BoxError>(Box::new(addresses.into_iter()))
        })
    }
}

/// A resolver behind the outbound guard: one refused address refuses the name. What it answers is what is connected to.
struct GuardedResolver {
    names: Arc<dyn Resolve>,
    outbound: Arc<OutboundPolicy>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let outbound = Arc::clone(&self.outbound);
        let host = name.as_str().to_owned();
        let asked = self.names.resolve(name);
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = asked.await?.collect();
            for address in &addresses {
                outbound.check_ip(&host, address.ip()).map_err(|refusal| Refused(refusal.message))?;
            }
            Ok::<Addrs, BoxError>(Box::new(addresses.into_iter()))
        })
    }
}

//! Tracing: the one line that the access log gets for each request, and the span around what happens for it. The API leaves both for its
//! own requests, [`TraceLayer`] for those of a host's own routes.
//!
//! ```
//! # use std::{convert::Infallible, sync::Arc};
//! # use flowmastery_tower::TraceLayer;
//! # use http::{Request, Response, StatusCode};
//! # use tower::{ServiceBuilder, ServiceExt, service_fn};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Infallible> {
//! let service = ServiceBuilder::new().layer(TraceLayer::new().route("/reports/{report}")).service(service_fn(
//!     |_: Request<String>| async { Ok::<_, Infallible>(Response::new("a report".to_owned())) },
//! ));
//!
//! let mut request = Request::new(String::new());
//! request.headers_mut().insert("x-request-id", http::HeaderValue::from_static("report-1"));
//! let answer = service.oneshot(request).await?;
//! assert_eq!(answer.status(), StatusCode::OK);
//! assert_eq!(answer.headers()["x-request-id"], "report-1");
//! # Ok(())
//! # }
//! ```
//!
//! The line names the route's template, never path or query: those can hold tokens. Its target is `flowmastery::access`. It names the actor
//! where an [`AuthenticateLayer`](crate::AuthenticateLayer) stands inside of this layer, and the address where a host puts a
//! [`PeerAddress`](crate::PeerAddress) into the extensions outside of it. The request's id is taken over from `X-Request-Id` or made; what
//! comes inside finds it in that header, and so does the caller in the answer's. A caller who goes away before the answer leaves
//! a line without a status, and so does a panic.
//!
//! A host that answers a request itself before any route leaves the same line with a [`Trail`] of its own. Not around the API, which would leave a
//! second line for each of its requests.

mod future;
mod layer;
mod service;
mod trail;

#[cfg(feature = "poem")]
pub(crate) use self::layer::Tracing;
pub use self::{future::TraceFuture, layer::TraceLayer, service::Trace, trail::Trail};

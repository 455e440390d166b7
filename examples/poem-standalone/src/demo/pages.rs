//! What links of the demonstration into n8n lead to.

use poem::{Endpoint, EndpointExt, IntoResponse, Response, web::Html};

/// Below which path the simulated servers are, as browsers see them.
pub(super) const N8N: &str = "/n8n";

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
    <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
    <title>n8n</title><h1>n8n</h1><p>This workflow, or execution, would be open in the customer’s n8n now. \
    In this demonstration the servers are simulated, and have no pages.";

/// The same server, with a page in the place of n8n's.
pub(super) fn beside(
    server: impl Endpoint<Output = Response> + 'static,
) -> impl Endpoint<Output = Response> + 'static {
    server.around(async |server, request| {
        let below = request.uri().path().strip_prefix(N8N);
        if below.is_some_and(|rest| rest.starts_with('/')) {
            return Ok(Html(PAGE).into_response());
        }
        server.call(request).await
    })
}

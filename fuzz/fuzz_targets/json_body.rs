//! JSON bodies: the first byte chooses the route, the rest is the body.
#![no_main]

use std::cell::LazyCell;

use bytes::Bytes;
use flowmastery_fuzz::World;
use http::Request;
use libfuzzer_sys::fuzz_target;

/// Every kind of field is in one of these.
const ROUTES: [(&str, &str); 8] = [
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/password-reset/confirm"),
    ("POST", "/api/v1/auth/invitations"),
    ("POST", "/api/v1/auth/invitations/accept"),
    ("POST", "/api/v1/clients/1/n8n-config"),
    ("PUT", "/api/v1/clients/1"),
    ("PATCH", "/api/v1/metrics/client/1/workflows/a"),
];

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(World::new);
}

fuzz_target!(|data: &[u8]| {
    let Some((route, body)) = data.split_first() else { return };
    let (method, path) = ROUTES[usize::from(*route) % ROUTES.len()];
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    WORLD.with(|world| world.send(request.body(Bytes::copy_from_slice(body).into()).unwrap()));
});

//! Paths and queries: `METHOD target`, as an admin.
#![no_main]

use std::cell::LazyCell;

use flowmastery_fuzz::World;
use http::{Method, Request};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static WORLD: LazyCell<World> = LazyCell::new(World::new);
}

fuzz_target!(|text: &str| {
    let Some((method, target)) = text.split_once(' ') else { return };
    let Ok(method) = method.parse::<Method>() else { return };
    // What deletes the only admin or the client would leave nothing to ask for.
    if method == Method::DELETE {
        return;
    }
    let Ok(request) = Request::builder().method(method).uri(target).body(Default::default()) else { return };
    WORLD.with(|world| world.send(request));
});

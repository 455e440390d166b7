//! More sign-ins than there are places to hash: the rest is told to come back, and readers do not notice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use flowmastery_core::{
    access::password::{HashCost, PasswordHasher},
    entropy::OsEntropy,
};
use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, World},
};
use serde_json::json;

use super::{LOGIN, address, post_from};

/// More than may hash and wait.
const FLOOD: usize = 400;

/// On one thread, so that whatever hashed on it would hold up the read.
#[tokio::test(flavor = "current_thread")]
async fn a_flood_of_sign_ins_is_turned_away_and_slows_no_read() {
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
    let world = World::with(Backend::Sqlite.store().await, |builder| builder.hasher(hasher)).await;
    let admin = world.sign_in(ADMIN).await;
    world.client(&admin, "Acme Corp").await;
    let (refused, hashed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let flood = (0..FLOOD).map(|number| {
        let (world, refused, hashed) = (world.clone(), refused.clone(), hashed.clone());
        tokio::spawn(async move {
            let body = json!({ "email": format!("user{number}@agency.com"), "password": "a wrong password" });
            let answer = post_from(&world, address(number), LOGIN, body).await;
            match answer.status.as_u16() {
                401 => hashed.fetch_add(1, Ordering::Relaxed),
                503 => {
                    assert_eq!(answer.header("retry-after"), Some("1"));
                    refused.fetch_add(1, Ordering::Relaxed)
                }
                status => panic!("{status}"),
            }
        })
    });
    let flood: Vec<_> = flood.collect();
    let start = Instant::now();
    while refused.load(Ordering::Relaxed) == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nobody was turned away");
        tokio::task::yield_now().await;
    }
    // Every place is taken: the sixty-four behind the cores wait for a second and more.
    let before = hashed.load(Ordering::Relaxed);
    for path in ["/api/v1/metrics/all", "/api/v1/metrics/client/1"] {
        world.get(path, &admin).await.expect(200);
    }
    let meanwhile = hashed.load(Ordering::Relaxed) - before;
    assert!(meanwhile < 32, "{meanwhile} sign-ins were answered before two reads");
    for sign_in in flood {
        sign_in.await.unwrap();
    }
    assert_eq!(hashed.load(Ordering::Relaxed) + refused.load(Ordering::Relaxed), FLOOD);
    world.sign_in(ADMIN).await;
}

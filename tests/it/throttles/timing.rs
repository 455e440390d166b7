//! The time of a failed sign-in does not tell whether there is an account, nor of which kind its hash is.
//!
//! Both kinds of attempt are measured alternately, 200 times each, so that whatever else the machine does falls on both alike, and
//! compared by the Mann-Whitney U test. Only ranks count, so that single slow ones do not matter. Two kinds that are alike are told apart
//! by chance once in 1.7 million runs (|z| > 5, two-sided); what is found is a kind that is the slower one of a pair in 65 % of all pairs.

use std::{sync::Arc, time::Instant};

use flowmastery_core::{
    access::password::{HashCost, PasswordHasher},
    clock::Timestamp,
    entropy::OsEntropy,
    model::{email::Email, user::NewUser},
    store::Store,
};
use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, World},
};

use super::{MINUTE, fail};

const TRIES: usize = 200;
const IMPORTED: &str = "imported@agency.com";
const UNKNOWN: &str = "nobody@agency.com";

/// How far two samples of one distribution are apart, in standard deviations of the Mann-Whitney U of as many.
fn distance(ours: &[f64], theirs: &[f64]) -> f64 {
    let wins = ours.iter().flat_map(|our| {
        theirs.iter().map(move |their| match our.total_cmp(their) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        })
    });
    let (n, m) = (ours.len() as f64, theirs.len() as f64);
    (wins.sum::<f64>() - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

/// The seconds that wrong passwords of two accounts take, alternately.
async fn measure(world: &World, one: &str, other: &str) -> [Vec<f64>; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..TRIES + 10 {
        // In every other round the other one comes first. A minute passes, so that nobody is held up.
        world.clock.advance(MINUTE);
        for place in [round % 2, 1 - round % 2] {
            let start = Instant::now();
            fail(world, "203.0.113.7", [one, other][place], 1).await;
            // The first rounds fill what is remembered.
            if round >= 10 {
                times[place].push(start.elapsed().as_secs_f64());
            }
        }
    }
    times
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

async fn world(cost: HashCost) -> World {
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), cost);
    World::with(Backend::Sqlite.store().await, |builder| builder.hasher(hasher)).await
}

/// An account as it comes from the Python FlowMastery, but of a cost of 6 instead of 12.
async fn import(store: &Arc<dyn Store>) {
    let hashed_password = bcrypt::hash("securepassword", 6).unwrap().into();
    let (email, created_at) = (Email::parse(IMPORTED).unwrap(), Timestamp::from_millis(0));
    store.create_admin(NewUser { email, hashed_password, created_at }).await.unwrap();
}

async fn assert_alike(world: &World, one: &str, other: &str) {
    let [ours, theirs] = measure(world, one, other).await;
    let distance = distance(&ours, &theirs);
    assert!(distance.abs() < 5.0, "{one} and {other} can be told apart: {distance}");
}

#[tokio::test]
async fn an_unknown_user_and_a_wrong_password_take_the_same_time_at_the_real_cost() {
    assert_alike(&world(HashCost::OWASP).await, ADMIN, UNKNOWN).await;
}

#[tokio::test]
async fn what_a_user_costs_beside_the_hash_is_less_than_a_hundredth_of_it() {
    // A row is read that an unknown user does not have. It shows where next to nothing is hashed, so a size is what can be asked for.
    let [known, unknown] = measure(&world(HashCost::FOR_TESTS).await, ADMIN, UNKNOWN).await;
    let difference = median(known) - median(unknown);
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
    let mut hashes = Vec::new();
    for _ in 0..9 {
        let start = Instant::now();
        hasher.verify_evenly(&"wrong password".into(), None, None).await.unwrap();
        hashes.push(start.elapsed().as_secs_f64());
    }
    let hash = median(hashes);
    assert!(difference.abs() < hash / 100.0, "{difference} of {hash} seconds");
}

#[tokio::test]
async fn imported_accounts_take_the_same_time_as_others_and_as_none() {
    let world = world(HashCost::OWASP).await;
    import(&world.store).await;
    for other in [UNKNOWN, ADMIN] {
        assert_alike(&world, IMPORTED, other).await;
    }
}

#[test]
fn what_takes_longer_by_half_its_deviation_is_told_apart_and_what_is_alike_is_not() {
    // Sums of uniform pseudo-random numbers: mean 6, deviation 1.
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let mut sample = |shift: f64| -> Vec<f64> {
        (0..TRIES).map(|_| shift + (0..12).map(|_| uniform()).sum::<f64>()).collect()
    };
    let mut largest: f64 = 0.0;
    for _ in 0..200 {
        largest = largest.max(distance(&sample(0.0), &sample(0.0)).abs());
    }
    assert!(largest < 5.0, "{largest}");
    assert!(distance(&sample(0.7), &sample(0.0)) > 5.0);
}

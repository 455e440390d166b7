//! What counts, under which limit, and until when.

use flowmastery_tests::world::{ADMIN, PASSWORD, World};
use flowmastery_tower::PeerAddress;
use http::{Request, header};
use serde_json::{Value, json};

use super::{
    ACCEPT, CONFIRM, LOGIN, MINUTE, REFRESH, RESET, address, fail, is_held_up, post, sign_in, world,
};

const HOME: &str = "203.0.113.7";
const NOBODY: &str = "nobody@agency.com";

#[tokio::test]
async fn after_ten_failures_an_account_is_held_up_from_there_until_the_first_is_five_minutes_old() {
    let world = world().await;
    for email in [ADMIN, NOBODY] {
        fail(&world, HOME, email, 1).await;
        world.clock.advance(MINUTE);
        fail(&world, HOME, email, 9).await;
        let body = json!({ "email": email.to_uppercase(), "password": PASSWORD });
        let refused = post(&world, HOME, LOGIN, &body).await;
        refused.expect(429);
        assert_eq!(refused.header("retry-after"), Some("240"));
        world.clock.advance(4 * MINUTE);
        fail(&world, HOME, email, 1).await;
        assert!(is_held_up(&world, HOME, email).await, "the other nine are four minutes old");
        world.clock.advance(MINUTE);
        assert!(!is_held_up(&world, HOME, email).await);
    }
}

#[tokio::test]
async fn what_is_held_up_is_neither_counted_nor_hashed() {
    let world = world().await;
    fail(&world, HOME, ADMIN, 10).await;
    for _ in 0..200 {
        assert_eq!(sign_in(&world, HOME, ADMIN, "wrong password").await, 429);
    }
    fail(&world, HOME, NOBODY, 10).await;
    assert!(!is_held_up(&world, HOME, "somebody@agency.com").await, "20 failures of 100 from there");
    world.clock.advance(5 * MINUTE);
    assert!(!is_held_up(&world, HOME, ADMIN).await);
}

#[tokio::test]
async fn another_account_and_another_address_are_not_held_up() {
    let world = world().await;
    fail(&world, HOME, ADMIN, 10).await;
    assert!(!is_held_up(&world, HOME, NOBODY).await);
    assert!(!is_held_up(&world, "203.0.113.8", ADMIN).await);
}

#[tokio::test]
async fn addresses_of_one_ipv6_network_are_one() {
    let world = world().await;
    for host in 0..10 {
        fail(&world, &format!("2001:db8:1:2::{host}"), ADMIN, 1).await;
    }
    assert!(is_held_up(&world, "2001:db8:1:2:ffff:ffff:ffff:ffff", ADMIN).await);
    assert!(!is_held_up(&world, "2001:db8:1:3::1", ADMIN).await);
    fail(&world, "::ffff:203.0.113.7", ADMIN, 10).await;
    assert!(is_held_up(&world, HOME, ADMIN).await, "a mapped address is the IPv4 one");
}

#[tokio::test]
async fn a_hundred_failures_of_any_accounts_hold_up_an_address() {
    let world = world().await;
    for number in 0..100 {
        fail(&world, HOME, &format!("user{number}@agency.com"), 1).await;
    }
    assert!(is_held_up(&world, HOME, ADMIN).await && is_held_up(&world, HOME, "not even an address").await);
    assert!(!is_held_up(&world, "203.0.113.8", ADMIN).await);
    world.clock.advance(5 * MINUTE);
    assert!(!is_held_up(&world, HOME, ADMIN).await);
}

/// Fails from so many addresses as it takes to hold the account up everywhere.
async fn attack(world: &World, email: &str) {
    for number in 0..100 {
        fail(world, &address(number), email, 1).await;
    }
}

#[tokio::test]
async fn failing_on_purpose_keeps_nobody_out_of_where_they_signed_in_within_thirty_days() {
    let world = world().await;
    for from in [HOME, "2001:db8:1:2::1"] {
        assert_eq!(sign_in(&world, from, ADMIN, PASSWORD).await, 200);
    }
    attack(&world, ADMIN).await;
    assert!(is_held_up(&world, "203.0.113.8", ADMIN).await && is_held_up(&world, &address(0), ADMIN).await);
    for from in [HOME, "2001:db8:1:2::9"] {
        fail(&world, from, ADMIN, 9).await;
        assert!(!is_held_up(&world, from, ADMIN).await, "{from}");
        fail(&world, from, ADMIN, 1).await;
        assert!(is_held_up(&world, from, ADMIN).await, "ten failures are ten from there, too");
    }
    world.clock.advance(30 * 24 * 60 * MINUTE);
    attack(&world, ADMIN).await;
    assert!(is_held_up(&world, HOME, ADMIN).await, "it signed in longer ago");
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_held_up_like_any_other() {
    let world = world().await;
    attack(&world, NOBODY).await;
    assert!(is_held_up(&world, HOME, NOBODY).await && !is_held_up(&world, HOME, ADMIN).await);
}

#[tokio::test]
async fn sign_ins_that_succeed_lock_nobody_out_however_many_and_however_fast() {
    let world = world().await;
    for _ in 0..200 {
        assert_eq!(sign_in(&world, HOME, ADMIN, PASSWORD).await, 200);
    }
    let racing: Vec<_> = (0..60)
        .map(|_| {
            let world = world.clone();
            tokio::spawn(async move { sign_in(&world, HOME, ADMIN, PASSWORD).await })
        })
        .collect();
    for sign_in in racing {
        assert_eq!(sign_in.await.unwrap(), 200);
    }
    fail(&world, HOME, ADMIN, 10).await;
    assert!(is_held_up(&world, HOME, ADMIN).await);
}

#[tokio::test]
async fn of_fifty_racing_wrong_passwords_ten_are_verified() {
    let world = world().await;
    let guesses: Vec<_> = (0..50)
        .map(|guess| {
            let world = world.clone();
            tokio::spawn(async move { sign_in(&world, HOME, ADMIN, &format!("guess {guess}")).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for guess in guesses {
        statuses.push(guess.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [vec![401; 10], vec![429; 40]].concat());
}

#[tokio::test]
async fn from_nowhere_only_the_limit_of_an_account_holds() {
    let world = world().await;
    fail(&world, "", ADMIN, 100).await;
    assert!(is_held_up(&world, "", ADMIN).await);
    assert!(!is_held_up(&world, "", NOBODY).await, "one caller must not keep all others out");
    for _ in 0..110 {
        post(&world, "", REFRESH, &json!({ "refresh_token": "guessed" })).await.expect(401);
    }
}

#[tokio::test]
async fn guessed_tokens_are_held_up_and_each_route_counts_for_itself() {
    let world = world().await;
    for (path, body, expected) in [
        (REFRESH, (|token| json!({ "refresh_token": token })) as fn(String) -> Value, 401),
        (ACCEPT, with_password, 404),
        (CONFIRM, with_password, 404),
    ] {
        for _ in 0..10 {
            post(&world, HOME, path, &body("the same".to_owned())).await.expect(expected);
        }
        let refused = post(&world, HOME, path, &body("the same".to_owned())).await;
        refused.expect(429);
        assert_eq!(refused.header("retry-after"), Some("300"));
        for guess in 0..90 {
            post(&world, HOME, path, &body(format!("guess {guess}"))).await.expect(expected);
        }
        post(&world, HOME, path, &body("another".to_owned())).await.expect(429);
        post(&world, "203.0.113.8", path, &body("another".to_owned())).await.expect(expected);
    }
    assert!(!is_held_up(&world, HOME, ADMIN).await);
}

fn with_password(token: String) -> Value {
    json!({ "token": token, "password": PASSWORD })
}

#[tokio::test]
async fn requests_of_resets_count_whether_there_is_an_account_or_not() {
    let world = world().await;
    let ask = async |from: &str, email: &str| {
        post(&world, from, RESET, &json!({ "email": email })).await.status.as_u16()
    };
    for email in [ADMIN, NOBODY] {
        for _ in 0..10 {
            assert_eq!(ask(HOME, email).await, 202);
        }
        assert_eq!((ask(HOME, email).await, ask("203.0.113.8", email).await), (429, 202));
    }
    for number in 0..80 {
        assert_eq!(ask(HOME, &format!("user{number}@agency.com")).await, 202);
    }
    assert_eq!(ask(HOME, "another@agency.com").await, 429);
    for number in 0..89 {
        assert_eq!(ask(&address(number), ADMIN).await, 202);
    }
    assert_eq!(ask("203.0.113.9", ADMIN).await, 429);
    assert!(!is_held_up(&world, HOME, ADMIN).await, "who signs in is not held up by it");
    world.clock.advance(5 * MINUTE);
    assert_eq!(ask(HOME, ADMIN).await, 202);
}

#[tokio::test]
async fn who_is_signed_in_cannot_guess_the_current_password() {
    let world = world().await;
    let token = world.sign_in(ADMIN).await;
    let change = async |current: &str| {
        let body = json!({ "current_password": current, "new_password": PASSWORD });
        let request = Request::put("/api/v1/auth/password")
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .extension(PeerAddress([203, 0, 113, 7].into()));
        world.send(request.body(body.to_string().into()).unwrap()).await.status.as_u16()
    };
    for _ in 0..12 {
        assert_eq!(change(PASSWORD).await, 204);
    }
    for _ in 0..10 {
        assert_eq!(change("wrong password").await, 422);
    }
    assert_eq!(change(PASSWORD).await, 429);
    assert!(!is_held_up(&world, HOME, ADMIN).await);
    world.clock.advance(5 * MINUTE);
    assert_eq!(change(PASSWORD).await, 204);
}

#[tokio::test]
async fn racing_refreshes_of_one_token_hold_up_nobody() {
    let world = world().await;
    let body = json!({ "email": ADMIN, "password": PASSWORD });
    let token = post(&world, HOME, LOGIN, &body).await.expect(200)["refresh_token"].clone();
    let racing: Vec<_> = (0..50)
        .map(|_| {
            let (world, body) = (world.clone(), json!({ "refresh_token": token }));
            tokio::spawn(async move { post(&world, HOME, REFRESH, &body).await })
        })
        .collect();
    let mut next = Value::Null;
    for refresh in racing {
        next = refresh.await.unwrap().expect(200)["refresh_token"].clone();
    }
    post(&world, HOME, REFRESH, &json!({ "refresh_token": next })).await.expect(200);
}

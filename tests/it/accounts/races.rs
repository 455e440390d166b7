//! Many who present one token at once.

use std::net::IpAddr;

use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, Answer, PASSWORD, World},
};
use serde_json::{Value, json};

use super::{
    ACCEPT, INVITATIONS, ME, REFRESH, SESSIONS, address, log_in, post_from, refresh, text, token_of, world,
};

both_backends! {
    of_20_racing_accepts_one_wins,
    racing_refreshes_are_one_family_and_lock_nobody_out,
}

/// The answers to so many requests that are sent at once.
async fn at_once<F>(world: &World, racers: usize, race: impl Fn(World, IpAddr) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let racers: Vec<_> = (0..racers).map(|racer| tokio::spawn(race(world.clone(), address(racer)))).collect();
    let mut answers = Vec::new();
    for racer in racers {
        answers.push(racer.await.unwrap());
    }
    answers
}

async fn of_20_racing_accepts_one_wins(backend: Backend) {
    let (world, admin) = world(backend).await;
    let invited = json!({ "email": "berta@agency.com", "role": "admin" });
    let token = token_of(&world.post(INVITATIONS, &admin, invited).await.expect(201));
    let body = json!({ "token": token, "password": PASSWORD });
    let answers = at_once(&world, 20, |world, from| {
        let body = body.clone();
        async move { post_from(&world, from, ACCEPT, body).await }
    });
    let (won, lost): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((won.len(), lost.len()), (1, 19));
    lost.iter().for_each(|answer| drop(answer.expect(404)));
    world.get(ME, &text(&won[0].json()["access_token"])).await.expect(200);
    assert_eq!(world.get("/api/v1/users/", &admin).await.expect(200).as_array().unwrap().len(), 2);
}

async fn racing_refreshes_are_one_family_and_lock_nobody_out(backend: Backend) {
    let (world, admin) = world(backend).await;
    for kept in [0, 17, 49] {
        let family = log_in(&world, ADMIN).await;
        let body = json!({ "refresh_token": family["refresh_token"] });
        let answers = at_once(&world, 50, |world, from| {
            let body = body.clone();
            async move { post_from(&world, from, REFRESH, body).await }
        });
        let pairs: Vec<Value> = answers.await.iter().map(|answer| answer.expect(200)).collect();
        for pair in &pairs {
            world.get(ME, &text(&pair["access_token"])).await.expect(200);
        }
        let sessions = world.get(SESSIONS, &admin).await.expect(200);
        assert_eq!(sessions.as_array().unwrap().len(), 2, "the admin's own, and one for all fifty");
        // The honest client goes on with whichever answer came last.
        let next = refresh(&world, &text(&pairs[kept]["refresh_token"])).await.expect(200);
        let next = refresh(&world, &text(&next["refresh_token"])).await.expect(200);
        // Somebody else has one of the others: the family ends.
        refresh(&world, &text(&pairs[(kept + 1) % 50]["refresh_token"])).await.expect(401);
        world.get(ME, &text(&next["access_token"])).await.expect(401);
        assert_eq!(world.get(SESSIONS, &admin).await.expect(200).as_array().unwrap().len(), 1);
    }
}

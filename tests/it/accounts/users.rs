//! Removing users.

use flowmastery_tests::{
    backend::Backend,
    both_backends,
    world::{ADMIN, PASSWORD},
};
use serde_json::json;

use super::{INVITATIONS, LOGIN, ME, accept, delete, log_in, post_public, refresh, text, token_of, world};

both_backends! {
    a_removed_user_is_gone_with_every_session,
    the_last_active_admin_is_not_removed,
    only_admins_remove_users_that_are_there,
}

async fn a_removed_user_is_gone_with_every_session(backend: Backend) {
    let (world, admin) = world(backend).await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    let again = log_in(&world, "carl@acme.com").await;
    world.get(ME, &user).await.expect(200);
    delete(&world, "/api/v1/users/2", &admin).await.expect(204);
    for token in [&user, &text(&again["access_token"])] {
        world.get(ME, token).await.expect(401);
    }
    refresh(&world, &text(&again["refresh_token"])).await.expect(401);
    let login = json!({ "email": "carl@acme.com", "password": PASSWORD });
    post_public(&world, LOGIN, login).await.expect(401);
    delete(&world, "/api/v1/users/2/", &admin).await.expect(404);
    world.client_user(&admin, "carl@acme.com", client).await;
    assert_eq!(world.get("/api/v1/users/", &admin).await.expect(200)[1]["id"], 3);
}

async fn the_last_active_admin_is_not_removed(backend: Backend) {
    let (world, admin) = world(backend).await;
    delete(&world, "/api/v1/users/1", &admin).await.expect(409);
    let body = json!({ "email": "berta@agency.com", "role": "admin" });
    let invited = world.post(INVITATIONS, &admin, body).await.expect(201);
    let berta = accept(&world, &token_of(&invited)).await.expect(201);
    let berta = text(&berta["access_token"]);
    delete(&world, "/api/v1/users/1", &admin).await.expect(204);
    world.get(ME, &admin).await.expect(401);
    delete(&world, "/api/v1/users/2", &berta).await.expect(409);
    let invitations = world.get(INVITATIONS, &berta).await.expect(200);
    assert_eq!(invitations[0]["status"], "accepted", "what the user made stays");
    let login = json!({ "email": ADMIN, "password": PASSWORD });
    post_public(&world, LOGIN, login).await.expect(401);
}

async fn only_admins_remove_users_that_are_there(backend: Backend) {
    let (world, admin) = world(backend).await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    delete(&world, "/api/v1/users/2", &user).await.expect(403);
    for id in ["99", "x"] {
        delete(&world, &format!("/api/v1/users/{id}"), &admin).await.expect(404);
    }
    world.get(ME, &user).await.expect(200);
}

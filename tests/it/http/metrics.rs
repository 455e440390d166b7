//! Metrics over HTTP: entity tags, who sees whose, and where admins are sent.

use serde_json::json;

use super::{empty, get, world};

#[tokio::test]
async fn metrics_that_have_not_changed_are_not_sent_again() {
    let (world, admin) = world().await;
    let id = world.client(&admin, "Acme Corp").await;
    for path in [
        "/api/v1/metrics/all".to_owned(),
        format!("/api/v1/metrics/client/{id}"),
        format!("/api/v1/metrics/client/{id}/workflows"),
    ] {
        let first = world.get(&path, &admin).await;
        first.expect(200);
        assert_eq!(first.header("cache-control"), Some("private, no-cache"));
        assert_eq!(first.header("vary"), Some("Authorization, Cookie"));
        let again = |tag: String| {
            let request = get(&path).header("authorization", format!("Bearer {admin}"));
            world.send(empty(request.header("if-none-match", tag)))
        };
        let etag = first.header("etag").unwrap();
        let known = again(format!("\"other\", W/{etag}")).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(known.header("etag"), Some(etag));
        assert_eq!(again("\"other\"".to_owned()).await.status, 200);
    }
}

#[tokio::test]
async fn tags_change_with_what_they_stand_for() {
    let (world, admin) = world().await;
    let id = world.client(&admin, "Acme Corp").await;
    let path = format!("/api/v1/metrics/client/{id}");
    let before = world.get(&path, &admin).await.header("etag").unwrap().to_owned();
    let body = Some(json!({ "name": "Acme & Sons" }));
    world.request(http::Method::PUT, &format!("/api/v1/clients/{id}"), Some(&admin), body).await.expect(200);
    assert_ne!(world.get(&path, &admin).await.header("etag").unwrap(), before);
}

#[tokio::test]
async fn client_users_see_their_own_client_under_both_paths() {
    let (world, admin) = world().await;
    let (own, other) = (world.client(&admin, "Acme Corp").await, world.client(&admin, "Other").await);
    let user = world.client_user(&admin, "client@acme.com", own).await;
    let mine = world.get("/api/v1/metrics/my-metrics", &user).await.expect(200);
    assert_eq!(mine["client_id"], own);
    assert_eq!(mine, world.get(&format!("/api/v1/metrics/client/{own}"), &user).await.expect(200));
    let workflows = world.get("/api/v1/metrics/my-workflows/", &user).await.expect(200);
    assert_eq!(workflows["summary"], mine);
    world.get(&format!("/api/v1/metrics/client/{other}"), &user).await.expect(404);
    world.get(&format!("/api/v1/metrics/client/{other}/workflows"), &user).await.expect(404);
    world.get("/api/v1/metrics/my-metrics?period=never", &user).await.expect(422);
}

#[tokio::test]
async fn admins_are_sent_to_the_metrics_of_all_clients() {
    let (world, admin) = world().await;
    for path in ["/api/v1/metrics/my-metrics", "/api/v1/metrics/my-workflows"] {
        let problem = world.get(path, &admin).await.expect(403);
        assert!(problem["detail"].as_str().unwrap().contains("/api/v1/metrics/all"), "{problem}");
    }
}

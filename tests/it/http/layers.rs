//! The layers on a host's own routes.

use std::{convert::Infallible, sync::Arc};

use flowmastery_core::access::{actor::Actor, permission::Permission};
use flowmastery_tests::world::World;
use flowmastery_tower::{AuthenticateLayer, RequirePermissionLayer, TokenAuthenticator};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use tower::{ServiceBuilder, service_fn};

use super::{empty, get, json, send, world};

type Sent = Request<Full<bytes::Bytes>>;

/// Answers with the user that the request's extensions name.
async fn own_route(request: Sent) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let user = request.extensions().get::<Actor>().map_or(0, |actor| actor.user_id().0);
    Ok(Response::new(user.to_string().into()))
}

fn authenticator(world: &World) -> Arc<TokenAuthenticator> {
    Arc::new(TokenAuthenticator::new(&world.app))
}

fn request(token: Option<&str>) -> Sent {
    let request = get("/own").header("x-request-id", "own-1");
    match token {
        Some(token) => empty(request.header(header::AUTHORIZATION, format!("Bearer {token}"))),
        None => empty(request),
    }
}

#[tokio::test]
async fn a_guarded_route_knows_its_caller() {
    let (world, admin) = world().await;
    let layer = AuthenticateLayer::required(authenticator(&world));
    let service = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    let (status, _, body) = send(service.clone(), request(Some(&admin))).await;
    assert_eq!((status, body.as_ref()), (StatusCode::OK, b"1".as_slice()));
    for token in [None, Some("forged")] {
        let (status, headers, body) = send(service.clone(), request(token)).await;
        assert_eq!(status, 401);
        assert_eq!(headers["www-authenticate"], "Bearer");
        assert_eq!(json(&body)["request_id"], "own-1");
    }
}

#[tokio::test]
async fn an_optional_guard_lets_nobody_pass_but_no_forged_token() {
    let (world, admin) = world().await;
    let layer = AuthenticateLayer::optional(authenticator(&world));
    let service = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    assert_eq!(send(service.clone(), request(None)).await.2, "0");
    assert_eq!(send(service.clone(), request(Some(&admin))).await.2, "1");
    assert_eq!(send(service, request(Some("forged"))).await.0, 401);
}

#[tokio::test]
async fn a_permission_is_asked_of_the_actor() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let user = world.client_user(&admin, "client@acme.com", client).await;
    let permission = RequirePermissionLayer::new(Permission::ManageUsers);
    let guarded = ServiceBuilder::new()
        .layer(AuthenticateLayer::required(authenticator(&world)))
        .layer(permission)
        .service(service_fn(own_route));
    assert_eq!(send(guarded.clone(), request(Some(&admin))).await.0, 200);
    let (status, _, body) = send(guarded, request(Some(&user))).await;
    assert_eq!((status.as_u16(), &json(&body)["status"]), (403, &403.into()));
    let alone = ServiceBuilder::new().layer(permission).service(service_fn(own_route));
    assert_eq!(send(alone, request(Some(&admin))).await.0, 401);
}

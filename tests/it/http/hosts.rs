//! One short list of cases on every host: axum and poem, at the root and under a prefix.

use flowmastery_tests::world::{ADMIN, PASSWORD, World};
use flowmastery_tower::Api;
use http::{Method, Request, header};
use http_body_util::{BodyExt, Full};
use poem::{Endpoint, EndpointExt, endpoint::TowerCompatExt};
use serde_json::{Value, json};

use super::{json as read, send, world};

/// A host with the API mounted under a prefix.
enum Host {
    Axum(axum::Router),
    Poem(poem::endpoint::BoxEndpoint<'static, poem::Response>),
}

impl Host {
    fn all(world: &World) -> Vec<(&'static str, Self)> {
        let api = |base| Api::builder(world.app.clone()).base_path(base).build().unwrap();
        let poem = |prefix| Self::Poem(poem::Route::new().nest(prefix, api(prefix).compat()).boxed());
        vec![
            ("", Self::Axum(axum::Router::new().fallback_service(api("")))),
            ("/flow", Self::Axum(axum::Router::new().nest_service("/flow", api("/flow")))),
            ("", poem("/")),
            ("/flow", poem("/flow")),
        ]
    }

    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> (u16, Value) {
        match self {
            Self::Axum(router) => {
                let (status, _, body) = send(router.clone(), request).await;
                (status.as_u16(), read(&body))
            }
            Self::Poem(endpoint) => {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let mut sent = poem::Request::builder().method(parts.method).uri(parts.uri);
                for (name, value) in &parts.headers {
                    sent = sent.header(name, value);
                }
                let answer = endpoint.get_response(sent.body(body)).await;
                let status = answer.status().as_u16();
                (status, read(&answer.into_body().into_bytes().await.unwrap()))
            }
        }
    }
}

#[tokio::test]
async fn every_host_answers_alike() {
    let (world, _) = world().await;
    for (prefix, host) in Host::all(&world) {
        let request =
            |method: Method, path: &str| Request::builder().method(method).uri(format!("{prefix}{path}"));
        let login = json!({ "email": ADMIN, "password": PASSWORD }).to_string();
        let login = request(Method::POST, "/api/v1/auth/login")
            .header(header::CONTENT_TYPE, "application/json")
            .body(login.into());
        let (status, signed_in) = host.send(login.unwrap()).await;
        assert_eq!(status, 200, "{signed_in}");
        let bearer = format!("Bearer {}", signed_in["access_token"].as_str().unwrap());
        for (path, expected) in [
            ("/api/v1/auth/me", 200),
            ("/api/v1/clients/?limit=1", 200),
            ("/api/v1/clients/7", 404),
            ("/none", 404),
            ("/", 200),
        ] {
            let sent =
                request(Method::GET, path).header(header::AUTHORIZATION, &bearer).body(Full::default());
            assert_eq!(host.send(sent.unwrap()).await.0, expected, "{prefix}{path}");
        }
        let nobody = request(Method::GET, "/api/v1/auth/me").body(Full::default()).unwrap();
        assert_eq!(host.send(nobody).await.0, 401);
    }
}

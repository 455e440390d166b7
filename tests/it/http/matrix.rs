//! Every route × every kind of caller, from the OpenAPI document, which is made from the route table.

use flowmastery_tests::world::ADMIN;
use http::Method;
use serde_json::Value;

use super::world;

const CLIENT_USER: &str = "client@acme.com";

/// Role and address of every kind of caller.
const CALLERS: [Option<(&str, &str)>; 3] = [None, Some(("admin", ADMIN)), Some(("client", CLIENT_USER))];

#[tokio::test]
async fn every_route_admits_exactly_whom_the_document_names() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    world.client_user(&admin, CLIENT_USER, client).await;
    let document = world.get("/openapi.json", &admin).await.expect(200);
    let mut seen = 0;
    for (template, methods) in document["paths"].as_object().unwrap() {
        // The role is asked before the record, so a record that is not there tells as much and is left unharmed.
        let path =
            template.replace("{client_id}", "99").replace("{user_id}", "99").replace("{session_id}", "99");
        let path = path.replace("{token_or_invitation_id}", "99").replace("{invitation_id}", "99");
        let path = path.replace("{file}", "index.html").replace("{workflow_id}", "none");
        for (method, operation) in methods.as_object().unwrap() {
            for caller in CALLERS {
                let token = match caller {
                    Some((_, email)) => Some(world.sign_in(email).await),
                    None => None,
                };
                let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let answer = world.request(method.clone(), &path, token.as_deref(), None).await;
                let refusal = Some(answer.status.as_u16()).filter(|status| [401, 403].contains(status));
                let expected = expected(&operation["x-access"], caller.map(|(role, _)| role));
                assert_eq!(refusal, expected, "{method} {path} as {caller:?}");
                seen += 1;
            }
        }
    }
    assert!(seen > 3 * 28, "only {seen} cases");
}

#[tokio::test]
async fn executions_are_for_all_who_see_the_client_and_minutes_for_admins() {
    let (world, admin) = world().await;
    let document = world.get("/openapi.json", &admin).await.expect(200);
    for (path, method, roles) in [
        ("/api/v1/metrics/client/{client_id}/executions", "get", &["admin", "client"][..]),
        ("/api/v1/metrics/my-executions", "get", &["client"]),
        ("/api/v1/metrics/client/{client_id}/workflows/{workflow_id}", "patch", &["admin"]),
    ] {
        assert_eq!(document["paths"][path][method]["x-access"]["roles"], serde_json::json!(roles), "{path}");
    }
}

/// The refusal of a caller with this role, if there is one.
fn expected(access: &Value, role: Option<&str>) -> Option<u16> {
    if access["level"] == "public" {
        return None;
    }
    let Some(role) = role else { return Some(401) };
    let admitted = access["roles"].as_array().unwrap().iter().any(|admitted| admitted == role);
    (!admitted).then_some(403)
}

//! Every route × every kind of caller. A route without a row here fails.
//!
//! The rows are held against the OpenAPI document, which is made from the route table. A caller whose credentials are not good is refused by
//! every route that wants any, and by a public one not looked at. Pages, which the document does not have, are in [`pages`].

mod pages;

use std::collections::BTreeSet;

use flowmastery_tests::{
    backend::Backend,
    world::{ADMIN, PASSWORD, SECRET, World},
};
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// Method and route; then what nobody in particular, a user of the client that the path names, one of another client, and an admin are
/// answered who send no body.
const ROWS: &str = "
    GET    /                                                           200 200 200 200
    GET    /health                                                     200 200 200 200
    GET    /health/live                                                200 200 200 200
    GET    /openapi.json                                               200 200 200 200
    GET    /docs                                                       200 200 200 200
    GET    /docs/{file}                                                200 200 200 200
    POST   /api/v1/auth/login                                          415 415 415 415
    POST   /api/v1/auth/refresh                                        415 415 415 415
    POST   /api/v1/auth/logout                                         401 204 204 204
    GET    /api/v1/auth/sessions                                       401 200 200 200
    DELETE /api/v1/auth/sessions/{session_id}                          401 204 404 404
    GET    /api/v1/auth/me                                             401 200 200 200
    PUT    /api/v1/auth/password                                       401 415 415 415
    POST   /api/v1/auth/password-reset                                 415 415 415 415
    POST   /api/v1/auth/password-reset/confirm                         415 415 415 415
    POST   /api/v1/auth/invitations                                    401 403 403 415
    GET    /api/v1/auth/invitations                                    401 403 403 200
    GET    /api/v1/auth/invitations/{token_or_invitation_id}           404 404 404 404
    DELETE /api/v1/auth/invitations/{token_or_invitation_id}           401 403 403 204
    POST   /api/v1/auth/invitations/{invitation_id}/resend             401 403 403 200
    POST   /api/v1/auth/invitations/accept                             415 415 415 415
    GET    /api/v1/users/                                              401 403 403 200
    GET    /api/v1/users/{user_id}                                     401 403 403 200
    PATCH  /api/v1/users/{user_id}                                     401 403 403 415
    DELETE /api/v1/users/{user_id}                                     401 403 403 204
    POST   /api/v1/clients/                                            401 403 403 415
    GET    /api/v1/clients/                                            401 403 403 200
    GET    /api/v1/clients/{client_id}                                 401 200 404 200
    PUT    /api/v1/clients/{client_id}                                 401 403 403 415
    DELETE /api/v1/clients/{client_id}                                 401 403 403 204
    POST   /api/v1/clients/{client_id}/n8n-config                      401 403 403 415
    DELETE /api/v1/clients/{client_id}/n8n-config                      401 403 403 204
    POST   /api/v1/clients/{client_id}/test-connection                 401 403 403 409
    POST   /api/v1/clients/{client_id}/sync                            401 403 403 409
    GET    /api/v1/metrics/all                                         401 403 403 200
    GET    /api/v1/metrics/all/timeseries                              401 403 403 200
    GET    /api/v1/metrics/client/{client_id}                          401 200 404 200
    GET    /api/v1/metrics/client/{client_id}/workflows                401 200 404 200
    GET    /api/v1/metrics/client/{client_id}/timeseries               401 200 404 200
    GET    /api/v1/metrics/client/{client_id}/executions               401 200 404 200
    PATCH  /api/v1/metrics/client/{client_id}/workflows/{workflow_id}  401 403 403 404
    GET    /api/v1/metrics/my-metrics                                  401 200 200 403
    GET    /api/v1/metrics/my-workflows                                401 200 200 403
    GET    /api/v1/metrics/my-timeseries                               401 200 200 403
    GET    /api/v1/metrics/my-executions                               401 200 200 403
    GET    /api/v1/audit                                               401 403 403 200
";

/// One route with what each kind of good caller is answered.
#[derive(Clone, Debug)]
struct Row {
    method: Method,
    route: &'static str,
    /// Anonymous, client A, client B, admin.
    statuses: Vec<u16>,
}

fn rows() -> Vec<Row> {
    rows_of(ROWS)
}

fn rows_of(table: &'static str) -> Vec<Row> {
    let row = |line: &'static str| {
        let mut words = line.split_whitespace();
        let (method, route) = (words.next().unwrap().parse().unwrap(), words.next().unwrap());
        Row { method, route, statuses: words.map(|status| status.parse().unwrap()).collect() }
    };
    table.lines().filter(|line| !line.trim().is_empty()).map(row).collect()
}

#[tokio::test]
async fn every_route_has_a_row_and_the_document_names_the_same_roles() {
    let (world, admin) = super::world().await;
    let document = world.get("/openapi.json", &admin).await.expect(200);
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            routes.insert(format!("{} {path} {}", method.to_uppercase(), operation["x-access"]["roles"]));
        }
    }
    let named = rows().into_iter().map(|row| {
        let admitted = |at: usize| row.statuses[0] == 401 && row.statuses[at] != 403;
        let roles: Vec<_> =
            [("admin", 3), ("client", 1)].into_iter().filter(|(_, at)| admitted(*at)).collect();
        let roles: Vec<_> = roles.into_iter().map(|(role, _)| role).collect();
        format!("{} {} {}", row.method, row.route, if roles.is_empty() { Value::Null } else { json!(roles) })
    });
    assert_eq!(routes, named.collect());
}

#[tokio::test]
async fn every_kind_of_caller_is_answered_as_the_matrix_says() {
    let cases: Vec<_> = rows().into_iter().map(|row| tokio::spawn(check(row))).collect();
    for case in cases {
        case.await.unwrap();
    }
}

/// A world of its own for each route: some of them take away what others need.
async fn check(row: Row) {
    let callers = Callers::new().await;
    let path = callers.path(row.route);
    let ask = async |who: &str, token: Option<&str>, expected: u16| {
        let answer = callers.world.request(row.method.clone(), &path, token, None).await;
        assert_eq!(answer.status.as_u16(), expected, "{} {path} as {who}: {:?}", row.method, answer.body);
    };
    ask("nobody", None, row.statuses[0]).await;
    for (who, token) in &callers.refused {
        ask(who, Some(token), row.statuses[0]).await;
    }
    // The admin comes last: the row may be a deletion.
    let [a, b, admin] = &callers.good;
    ask("a user of another client", Some(b), row.statuses[2]).await;
    ask("a user of the client", Some(a), row.statuses[1]).await;
    ask("an admin", Some(admin), row.statuses[3]).await;
}

/// Everybody who may come.
struct Callers {
    world: World,
    client: i64,
    user: u64,
    /// A session of the user's.
    session: u64,
    /// One that is pending.
    invitation: u64,
    /// A user of the client, one of another one, and an admin.
    good: [String; 3],
    /// Those whose credentials are not good, by what is wrong with them.
    refused: Vec<(&'static str, String)>,
}

impl Callers {
    async fn new() -> Self {
        let world = World::new(Backend::Sqlite.store().await).await;
        let admin = world.sign_in(ADMIN).await;
        let expired = ("an expired token", admin.clone());
        world.clock.advance(std::time::Duration::from_secs(31 * 60));
        let admin = world.sign_in(ADMIN).await;
        let (client, other) = (world.client(&admin, "Acme").await, world.client(&admin, "Globex").await);
        let a = world.client_user(&admin, "anna@acme.com", client).await;
        let b = world.client_user(&admin, "bob@globex.com", other).await;
        let user = world.get("/api/v1/auth/me", &a).await.expect(200)["id"].as_u64().unwrap();
        let session = world.get("/api/v1/auth/sessions", &a).await.expect(200)[0]["id"].as_u64().unwrap();
        let invited = json!({ "email": "ida@agency.com", "role": "admin" });
        let invited = world.post("/api/v1/auth/invitations", &admin, invited).await.expect(201);
        let invitation = invited["id"].as_u64().unwrap();
        let mut refused = vec![expired];
        refused.extend(Self::without_account(&world, &admin, client).await);
        refused.extend(Self::forged(&world, &admin).await);
        Self { world, client, user, session, invitation, good: [a, b, admin], refused }
    }

    /// The path of a route to what is theirs.
    fn path(&self, route: &str) -> String {
        let file = if route.starts_with("/docs") { "swagger-ui.css" } else { "dashboard.css" };
        let path = route.replace("{client_id}", &self.client.to_string());
        let path = path.replace("{user_id}", &self.user.to_string());
        let path = path.replace("{session_id}", &self.session.to_string());
        let path = ["{token_or_invitation_id}", "{invitation_id}"]
            .into_iter()
            .fold(path, |path, name| path.replace(name, &self.invitation.to_string()));
        path.replace("{file}", file).replace("{workflow_id}", "none")
    }

    /// Users who may not come any more.
    async fn without_account(world: &World, admin: &str, client: i64) -> [(&'static str, String); 2] {
        let disabled = world.client_user(admin, "dora@acme.com", client).await;
        let user = &world.get("/api/v1/auth/me", &disabled).await.expect(200)["id"];
        let path = format!("/api/v1/users/{user}");
        let patch = Some(json!({ "is_active": false }));
        world.request(Method::PATCH, &path, Some(admin), patch).await.expect(200);
        let gone = world.client(admin, "Gone").await;
        let orphan = world.client_user(admin, "otto@gone.com", gone).await;
        let path = format!("/api/v1/clients/{gone}");
        world.request(Method::DELETE, &path, Some(admin), None).await.expect(204);
        [("a disabled user", disabled), ("a user of a deleted client", orphan)]
    }

    /// Tokens that we never gave.
    async fn forged(world: &World, admin: &str) -> Vec<(&'static str, String)> {
        let body = json!({ "email": ADMIN, "password": PASSWORD });
        let pair = world.request(Method::POST, "/api/v1/auth/login", None, Some(body)).await.expect(200);
        let refresh = pair["refresh_token"].as_str().unwrap().to_owned();
        let ours = jsonwebtoken::decode_header(admin).unwrap();
        let claims: Value = serde_json::from_slice(&part(admin, 1)).unwrap();
        let with = |name: &str, value: &str| {
            let mut claims = claims.clone();
            claims[name] = value.into();
            claims
        };
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let signed = |claims: &Value, header: &Header, key: &EncodingKey| {
            jsonwebtoken::encode(header, claims, key).unwrap()
        };
        assert_eq!(
            world.get("/api/v1/auth/me", &signed(&claims, &ours, &key)).await.status,
            200,
            "it is the change of each that is refused"
        );
        let unsigned = json!({ "alg": "none", "typ": "JWT", "kid": ours.kid });
        let unsigned = [encoded(unsigned.to_string().as_bytes()), encoded(claims.to_string().as_bytes())];
        let hs512 = Header { kid: ours.kid.clone(), ..Header::new(Algorithm::HS512) };
        vec![
            ("a wrong signature", signed(&claims, &ours, &EncodingKey::from_secret(b"another secret"))),
            ("alg: none", format!("{}.", unsigned.join("."))),
            ("alg: HS512", signed(&claims, &hs512, &key)),
            ("a refresh token", refresh),
            ("a token of another kind", signed(&with("typ", "refresh"), &ours, &key)),
            ("another issuer", signed(&with("iss", "other"), &ours, &key)),
            ("another audience", signed(&with("aud", "other"), &ours, &key)),
            ("another user's session", signed(&with("sub", "2"), &ours, &key)),
        ]
    }
}

/// A part of a token, decoded.
fn part(token: &str, number: usize) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()
}

fn encoded(part: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(part)
}

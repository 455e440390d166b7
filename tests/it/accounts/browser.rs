//! Browsers: tokens in cookies that no script reads, and changes from pages of the API's own origin only.

use std::{convert::Infallible, sync::Arc, time::Duration};

use flowmastery_core::access::actor::Actor;
use flowmastery_tests::{
    backend::Backend,
    both_backends,
    cookies::{self, Cookies},
    world::{ADMIN, Answer, PASSWORD, World},
};
use flowmastery_tower::{Api, AuthenticateLayer, Site, TokenAuthenticator};
use http::{Method, Request, Response, header};
use http_body_util::Full;
use serde_json::{Value, json};
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::{ACCEPT, INVITATIONS, LOGIN, ME, REFRESH, token_of};

const OWN: &str = "https://api.agency.com";
const LOGOUT: &str = "/api/v1/auth/logout";

both_backends! {
    a_browser_signs_in_refreshes_and_signs_out_with_cookies,
    an_invitation_is_accepted_into_cookies,
}

/// A browser that keeps its cookies, on a page of an origin.
struct Browser {
    world: World,
    page: Option<&'static str>,
    cookies: Cookies,
}

impl Browser {
    async fn new(backend: Backend) -> Self {
        Self::at(backend, OWN).await
    }

    async fn at(backend: Backend, public_url: &str) -> Self {
        let mut world = World::new(backend.store().await).await;
        world.api = Api::builder(world.app.clone()).public_url(public_url).build().unwrap();
        Self { world, page: Some(OWN), cookies: Vec::new() }
    }

    async fn signed_in() -> Self {
        let mut browser = Self::new(Backend::Sqlite).await;
        browser.post(LOGIN, login()).await.expect(200);
        browser
    }

    fn jar(&self) -> String {
        cookies::sent(&self.cookies)
    }

    fn request(&self, method: Method, path: &str, body: Option<Value>) -> http::Request<Full<bytes::Bytes>> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(page) = self.page {
            request = request.header(header::ORIGIN, page);
        }
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, self.jar());
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        request.body(Full::from(body.map(|body| body.to_string()).unwrap_or_default())).unwrap()
    }

    async fn send(&mut self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let answer = self.world.send(self.request(method, path, body)).await;
        cookies::keep(&mut self.cookies, &answer.headers);
        answer
    }

    async fn post(&mut self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    fn names(&self) -> Vec<&str> {
        self.cookies.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn value(&self, name: &str) -> String {
        self.cookies.iter().find(|(known, _)| known.ends_with(name)).unwrap().1.clone()
    }
}

fn login() -> Value {
    json!({ "email": ADMIN, "password": PASSWORD, "cookies": true })
}

async fn a_browser_signs_in_refreshes_and_signs_out_with_cookies(backend: Backend) {
    let mut browser = Browser::new(backend).await;
    let answer = browser.post(LOGIN, login()).await;
    let body = answer.expect(200);
    assert_eq!((&body["expires_in"], &body["user"]["email"]), (&json!(1800), &json!(ADMIN)));
    assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none(), "{body}");
    assert_eq!(browser.names(), ["__Host-flowmastery_access", "__Host-flowmastery_refresh"]);
    let set: Vec<_> = answer.headers.get_all(header::SET_COOKIE).iter().collect();
    assert!(set[0].to_str().unwrap().ends_with("; Secure; Path=/; Max-Age=1800"), "{set:?}");
    assert!(set[1].to_str().unwrap().ends_with("; Secure; Path=/; Max-Age=604800"));
    assert_eq!(browser.get(ME).await.expect(200)["email"], ADMIN);
    browser.post("/api/v1/clients/", json!({ "name": "Acme Corp" })).await.expect(201);
    let (access, spent) = (browser.value("access"), browser.value("refresh"));
    let refreshed = browser.post(REFRESH, json!({})).await.expect(200);
    assert!(refreshed.get("refresh_token").is_none(), "what came in a cookie goes into one");
    assert!(browser.value("access") != access && browser.value("refresh") != spent);
    browser.get(ME).await.expect(200);
    let last = browser.value("access");
    browser.send(Method::POST, LOGOUT, None).await.expect(204);
    assert_eq!(browser.names(), Vec::<&str>::new());
    browser.world.get(ME, &last).await.expect(401);
    browser.get(ME).await.expect(401);
    browser.post(REFRESH, json!({ "cookies": true })).await.expect(401);
    let faulty = browser.post(REFRESH, json!({})).await.expect(422);
    assert_eq!(faulty["errors"][0]["field"], "refresh_token");
}

async fn an_invitation_is_accepted_into_cookies(backend: Backend) {
    let mut browser = Browser::new(backend).await;
    let admin = browser.world.sign_in(ADMIN).await;
    let body = json!({ "email": "berta@agency.com", "role": "admin" });
    let token = token_of(&browser.world.post(INVITATIONS, &admin, body).await.expect(201));
    let body = json!({ "token": token, "password": PASSWORD, "cookies": true });
    browser.page = Some("https://evil.com");
    browser.post(ACCEPT, body.clone()).await.expect(403);
    browser.page = Some(OWN);
    let accepted = browser.post(ACCEPT, body).await.expect(201);
    assert!(accepted.get("access_token").is_none());
    assert_eq!(browser.get(ME).await.expect(200)["email"], "berta@agency.com");
}

#[tokio::test]
async fn signing_in_again_ends_the_session_that_the_cookies_were_of() {
    let mut browser = Browser::signed_in().await;
    let before = browser.value("access");
    let beside = browser.world.sign_in(ADMIN).await;
    let wrong = json!({ "email": ADMIN, "password": "wrong password", "cookies": true });
    browser.post(LOGIN, wrong).await.expect(401);
    browser.world.get(ME, &before).await.expect(200);
    browser.post(LOGIN, login()).await.expect(200);
    browser.world.get(ME, &before).await.expect(401);
    browser.world.get(ME, &beside).await.expect(200);
    // Cookies of a session that is over are in nobody's way.
    browser.cookies[0].1 = before;
    browser.post(LOGIN, login()).await.expect(200);
    let invited = json!({ "email": "berta@agency.com", "role": "admin" });
    let token = token_of(&browser.world.post(INVITATIONS, &beside, invited).await.expect(201));
    let before = browser.value("access");
    let accepting = json!({ "token": token, "password": PASSWORD, "cookies": true });
    browser.post(ACCEPT, accepting).await.expect(201);
    browser.world.get(ME, &before).await.expect(401);
    assert_eq!(browser.get(ME).await.expect(200)["email"], "berta@agency.com");
}

#[tokio::test]
async fn cookies_change_nothing_for_pages_of_another_origin() {
    let mut browser = Browser::signed_in().await;
    let refresh_token = browser.value("refresh");
    for page in [
        Some("https://evil.com"),
        Some("https://app.agency.com"),
        Some("http://api.agency.com"),
        Some("null"),
        None,
    ] {
        browser.page = page;
        browser.get(ME).await.expect(200);
        browser.post("/api/v1/clients/", json!({ "name": "Stolen" })).await.expect(403);
        browser.send(Method::POST, LOGOUT, None).await.expect(403);
        browser.post(REFRESH, json!({})).await.expect(403);
        browser.post(LOGIN, login()).await.expect(403);
        assert_eq!(browser.value("refresh"), refresh_token);
    }
    browser.page = Some(OWN);
    assert_eq!(browser.get("/api/v1/clients/").await.expect(200), json!([]));
    browser.post(REFRESH, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_browser_that_says_itself_where_a_request_comes_from_is_believed() {
    let browser = Browser::signed_in().await;
    let request = |site: &str, page: Option<&str>| {
        let mut request = browser.request(Method::DELETE, "/api/v1/auth/sessions/1", None);
        request.headers_mut().remove(header::ORIGIN);
        request.headers_mut().extend(page.map(|page| (header::ORIGIN, page.parse().unwrap())));
        request.headers_mut().insert("sec-fetch-site", site.parse().unwrap());
        request
    };
    for site in ["same-site", "cross-site", "none"] {
        browser.world.send(request(site, Some(OWN))).await.expect(403);
    }
    browser.world.send(request("same-origin", None)).await.expect(204);
}

#[tokio::test]
async fn a_bearer_token_wins_over_cookies_and_needs_no_origin() {
    let mut browser = Browser::signed_in().await;
    let client = browser.world.sign_in(ADMIN).await;
    browser.page = Some("https://evil.com");
    let with = |token: &str, browser: &Browser| {
        let mut request = browser.request(Method::POST, LOGOUT, None);
        request.headers_mut().insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        request
    };
    browser.world.send(with("forged", &browser)).await.expect(401);
    let answer = browser.world.send(with(&client, &browser)).await;
    answer.expect(204);
    assert!(answer.header("set-cookie").is_none(), "the session that ended was not the cookie's");
    browser.world.get(ME, &client).await.expect(401);
    browser.get(ME).await.expect(200);
    // A token in the body comes before the cookie, and is answered in the body.
    let tokens = json!({ "email": ADMIN, "password": PASSWORD });
    let tokens = browser.post(LOGIN, tokens).await.expect(200);
    let body = json!({ "refresh_token": tokens["refresh_token"] });
    assert!(browser.post(REFRESH, body).await.expect(200)["refresh_token"].is_string());
}

#[tokio::test]
async fn bad_and_doubled_cookies_are_401_like_bad_tokens() {
    let mut browser = Browser::signed_in().await;
    let good = browser.cookies.clone();
    browser.cookies[0].1.push('x');
    browser.get(ME).await.expect(401);
    browser.cookies[1].1.push('x');
    browser.post(REFRESH, json!({})).await.expect(401);
    browser.cookies = [good.clone(), good.clone()].concat();
    browser.get(ME).await.expect(401);
    browser.post(REFRESH, json!({})).await.expect(401);
    browser.cookies = vec![("flowmastery_access".to_owned(), good[0].1.clone())];
    browser.get(ME).await.expect(401);
    browser.cookies = good;
    browser.get(ME).await.expect(200);
    browser.world.clock.advance(Duration::from_secs(1800));
    browser.get(ME).await.expect(401);
}

#[tokio::test]
async fn cookies_on_plain_http_have_plain_names() {
    let mut browser = Browser::at(Backend::Sqlite, "http://127.0.0.1:8000").await;
    browser.page = Some("http://127.0.0.1:8000");
    let answer = browser.post(LOGIN, login()).await;
    answer.expect(200);
    assert_eq!(browser.names(), ["flowmastery_access", "flowmastery_refresh"]);
    assert!(!answer.header("set-cookie").unwrap().contains("Secure"));
    browser.get(ME).await.expect(200);
}

/// Answers with the user that the request's extensions name.
async fn own_route(request: Request<Full<bytes::Bytes>>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let user = request.extensions().get::<Actor>().map_or(0, |actor| actor.user_id().0);
    Ok(Response::new(user.to_string().into()))
}

#[tokio::test]
async fn a_hosts_own_routes_take_cookies_with_the_same_check() {
    let browser = Browser::signed_in().await;
    let site = Site::new(OWN, "").unwrap();
    let authenticator = Arc::new(TokenAuthenticator::new(&browser.world.app).at(site.clone()));
    let layer = AuthenticateLayer::required(authenticator.clone());
    let own = ServiceBuilder::new().layer(layer.clone().at(site)).service(service_fn(own_route));
    let untold = ServiceBuilder::new().layer(layer).service(service_fn(own_route));
    let status = async |request| own.clone().oneshot(request).await.unwrap().status().as_u16();
    assert_eq!(status(browser.request(Method::POST, "/own", None)).await, 200);
    let stranger = Browser {
        page: Some("https://evil.com"),
        world: browser.world.clone(),
        cookies: browser.cookies.clone(),
    };
    assert_eq!(status(stranger.request(Method::POST, "/own", None)).await, 403);
    assert_eq!(status(stranger.request(Method::GET, "/own", None)).await, 200);
    let request = browser.request(Method::POST, "/own", None);
    assert_eq!(untold.oneshot(request).await.unwrap().status(), 403, "it was not told the origin");
}

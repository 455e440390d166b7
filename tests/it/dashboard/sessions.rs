//! Signing in and staying so by cookies, and the way back to the page that was asked for.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    access::actor::Actor,
    error::{Error, Kind},
    model::email::Email,
};
use flowmastery_tests::{
    visitor::Visitor,
    world::{ADMIN, PASSWORD},
};
use flowmastery_tower::{Api, Authenticator, Credentials, Dashboard};
use serde_json::json;

use super::{assert_page, world};

const SIGN_IN: &str = "/dashboard/sign-in";

/// The form of signing in.
fn form(next: &str) -> [(&str, &str); 3] {
    [("email", ADMIN), ("password", PASSWORD), ("next", next)]
}

#[tokio::test]
async fn who_is_not_signed_in_is_led_to_sign_in_and_back() {
    let (world, token) = world().await;
    let client = world.client(&token, "Acme Corp").await;
    let mut visitor = Visitor::new(&world);
    let wanted = format!("/dashboard/clients/{client}?period=7d&tz=Europe%2FBerlin");
    let page = visitor.follow(&wanted).await;
    assert_page(&page, 200);
    let next = wanted.replace('&', "&#38;");
    assert!(page.text().contains(&format!("name=\"next\" value=\"{next}\"")), "{}", page.text());
    let answer = visitor.submit(SIGN_IN, &form(&wanted)).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some(wanted.as_str())));
    assert!(visitor.cookie("access").is_some() && visitor.cookie("refresh").is_some());
    assert_page(&visitor.get(&wanted).await, 200);
}

#[tokio::test]
async fn signing_in_leads_nowhere_but_into_the_dashboard() {
    let (world, _) = world().await;
    for elsewhere in [
        "https://evil.com",
        "//evil.com",
        "/\\evil.com",
        "/dashboard\\@evil.com",
        "/dashboardx",
        "/dashboard.evil.com",
        "/api/v1/auth/me",
        "javascript:alert(1)",
        "/dashboard/\r\nset-cookie: a=b",
        "",
    ] {
        let mut visitor = Visitor::new(&world);
        let answer = visitor.submit(SIGN_IN, &form(elsewhere)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("location")),
            (303, Some("/dashboard")),
            "{elsewhere}"
        );
        let query: String = url::form_urlencoded::byte_serialize(elsewhere.as_bytes()).collect();
        let page = visitor.get(&format!("{SIGN_IN}?next={query}")).await;
        assert!(page.text().contains("name=\"next\" value=\"/dashboard\""), "{elsewhere}");
    }
}

#[tokio::test]
async fn a_path_with_dots_in_it_stays_on_this_host() {
    let (world, _) = world().await;
    let mut visitor = Visitor::new(&world);
    let answer = visitor.submit(SIGN_IN, &form("/dashboard/../../evil.com")).await;
    let place = url::Url::parse("https://api.agency.com").unwrap();
    let place = place.join(answer.header("location").unwrap()).unwrap();
    assert_eq!(place.host_str(), Some("api.agency.com"));
}

#[tokio::test]
async fn a_wrong_password_is_told_with_its_status_and_the_address_stays() {
    let (world, _) = world().await;
    let mut visitor = Visitor::new(&world);
    let wrong = [("email", ADMIN), ("password", "a wrong password"), ("next", "/dashboard/people")];
    let page = visitor.submit(SIGN_IN, &wrong).await;
    assert_page(&page, 401);
    let html = page.text();
    assert!(html.contains("role=\"alert\"") && html.contains(&format!("value=\"{ADMIN}\"")), "{html}");
    assert!(html.contains("name=\"next\" value=\"/dashboard/people\""), "{html}");
    assert!(!html.contains("a wrong password"), "{html}");
    assert!(visitor.cookies.is_empty());
}

#[tokio::test]
async fn an_access_token_that_is_too_old_is_renewed_on_the_way() {
    let (world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    let (access, refresh) =
        (visitor.cookie("access").unwrap().to_owned(), visitor.cookie("refresh").unwrap().to_owned());
    world.clock.advance(Duration::from_secs(31 * 60));
    assert_page(&visitor.get("/dashboard/people").await, 200);
    assert!(visitor.cookie("access") != Some(&access) && visitor.cookie("refresh") != Some(&refresh));
    // Browsers do not send a cookie that is past its time at all; what is refused brings the new ones, too.
    visitor.forget("access");
    assert_page(&visitor.get("/dashboard/clients/99").await, 404);
    assert!(visitor.cookie("access").is_some());
    world.clock.advance(Duration::from_secs(8 * 24 * 60 * 60));
    let page = visitor.follow("/dashboard/people").await;
    assert!(page.text().contains("<h1>Sign in</h1>") && visitor.cookies.is_empty());
}

#[tokio::test]
async fn no_page_of_another_site_has_a_form_sent_by_a_refresh_token_alone() {
    let (world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    visitor.forget("access");
    for site in ["cross-site", "same-site", "none"] {
        visitor.site = site;
        assert_page(&visitor.submit("/dashboard/clients/new", &[("name", "Stolen")]).await, 403);
        assert_eq!(visitor.cookie("access"), None, "{site}");
    }
    visitor.site = "same-origin";
    let made = visitor.submit("/dashboard/clients/new", &[("name", "Own")]).await;
    assert_eq!(
        made.header("location"),
        Some("/dashboard/clients/1/settings?done=made"),
        "the session goes on"
    );
    assert!(visitor.cookie("access").is_some());
}

/// A host that lets nobody in, whatever they have been given before.
#[derive(Debug)]
struct Closed;

#[async_trait::async_trait]
impl Authenticator for Closed {
    async fn authenticate(&self, _: Credentials<'_>) -> flowmastery_core::error::Result<Option<Actor>> {
        Err(Error::new(Kind::Unauthenticated, "The host is closed."))
    }
}

#[tokio::test]
async fn a_session_that_goes_on_helps_nobody_whom_the_host_refuses() {
    let (mut world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    let dashboard = Dashboard::default().signing("/login", "/logout").unwrap();
    let api = Api::builder(world.app.clone()).dashboard(dashboard).authenticator(Arc::new(Closed));
    world.api = api.build().unwrap();
    visitor.world = world;
    let form = visitor.clone().submit("/dashboard/clients/new", &[("name", "Acme")]).await;
    assert_eq!((form.status.as_u16(), form.header("location")), (303, Some("/login?next=%2Fdashboard")));
    let led = visitor.get("/dashboard/people?done=invited").await;
    let login = "/login?next=%2Fdashboard%2Fpeople%3Fdone%3Dinvited";
    assert_eq!((led.status.as_u16(), led.header("location")), (303, Some(login)));
    assert!(visitor.cookies.is_empty(), "it does not go in a circle");
}

#[tokio::test]
async fn who_signs_out_of_a_host_that_signs_in_itself_is_led_on_to_it() {
    let (mut world, _) = world().await;
    let dashboard = Dashboard::default().signing("/login", "/members/logout").unwrap();
    world.api = Api::builder(world.app.clone()).dashboard(dashboard).build().unwrap();
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    let before = visitor.clone();
    let left = visitor.submit("/dashboard/sign-out", &[]).await;
    // The status by which browsers go on with POST.
    assert_eq!((left.status.as_u16(), left.header("location")), (307, Some("/members/logout")));
    assert!(visitor.cookies.is_empty());
    let mut kept = before;
    assert_eq!(kept.get("/dashboard").await.header("location"), Some("/login?next=%2Fdashboard"));
}

/// A host that knows everybody as its admin, whatever they bring.
#[derive(Debug)]
struct Open(Actor);

#[async_trait::async_trait]
impl Authenticator for Open {
    async fn authenticate(&self, _: Credentials<'_>) -> flowmastery_core::error::Result<Option<Actor>> {
        Ok(Some(self.0))
    }
}

#[tokio::test]
async fn signing_out_of_a_hosts_session_ends_the_one_beside_it() {
    let (world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    visitor.forget("access");
    let before = visitor.clone();
    let admin = world.app.users().find_actor(&Email::parse(ADMIN).unwrap()).await.unwrap().unwrap();
    let mut host = world.clone();
    let api = Api::builder(world.app.clone()).dashboard(Dashboard::default());
    host.api = api.authenticator(Arc::new(Open(admin))).build().unwrap();
    visitor.world = host;
    assert_eq!(visitor.submit("/dashboard/sign-out", &[]).await.header("location"), Some(SIGN_IN));
    assert!(visitor.cookies.is_empty());
    let mut kept = before;
    assert!(kept.follow("/dashboard").await.text().contains("<h1>Sign in</h1>"), "a thief has nothing of it");
}

#[tokio::test]
async fn a_cookie_that_is_there_twice_is_refused_though_the_session_could_be_renewed() {
    let (world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    let name = visitor.cookies.iter().find(|(name, _)| name.ends_with("access")).unwrap().0.clone();
    visitor.cookies.push((name, "planted".to_owned()));
    let led = visitor.get("/dashboard/people").await;
    assert_eq!(led.header("location"), Some("/dashboard/sign-in?next=%2Fdashboard%2Fpeople"));
    assert!(
        led.headers.get_all("set-cookie").iter().all(|cookie| cookie.to_str().unwrap().contains("Max-Age=0"))
    );
}

#[tokio::test]
async fn a_link_from_elsewhere_is_asked_for_once_more_from_here() {
    let (world, _) = world().await;
    let mut visitor = Visitor::new(&world);
    visitor.site = "cross-site";
    let page = visitor.follow("/dashboard/people").await;
    assert_page(&page, 200);
    let again = "content=\"0; url=/dashboard/people\"";
    assert!(page.text().contains(again), "{}", page.text());
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookies_away() {
    let (world, _) = world().await;
    let mut visitor = Visitor::signed_in(&world, ADMIN).await;
    let before = visitor.clone();
    let left = visitor.submit("/dashboard/sign-out", &[]).await;
    assert_eq!((left.status.as_u16(), left.header("location")), (303, Some(SIGN_IN)));
    assert!(visitor.cookies.is_empty());
    let mut kept = before;
    assert!(kept.follow("/dashboard").await.text().contains("<h1>Sign in</h1>"));
}

#[tokio::test]
async fn an_invitation_is_accepted_once_and_leads_to_the_numbers() {
    let (world, token) = world().await;
    let client = world.client(&token, "Acme Corp").await;
    let body = json!({ "email": "carl@acme.com", "role": "client", "client_id": client });
    let invited = world.post("/api/v1/auth/invitations", &token, body).await.expect(201);
    let secret = invited["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    let mut carl = Visitor::new(&world);
    let page = carl.get(&format!("/dashboard/accept-invitation?token={secret}")).await;
    assert_page(&page, 200);
    assert!(page.text().contains("carl@acme.com") && page.text().contains("the numbers of Acme Corp"));
    let short =
        carl.submit("/dashboard/accept-invitation", &[("token", &secret), ("password", "short")]).await;
    assert_page(&short, 422);
    assert!(short.text().contains(&format!("value=\"{secret}\"")), "it is tried again");
    let fields = [("token", secret.as_str()), ("email", "carl@acme.com"), ("password", PASSWORD)];
    let accepted = carl.submit("/dashboard/accept-invitation", &fields).await;
    assert_eq!((accepted.status.as_u16(), accepted.header("location")), (303, Some("/dashboard")));
    let page = carl.get("/dashboard").await;
    assert_page(&page, 200);
    assert!(page.text().contains("<h1><bdi>Acme Corp</bdi></h1>"), "{}", page.text());
    let again = Visitor::new(&world).submit("/dashboard/accept-invitation", &fields).await;
    assert_page(&again, again.status.as_u16());
    assert!(again.status.is_client_error());
}

#[tokio::test]
async fn an_invitation_that_is_too_old_says_whom_to_ask() {
    let (world, token) = world().await;
    let body = json!({ "email": "berta@agency.com", "role": "admin" });
    let invited = world.post("/api/v1/auth/invitations", &token, body).await.expect(201);
    let secret = invited["accept_url"].as_str().unwrap().split_once("?token=").unwrap().1.to_owned();
    world.clock.advance(Duration::from_secs(30 * 24 * 60 * 60));
    let mut berta = Visitor::new(&world);
    let page = berta.get(&format!("/dashboard/accept-invitation?token={secret}")).await;
    assert_page(&page, 410);
    assert!(page.text().contains("ask who sent it for a new one"), "{}", page.text());
    let fields = [("token", secret.as_str()), ("password", PASSWORD)];
    let refused = berta.submit("/dashboard/accept-invitation", &fields).await;
    assert!(refused.status.is_client_error() && berta.cookies.is_empty());
    assert_page(&refused, refused.status.as_u16());
}

#[tokio::test]
async fn a_forgotten_password_is_answered_alike_whoever_asks() {
    let (world, _) = world().await;
    let mut visitor = Visitor::new(&world);
    let path = "/dashboard/forgot-password";
    let known = visitor.submit(path, &[("email", ADMIN)]).await;
    assert_page(&known, 200);
    let unknown = visitor.submit(path, &[("email", "nobody@agency.com")]).await;
    assert_eq!(known.text(), unknown.text());
    assert_page(&visitor.submit(path, &[("email", "none")]).await, 422);
    let reset = [("token", "forged"), ("password", PASSWORD)];
    let refused = visitor.submit("/dashboard/reset-password", &reset).await;
    assert_page(&refused, refused.status.as_u16());
    assert!(refused.status.is_client_error());
}

//! Pages without a browser: signing in and staying so, what is refused and how that looks, where pages are, what hostile names do, and events.

mod live;
mod names;
mod places;
mod refusals;
mod sessions;

use flowmastery_tests::{
    backend::Backend,
    visitor::Visitor,
    world::{ADMIN, Answer, World},
};

/// A world on SQLite with its admin's access token.
async fn world() -> (World, String) {
    let world = World::new(Backend::Sqlite.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

/// Holds what every page has to be: HTML, with the policy that lets nothing in from elsewhere, and nobody's to keep.
#[track_caller]
fn assert_page(answer: &Answer, status: u16) {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    let policy = answer.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let html = answer.text();
    assert!(html.starts_with("<!doctype html>") && html.contains("<html lang=\"en\">"), "{html}");
    for what_the_policy_forbids in ["<style", "style=\"", "onclick", "<script>", "javascript:", "<iframe"] {
        assert!(!html.contains(what_the_policy_forbids), "{what_the_policy_forbids}: {html}");
    }
}

#[tokio::test]
async fn every_page_of_an_admin_is_html_that_its_policy_allows() {
    let (world, token) = world().await;
    let client = world.client(&token, "Acme Corp").await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    for path in ["", "/account", "/people", "/audit", "/clients/new", "/forgot-password", "/sign-in"] {
        assert_page(&admin.get(&format!("/dashboard{path}")).await, 200);
    }
    for path in ["", "/settings"] {
        assert_page(&admin.get(&format!("/dashboard/clients/{client}{path}")).await, 200);
    }
}

#[tokio::test]
async fn styles_and_scripts_are_kept_and_asked_about_again() {
    let (world, _) = world().await;
    let mut nobody = Visitor::new(&world);
    let page = nobody.get("/dashboard/sign-in").await;
    for (file, media_type) in [("dashboard.css", "text/css"), ("dashboard.js", "text/javascript")] {
        let at = page.text().find(file).unwrap();
        let path = page.text().get(at..).unwrap().split('"').next().unwrap();
        let asset = nobody.get(&format!("/dashboard/assets/{path}")).await;
        assert_eq!(asset.status, 200);
        assert!(asset.header("content-type").unwrap().starts_with(media_type));
        assert_eq!(asset.header("cache-control"), Some("public, max-age=86400"));
        let mut again = nobody.request(http::Method::GET, &format!("/dashboard/assets/{path}"), None);
        again.headers_mut().insert("if-none-match", asset.headers["etag"].clone());
        let again = nobody.send(again).await;
        assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    }
    for file in ["logo", "none.css", "..%2Fdashboard.css"] {
        assert_page(&nobody.get(&format!("/dashboard/assets/{file}")).await, 404);
    }
}

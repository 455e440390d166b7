//! Where pages are: at the path that the host says, below the base path that it mounts the API at, and nowhere else.

use flowmastery_tests::{
    visitor::Visitor,
    world::{ADMIN, PASSWORD, World},
};
use flowmastery_tower::{Api, Dashboard, Logo};

use super::{assert_page, world};

async fn portal() -> World {
    let (mut world, token) = world().await;
    world.client(&token, "Acme Corp").await;
    let logo = Logo::new("image/svg+xml", "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").unwrap();
    let dashboard = Dashboard::at("/portal").unwrap().name("Northwind <Automation>").logo(logo);
    world.api = Api::builder(world.app.clone()).base_path("/flow").dashboard(dashboard).build().unwrap();
    world
}

#[tokio::test]
async fn a_path_of_the_hosts_below_its_base_path_is_where_everything_leads() {
    let mut visitor = Visitor::new(&portal().await);
    let page = visitor.follow("/flow/portal/people").await;
    assert_page(&page, 200);
    let next = "name=\"next\" value=\"/flow/portal/people\"";
    assert!(
        page.text().contains(next) && page.text().contains("Northwind &#60;Automation&#62;"),
        "{}",
        page.text()
    );
    let fields = [("email", ADMIN), ("password", PASSWORD), ("next", "/flow/portal/people")];
    let answer = visitor.submit("/flow/portal/sign-in", &fields).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/flow/portal/people")));
    for cookie in answer.headers.get_all("set-cookie") {
        assert!(cookie.to_str().unwrap().contains("Path=/flow;"), "{cookie:?}");
    }
    for path in ["", "/people", "/clients/1", "/clients/1/settings", "/account", "/audit"] {
        // A host may take the base path off, or not.
        for base in ["/flow", ""] {
            let page = visitor.get(&format!("{base}/portal{path}")).await;
            assert_page(&page, 200);
            for attribute in ["href=\"", "src=\"", "action=\"", "data-live=\""] {
                for (at, _) in page.text().match_indices(attribute) {
                    let link = page.text().get(at + attribute.len()..).unwrap().split('"').next().unwrap();
                    let is_own = link.starts_with("/flow/portal") || link.starts_with('#');
                    assert!(is_own, "{path}: {link}");
                }
            }
        }
    }
    let logo = visitor.get("/flow/portal/assets/logo").await;
    assert_eq!((logo.status.as_u16(), logo.header("content-type")), (200, Some("image/svg+xml")));
}

#[tokio::test]
async fn nothing_is_where_the_dashboard_would_be_by_itself() {
    let world = portal().await;
    let mut visitor = Visitor::new(&world);
    for path in
        ["/dashboard", "/dashboard/sign-in", "/flow/dashboard", "/flow/dashboard/assets/dashboard.css"]
    {
        let document = visitor.get(path).await;
        assert_eq!(
            (document.status.as_u16(), document.header("content-type")),
            (404, Some("application/problem+json"))
        );
    }
    // What leads out of it is not followed.
    let fields = [("email", ADMIN), ("password", PASSWORD), ("next", "/dashboard/people")];
    let answer = visitor.submit("/flow/portal/sign-in", &fields).await;
    assert_eq!(answer.header("location"), Some("/flow/portal"));
}

#[tokio::test]
async fn without_a_dashboard_there_are_no_pages() {
    let (mut world, _) = world().await;
    world.api = Api::builder(world.app.clone()).build().unwrap();
    let document = Visitor::new(&world).get("/dashboard").await;
    assert_eq!(
        (document.status.as_u16(), document.header("content-type")),
        (404, Some("application/problem+json"))
    );
    assert!(!world.api.routes().any(|(_, path)| path.starts_with("/dashboard")));
}

#[tokio::test]
async fn a_logo_that_is_a_picture_of_scripts_runs_none() {
    let mut visitor = Visitor::new(&portal().await);
    let logo = visitor.get("/flow/portal/assets/logo").await;
    let policy = logo.header("content-security-policy").unwrap_or_default();
    assert!(
        policy.contains("default-src 'none'"),
        "opened by itself it is a page of this origin: {policy:?}"
    );
}

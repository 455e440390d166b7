//! What is refused is refused by a page, which says why and repeats nothing.

use flowmastery_tests::{
    visitor::Visitor,
    world::{ADMIN, PASSWORD},
};
use http::{Method, header};

use super::{assert_page, world};

#[tokio::test]
async fn what_is_not_there_below_the_dashboard_is_a_page() {
    let (world, _) = world().await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    for path in ["/dashboard/none", "/dashboard/clients/99", "/dashboard/clients/x", "/dashboard/%ff"] {
        let page = admin.get(path).await;
        assert_page(&page, 404);
        assert!(page.text().contains("<h1>There is nothing here</h1>"), "{path}: {}", page.text());
    }
    let wrong = admin.get("/dashboard/sign-out").await;
    assert_page(&wrong, 405);
    assert_eq!(wrong.header("allow"), Some("POST"));
    for path in ["/none", "/dashboardx", "/api/v1/none"] {
        let document = admin.get(path).await;
        assert_eq!(document.header("content-type"), Some("application/problem+json"), "{path}");
    }
}

#[tokio::test]
async fn a_form_of_another_site_is_refused_before_anything_is_done() {
    let (world, _) = world().await;
    let mut nobody = Visitor::new(&world);
    nobody.site = "cross-site";
    let fields = [("email", ADMIN), ("password", PASSWORD)];
    let page = nobody.submit("/dashboard/sign-in", &fields).await;
    assert_page(&page, 403);
    assert!(nobody.cookies.is_empty());
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    admin.site = "cross-site";
    assert_page(&admin.submit("/dashboard/clients/new", &[("name", "Stolen")]).await, 403);
    admin.site = "same-origin";
    assert!(!admin.get("/dashboard").await.text().contains("Stolen"));
    let made = admin.submit("/dashboard/clients/new", &[("name", "Own")]).await;
    assert_eq!(made.header("location"), Some("/dashboard/clients/1/settings?done=made"));
}

#[tokio::test]
async fn what_is_no_form_is_refused_and_not_repeated() {
    let (world, _) = world().await;
    let visitor = Visitor::signed_in(&world, ADMIN).await;
    let send = async |media_type: &str, body: Vec<u8>| {
        let mut request = visitor.request(Method::POST, "/dashboard/clients/new", Some(&[]));
        request.headers_mut().insert(header::CONTENT_TYPE, media_type.parse().unwrap());
        *request.body_mut() = bytes::Bytes::from(body).into();
        visitor.world.send(request).await
    };
    let form = "application/x-www-form-urlencoded";
    for (media_type, body, status) in [
        ("application/json", b"{\"name\":\"hunter2\"}".to_vec(), 415),
        ("multipart/form-data; boundary=x", b"hunter2".to_vec(), 415),
        ("text/plain", b"name=hunter2".to_vec(), 415),
        (form, b"name=hunter2&name=hunter2".to_vec(), 400),
        (form, b"name=hunter2&other=hunter2".to_vec(), 422),
        (form, b"name=%ff".to_vec(), 400),
        (form, b"name=%00".to_vec(), 422),
        (form, [b"name=".to_vec(), vec![b'x'; 65 * 1024]].concat(), 413),
    ] {
        let what = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
        let page = send(media_type, body).await;
        assert_eq!(page.status, status, "{media_type} {what}: {}", page.text());
        assert_page(&page, status);
        assert!(!page.text().contains("hunter2"), "{}", page.text());
    }
}

#[tokio::test]
async fn a_client_is_deleted_only_by_its_own_name() {
    let (world, token) = world().await;
    let client = world.client(&token, "Acme Corp").await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    let path = format!("/dashboard/clients/{client}/delete");
    for name in ["", "acme corp", "Acme"] {
        assert_page(&admin.submit(&path, &[("name", name)]).await, 422);
    }
    assert_page(&admin.get(&format!("/dashboard/clients/{client}")).await, 200);
    let gone = admin.submit(&path, &[("name", " Acme Corp ")]).await;
    assert_eq!(gone.header("location"), Some("/dashboard?done=deleted"));
    assert_page(&admin.get(&format!("/dashboard/clients/{client}")).await, 404);
}

#[tokio::test]
async fn the_last_admin_is_told_why_they_stay() {
    let (world, _) = world().await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    for what in ["lock", "delete"] {
        let page = admin.submit(&format!("/dashboard/people/1/{what}"), &[]).await;
        assert_page(&page, 409);
        assert!(page.text().contains("role=\"alert\"") && page.text().contains(ADMIN), "{}", page.text());
    }
}

//! The documentation: a page that needs nothing from elsewhere, at the root and under a base path, and off unless asked for.

use flowmastery_tower::Api;

use super::{empty, get, json, send, world};

#[tokio::test]
async fn everything_that_the_page_asks_for_is_there() {
    let (world, _) = world().await;
    for base in ["", "/flow"] {
        let api = Api::builder(world.app.clone()).base_path(base).docs(true).build().unwrap();
        for path in ["/docs", "/docs/", "/docs/index.html"] {
            let (status, headers, page) = send(api.clone(), empty(get(path))).await;
            assert_eq!((status.as_u16(), &headers["content-type"]), (200, &"text/html".parse().unwrap()));
            let page = String::from_utf8(page.to_vec()).unwrap();
            assert!(page.contains(&format!("<base href=\"{base}/docs/\">")), "{page}");
            let links: Vec<_> = page.split("src=\"").skip(1).chain(page.split("link rel").skip(1)).collect();
            assert!(links.len() > 4);
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.contains("script-src 'self';") && policy.contains("connect-src 'self';"),
                "{policy}"
            );
            assert_eq!(page.matches("<script").count(), page.matches("<script src=").count(), "none inline");
            assert!(
                !page.contains("<style") && !page.contains(" on") && !page.contains("javascript:"),
                "{page}"
            );
            for link in links {
                let link =
                    link.split_once("href=\"").map_or(link, |(_, link)| link).split('"').next().unwrap();
                assert!(!link.contains("//"), "{link} lies elsewhere");
                let file = format!("/docs/{}", link.trim_start_matches("./"));
                assert_eq!(send(api.clone(), empty(get(&file))).await.0, 200, "{file}");
            }
        }
        let (_, _, script) = send(api.clone(), empty(get("/docs/swagger-initializer.js"))).await;
        let script = String::from_utf8(script.to_vec()).unwrap();
        assert!(script.contains(&format!("\"{base}/openapi.json\"")), "{script}");
        let (_, _, document) = send(api, empty(get("/openapi.json"))).await;
        assert_eq!(json(&document)["openapi"], "3.1.0");
    }
}

#[tokio::test]
async fn parts_are_kept_for_a_day_and_the_page_is_not() {
    let (world, _) = world().await;
    for path in ["/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let whole = world.send(empty(get(path))).await;
        assert_eq!(
            (whole.status.as_u16(), whole.header("cache-control")),
            (200, Some("public, max-age=86400"))
        );
        let known = world.send(empty(get(path).header("if-none-match", whole.header("etag").unwrap()))).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(known.header("cache-control"), Some("public, max-age=86400"));
        assert_eq!(known.header("etag"), whole.header("etag"));
        let other = world.send(empty(get(path).header("if-none-match", "\"other\""))).await;
        assert_eq!(other.body, whole.body);
    }
    let page = world.send(empty(get("/docs"))).await;
    assert_eq!((page.header("cache-control"), page.header("etag")), (Some("no-store"), None));
}

#[tokio::test]
async fn parts_that_are_not_there_are_404() {
    let (world, admin) = world().await;
    for path in ["/docs/nothing.js", "/docs/a/b", "/docs/..%2fopenapi.json"] {
        world.get(path, &admin).await.expect(404);
    }
}

#[tokio::test]
async fn documentation_is_off_unless_asked_for() {
    let (world, _) = world().await;
    let api = Api::builder(world.app.clone()).build().unwrap();
    for path in ["/docs", "/docs/index.html", "/openapi.json"] {
        assert_eq!(send(api.clone(), empty(get(path))).await.0, 404);
    }
}

#[tokio::test]
async fn every_definition_of_the_metrics_stands_above_the_routes() {
    let (world, admin) = world().await;
    let document = world.get("/openapi.json", &admin).await.expect(200);
    let description = document["info"]["description"].as_str().unwrap();
    for term in [
        "`manual`, `evaluation`, `internal`, `integrated` and `cli`",
        "total_executions",
        "success_rate",
        "Execution time",
        "execution_trend",
        "success_rate_trend",
        "performance_trend",
        "total_workflows",
        "active_workflows",
        "time_saved_hours",
        "`30d` (the default)",
        "Before the first collection succeeded",
        "`not_configured`, `auth_failed`, `missing_scope`, `unreachable` and `not_n8n`",
        "last_updated",
        "EXECUTION_RETENTION_DAYS",
    ] {
        assert!(description.contains(term), "{term} is not defined");
    }
}

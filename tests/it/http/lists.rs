//! Lists: plain arrays, whose `Link` leads from page to page.

use flowmastery_tower::Api;
use serde_json::Value;

use super::{empty, get, json, send, world};

#[tokio::test]
async fn links_lead_through_the_whole_list() {
    let (world, admin) = world().await;
    for name in ["a", "b", "c", "d", "e"] {
        world.client(&admin, name).await;
    }
    let (mut path, mut pages) = ("/api/v1/clients/?limit=2".to_owned(), Vec::new());
    loop {
        let answer = world.get(&path, &admin).await;
        let names: Vec<_> =
            answer.expect(200).as_array().unwrap().iter().map(|client| client["name"].clone()).collect();
        pages.push(Value::from(names));
        let Some(link) = answer.header("link") else { break };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
    assert_eq!(Value::from(pages).to_string(), r#"[["a","b"],["c","d"],["e"]]"#);
}

#[tokio::test]
async fn links_start_at_the_base_path() {
    let (world, admin) = world().await;
    world.client(&admin, "a").await;
    world.client(&admin, "b").await;
    let api = Api::builder(world.app.clone()).base_path("/flow").build().unwrap();
    let request = get("/api/v1/clients?limit=1").header("authorization", format!("Bearer {admin}"));
    let (_, headers, body) = send(api, empty(request)).await;
    assert_eq!(json(&body).as_array().unwrap().len(), 1);
    assert!(headers["link"].to_str().unwrap().starts_with("</flow/api/v1/clients/?limit=1&cursor="));
}

//! Lists of executions over HTTP: what they hold, how they go on and what they link to; and the minutes that a workflow saves.

use std::{collections::HashSet, time::Duration};

use flowmastery_core::clock::Timestamp;
use flowmastery_tests::world::World;
use http::Method;
use n8n_simulator::{FakeN8n, Run};
use serde_json::{Value, json};

use super::{empty, get, world};

const START: &str = "2026-03-10T08:00:00.000Z";

fn at(minutes: u64) -> Timestamp {
    Timestamp::parse(START).unwrap().plus(Duration::from_secs(60 * minutes))
}

/// An n8n with runs of two workflows in every status, and some that are no production.
async fn busy_n8n() -> FakeN8n {
    let n8n = FakeN8n::start().await;
    let [invoices, orders] = ["wf00000000000001", "wf00000000000002"];
    n8n.state().add_workflow_as(invoices, "Invoices");
    n8n.state().add_workflow_as(orders, "Orders");
    for minute in 0..20 {
        n8n.state().add(Run::ended(invoices, "success", at(minute * 3), 1500));
    }
    for (index, status) in ["error", "crashed", "canceled", "success", "paused"].into_iter().enumerate() {
        n8n.state().add(Run::ended(orders, status, at(index as u64 * 10), 250));
    }
    n8n.state().add(Run::running(orders, at(61)));
    n8n.state().add(Run::waiting(orders, at(62), at(100_000)));
    n8n.state().add(Run::queued(orders));
    n8n.state().add(Run::ended(invoices, "success", at(5), 10).with_mode("manual"));
    n8n.state().add(Run::ended(invoices, "error", at(6), 10).with_mode("cli"));
    n8n
}

async fn collected(n8n: &FakeN8n) -> (World, String, String) {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    world.configure(&admin, client, &n8n.url(), &n8n.key()).await.expect(200);
    world.collect(client).await;
    (world, admin, format!("/api/v1/metrics/client/{client}"))
}

/// Follows the links to the end.
async fn pages(world: &World, token: &str, path: &str) -> Vec<Vec<Value>> {
    let (mut path, mut pages) = (path.to_owned(), Vec::new());
    loop {
        let answer = world.get(&path, token).await;
        pages.push(answer.expect(200).as_array().unwrap().clone());
        let Some(link) = answer.header("link") else { return pages };
        path = link.strip_prefix('<').unwrap().strip_suffix(">; rel=\"next\"").unwrap().to_owned();
    }
}

async fn count(world: &World, token: &str, path: &str) -> i64 {
    pages(world, token, path).await.concat().len() as i64
}

#[tokio::test]
async fn an_execution_has_the_fields_of_the_contract() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let path = format!("{client}/executions?status=success&workflow_id=wf00000000000002");
    let listed = world.get(&path, &admin);
    let base = n8n.url().strip_suffix("/api/v1").unwrap().to_owned();
    let expected = json!([{
        "id": 24, "workflow_id": "wf00000000000002", "workflow_name": "Orders", "status": "success", "mode": "webhook",
        "started_at": "2026-03-10T08:30:00.000Z", "stopped_at": "2026-03-10T08:30:00.250Z", "execution_time": 0.25,
        "url": format!("{base}/workflow/wf00000000000002/executions/24"),
    }]);
    assert_eq!(listed.await.expect(200), expected);
    for status in ["crashed", "canceled", "waiting", "running", "new", "unknown"] {
        let listed = world.get(&format!("{client}/executions?status={status}"), &admin).await.expect(200);
        assert_eq!(
            (listed.as_array().unwrap().len(), &listed[0]["execution_time"]),
            (1, &Value::Null),
            "{status}"
        );
    }
}

#[tokio::test]
async fn what_is_listed_adds_up_to_the_totals_of_the_same_query() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    for query in [
        "",
        "include=manual&",
        "include=all&",
        "period=24h&",
        "period=all&tz=Asia/Kathmandu&",
        "from=2026-03-10T08:15:00Z&to=2026-03-10T08:45:00Z&",
        "from=2026-03-09&to=2026-03-10&tz=Europe/Berlin&",
    ] {
        let report = world.get(&format!("{client}/workflows?{}", query.trim_end_matches('&')), &admin).await;
        let report = report.expect(200);
        let list = |more: &str| format!("{client}/executions?{query}{more}limit=4");
        let summary = &report["summary"];
        let all = pages(&world, &admin, &list("")).await.concat();
        assert_eq!(all.len(), summary["total_executions"], "{query}");
        let times: Vec<_> = all.iter().filter_map(|run| run["execution_time"].as_f64()).collect();
        let mean = (!times.is_empty()).then(|| times.iter().sum::<f64>() / times.len() as f64);
        let difference = mean.zip(summary["avg_execution_time"].as_f64()).map(|(a, b)| (a - b).abs());
        assert_eq!(mean.is_none(), summary["avg_execution_time"].is_null(), "{query}");
        assert!(difference.is_none_or(|difference| difference < 1e-6), "{query}");
        for (total, statuses) in [
            ("successful_executions", &["success"][..]),
            ("failed_executions", &["error", "crashed"]),
            ("canceled_executions", &["canceled"]),
            ("unfinished_executions", &["new", "running", "waiting", "unknown"]),
        ] {
            let mut sum = 0;
            for status in statuses {
                sum += count(&world, &admin, &list(&format!("status={status}&"))).await;
            }
            assert_eq!(sum, summary[total], "{query} {total}");
        }
        for workflow in report["workflows"].as_array().unwrap() {
            let id = workflow["workflow_id"].as_str().unwrap();
            let listed = count(&world, &admin, &list(&format!("workflow_id={id}&"))).await;
            assert_eq!(listed, workflow["total_executions"], "{query} {id}");
        }
    }
}

#[tokio::test]
async fn links_lead_to_the_end_newest_first_and_repeat_the_query() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    n8n.state().reset();
    let again = n8n.state().add_workflow("Anew & more");
    for minute in 0..12 {
        n8n.state().add(Run::ended(&again, "error", at(120 + minute * 3), 10));
    }
    world.collect(1).await;
    let path = format!("{client}/executions?include=all&tz=Etc%2FGMT%2B5&limit=7");
    let first = world.get(&path, &admin).await;
    let link = first.header("link").unwrap();
    assert!(
        link.starts_with(&format!("<{client}/executions?tz=Etc%2FGMT%2B5&include=all&limit=7&cursor=")),
        "{link}"
    );
    let pages = pages(&world, &admin, &path).await;
    assert!(pages.iter().rev().skip(1).all(|page| page.len() == 7));
    let all = pages.concat();
    let whole =
        world.get(&format!("{client}/executions?include=all&tz=Etc%2FGMT%2B5&limit=250"), &admin).await;
    assert_eq!((Value::from(all.clone()), whole.header("link")), (whole.expect(200), None));
    assert_eq!(all.len(), 42);
    let runs: HashSet<_> =
        all.iter().map(|run| (run["id"].to_string(), run["started_at"].to_string())).collect();
    assert_eq!(runs.len(), 42, "none comes twice");
    let quarter = |run: &Value| {
        let start = run["started_at"].as_str().and_then(Timestamp::parse)?;
        Some(start.as_millis() / 900_000)
    };
    // The one that is queued is counted now.
    let quarters: Vec<_> = all.iter().filter_map(quarter).collect();
    assert!(quarters.is_sorted_by(|newer, older| newer >= older), "{quarters:?}");
    let linked = all.iter().filter(|run| !run["url"].is_null()).count();
    assert_eq!(linked, 12, "what ran before the reset is in no n8n any more");
    world.request(Method::DELETE, "/api/v1/clients/1/n8n-config", Some(&admin), None).await.expect(204);
    let whole = world.get(&format!("{client}/executions?include=all"), &admin).await.expect(200);
    assert!(whole.as_array().unwrap().iter().all(|run| run["url"].is_null()));
}

#[tokio::test]
async fn client_users_list_their_own_executions_only() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let other = world.client(&admin, "Other").await;
    let user = world.client_user(&admin, "client@acme.com", 1).await;
    let mine = world.get("/api/v1/metrics/my-executions/?limit=5", &user).await;
    let link = mine.header("link").unwrap();
    assert!(link.starts_with("</api/v1/metrics/my-executions?limit=5&cursor="), "{link}");
    let same = world.get(&format!("{client}/executions?limit=5"), &user).await;
    assert_eq!(mine.expect(200), same.expect(200));
    world.get(&format!("/api/v1/metrics/client/{other}/executions"), &user).await.expect(404);
    world.get(&format!("/api/v1/metrics/client/{other}/executions?status=never"), &user).await.expect(404);
    let problem = world.get("/api/v1/metrics/my-executions", &admin).await.expect(403);
    assert!(problem["detail"].as_str().unwrap().contains("/api/v1/metrics/all"), "{problem}");
    assert_eq!(
        world.get(&format!("/api/v1/metrics/client/{other}/executions"), &admin).await.expect(200),
        json!([])
    );
    world.get("/api/v1/metrics/client/99/executions", &admin).await.expect(404);
}

#[tokio::test]
async fn every_fault_of_the_query_is_named() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let id_cursor = flowmastery_core::page::Cursor(7);
    for (query, named) in [
        ("status=paused", "status"),
        ("status=", "status"),
        ("status=error&status=crashed", "status"),
        ("limit=251", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        (format!("cursor={id_cursor}").as_str(), "cursor"),
        ("period=1y", "period"),
        ("include=none", "include"),
        ("from=2026-03-10T08:01:00Z&to=2026-03-11", "from"),
        ("mode=manual", "mode"),
        ("status=x&limit=0&cursor=x&period=1y&tz=Mars&page=2", "cursor limit page period status tz"),
    ] {
        let problem = world.get(&format!("{client}/executions?{query}"), &admin).await.expect(422);
        let errors = problem["errors"].as_array().unwrap();
        let mut fields: Vec<_> = errors.iter().map(|fault| fault["field"].as_str().unwrap()).collect();
        fields.sort_unstable();
        assert_eq!(fields.join(" "), named, "{query}");
    }
}

#[tokio::test]
async fn lists_that_have_not_changed_are_not_sent_again() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let path = format!("{client}/executions?limit=2");
    let first = world.get(&path, &admin).await;
    assert_eq!(first.header("cache-control"), Some("private, no-cache"));
    assert_eq!(first.header("vary"), Some("Authorization, Cookie"));
    let etag = first.header("etag").unwrap();
    let again = || {
        let request = get(&path).header("authorization", format!("Bearer {admin}"));
        world.send(empty(request.header("if-none-match", etag)))
    };
    let known = again().await;
    assert_eq!(
        (known.status.as_u16(), known.body.len(), known.header("link")),
        (304, 0, first.header("link"))
    );
    n8n.state().add(Run::ended("wf00000000000001", "success", at(200), 10));
    world.collect(1).await;
    assert_eq!(again().await.status, 200);
    // The limit alone makes no other answer, as long as nothing follows.
    let all = count(&world, &admin, &format!("{client}/executions?limit=250")).await;
    let last = world.get(&format!("{client}/executions?limit={all}"), &admin).await;
    let open = world.get(&format!("{client}/executions?limit={}", all + 1), &admin).await;
    assert_eq!((last.header("link"), last.header("etag")), (None, open.header("etag")));
}

#[tokio::test]
async fn minutes_that_an_admin_sets_change_every_answer_at_once() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let workflow = format!("{client}/workflows/wf00000000000001");
    let patch = |minutes: Value| {
        let body = json!({ "time_saved_per_execution_minutes": minutes });
        world.request(Method::PATCH, &workflow, Some(&admin), Some(body))
    };
    let before = world.get(&client, &admin).await.expect(200);
    assert_eq!(before["time_saved_hours"], 10.5);
    let set = patch(json!(6)).await.expect(200);
    assert_eq!(
        (&set["time_saved_per_execution_minutes"], &set["time_saved_hours"]),
        (&json!(6), &json!(2.0))
    );
    assert_eq!((&set["workflow_name"], &set["status"]), (&json!("Invoices"), &json!("active")));
    let after = world.get(&format!("{client}/workflows"), &admin).await.expect(200);
    assert_eq!((&after["workflows"][0], &after["summary"]["time_saved_hours"]), (&set, &json!(2.5)));
    assert_eq!(world.get(&client, &admin).await.expect(200), after["summary"]);
    let all = world.get("/api/v1/metrics/all", &admin).await.expect(200);
    assert_eq!(all["total_time_saved_hours"], 2.5);
    world.collect(1).await;
    assert_eq!(world.get(&client, &admin).await.expect(200)["time_saved_hours"], 2.5);
    for wrong in [json!(-1), json!(525_601), json!(1.5), json!("6"), Value::Null] {
        let problem = patch(wrong).await.expect(422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{problem}");
        assert_eq!(problem["errors"][0]["field"], "time_saved_per_execution_minutes");
    }
    assert_eq!(patch(json!(525_600)).await.expect(200)["time_saved_hours"], 175_200.0);
    assert_eq!(patch(json!(0)).await.expect(200)["time_saved_hours"], 0.0);
}

#[tokio::test]
async fn a_workflow_that_is_not_there_is_404_before_the_body_is_judged() {
    let n8n = busy_n8n().await;
    let (world, admin, client) = collected(&n8n).await;
    let other = world.client(&admin, "Other").await;
    let user = world.client_user(&admin, "client@acme.com", 1).await;
    for path in [
        format!("{client}/workflows/nothing"),
        format!("{client}/workflows/%00"),
        format!("{client}/workflows/wf00000000000001%2F"),
        format!("/api/v1/metrics/client/{other}/workflows/wf00000000000001"),
        "/api/v1/metrics/client/99/workflows/wf00000000000001".to_owned(),
        "/api/v1/metrics/client/one/workflows/wf00000000000001".to_owned(),
    ] {
        world.request(Method::PATCH, &path, Some(&admin), Some(json!("no object"))).await.expect(404);
    }
    let path = format!("{client}/workflows/wf00000000000001");
    let body = json!({ "time_saved_per_execution_minutes": 1 });
    world.request(Method::PATCH, &path, Some(&user), Some(body.clone())).await.expect(403);
    world.request(Method::PATCH, &format!("{path}/"), Some(&admin), Some(body)).await.expect(200);
    world.get(&path, &admin).await.expect(405);
}

//! Series over HTTP: who sees whose, entity tags, faults, what is not known, and borders.

use flowmastery_core::clock::Timestamp;
use flowmastery_tests::{executions::success, world::World};
use serde_json::{Value, json};

use super::{empty, get, world};

const ALL: &str = "/api/v1/metrics/all/timeseries";

fn path(client: i64) -> String {
    format!("/api/v1/metrics/client/{client}/timeseries")
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// The start of each point with its total.
fn totals(series: &Value) -> Vec<(&str, Option<i64>)> {
    let points = series["points"].as_array().unwrap().iter();
    points.map(|point| (point["start"].as_str().unwrap(), point["total"].as_i64())).collect()
}

/// A client with one run of a second at each of these instants.
async fn client_with_runs(world: &World, admin: &str, name: &str, starts: &[&str]) -> i64 {
    let id = world.client(admin, name).await;
    let runs = starts.iter().enumerate();
    let runs = runs.map(|(at, start)| success(at as i64 + 1, "w", instant(start), 1000)).collect();
    world.store_executions(id, runs).await;
    id
}

#[tokio::test]
async fn a_series_has_a_point_for_each_interval_also_where_nothing_ran() {
    let (world, admin) = world().await;
    let id = client_with_runs(&world, &admin, "Acme Corp", &["2026-03-10T10:59:59.999Z"]).await;
    let series = world.get(&format!("{}?period=24h&tz=europe/berlin", path(id)), &admin).await.expect(200);
    assert_eq!(series["client_id"], id);
    assert_eq!((&series["interval"], &series["tz"]), (&json!("hour"), &json!("Europe/Berlin")));
    let points = series["points"].as_array().unwrap();
    assert_eq!(points.len(), 24);
    assert_eq!(
        points[21],
        json!({
            "start": "2026-03-10T10:00:00.000Z", "total": 1, "successful": 1, "failed": 0, "canceled": 0, "unfinished": 0,
            "avg_execution_time": 1.0, "p95_execution_time": points[21]["p95_execution_time"],
        })
    );
    assert!((points[21]["p95_execution_time"].as_f64().unwrap() - 1.0).abs() <= 0.01);
    assert_eq!(
        points[22],
        json!({
            "start": "2026-03-10T11:00:00.000Z", "total": 0, "successful": 0, "failed": 0, "canceled": 0, "unfinished": 0,
            "avg_execution_time": null, "p95_execution_time": null,
        })
    );
}

#[tokio::test]
async fn the_first_and_the_last_point_are_cut_at_the_borders_of_the_period() {
    let (world, admin) = world().await;
    let runs =
        ["2026-03-03T23:59:59Z", "2026-03-04T00:00:00Z", "2026-03-09T12:00:00Z", "2026-03-10T12:00:00Z"];
    let id = client_with_runs(&world, &admin, "Acme Corp", &runs).await;
    let weeks = world.get(&format!("{}?interval=week&period=7d", path(id)), &admin).await.expect(200);
    assert_eq!(
        totals(&weeks),
        [("2026-03-04T00:00:00.000Z", Some(1)), ("2026-03-09T00:00:00.000Z", Some(2))]
    );
    let whole = world.get(&format!("{}?interval=month&period=all", path(id)), &admin).await.expect(200);
    assert_eq!(totals(&whole), [("2026-03-01T00:00:00.000Z", Some(4))]);
}

#[tokio::test]
async fn days_end_at_midnight_of_the_zone_when_its_clocks_are_moved() {
    let (world, admin) = world().await;
    let runs =
        ["2025-10-25T21:59:59Z", "2025-10-25T22:00:00Z", "2025-10-26T22:59:59Z", "2025-10-26T23:00:00Z"];
    let id = client_with_runs(&world, &admin, "Acme Corp", &runs).await;
    let query = "from=2025-10-25&to=2025-10-28&tz=Europe/Berlin&interval=day";
    let days = world.get(&format!("{}?{query}", path(id)), &admin).await.expect(200);
    assert_eq!(
        totals(&days),
        [
            ("2025-10-24T22:00:00.000Z", Some(1)),
            ("2025-10-25T22:00:00.000Z", Some(2)),
            ("2025-10-26T23:00:00.000Z", Some(1))
        ]
    );
}

#[tokio::test]
async fn counts_are_null_before_the_first_collection_and_all_sums_what_is_known() {
    let (world, admin) = world().await;
    let unknown = world.client(&admin, "Unknown").await;
    let query = "?from=2026-03-09&to=2026-03-10&interval=day";
    let start = "2026-03-09T00:00:00.000Z";
    for path in [path(unknown), ALL.to_owned()] {
        let series = world.get(&format!("{path}{query}"), &admin).await.expect(200);
        let point = series["points"][0].as_object().unwrap();
        assert_eq!(totals(&series), [(start, None)]);
        assert!(point.iter().all(|(name, value)| name == "start" || value.is_null()), "{point:?}");
        let whole = world.get(&format!("{path}?period=all"), &admin).await.expect(200);
        assert_eq!(whole["points"], json!([]));
    }
    client_with_runs(&world, &admin, "Known", &["2026-03-09T10:00:00Z"]).await;
    let all = world.get(&format!("{ALL}{query}"), &admin).await.expect(200);
    assert_eq!(totals(&all), [(start, Some(1))]);
    assert!(all.get("client_id").is_none(), "{all}");
}

#[tokio::test]
async fn series_that_have_not_changed_are_not_sent_again() {
    let (world, admin) = world().await;
    let id = client_with_runs(&world, &admin, "Acme Corp", &["2026-03-09T10:00:00Z"]).await;
    for path in [path(id), ALL.to_owned()] {
        let first = world.get(&path, &admin).await;
        first.expect(200);
        assert_eq!(first.header("cache-control"), Some("private, no-cache"));
        assert_eq!(first.header("vary"), Some("Authorization, Cookie"));
        let etag = first.header("etag").unwrap();
        let request = get(&path).header("authorization", format!("Bearer {admin}"));
        let known = world.send(empty(request.header("if-none-match", etag))).await;
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    }
}

#[tokio::test]
async fn a_kept_series_is_that_of_its_interval_zone_classes_and_period() {
    let (world, admin) = world().await;
    let id = client_with_runs(&world, &admin, "Acme Corp", &["2026-03-09T10:00:00Z"]).await;
    let queries = [
        "from=2026-03-09T00:00:00Z&to=2026-03-10T00:00:00Z",
        "from=2026-03-09T00:00:00Z&to=2026-03-10T00:00:00Z&interval=day",
        "from=2026-03-09T00:00:00Z&to=2026-03-10T00:00:00Z&interval=day&tz=Europe/Berlin",
        "from=2026-03-09T00:00:00Z&to=2026-03-10T00:00:00Z&interval=week",
        "from=2026-03-09T00:00:00Z&to=2026-03-11T00:00:00Z&interval=day",
    ];
    let mut seen = Vec::new();
    // The second time they come from the cache, or could.
    for round in 0..2 {
        for (index, query) in queries.into_iter().enumerate() {
            let answer = world.get(&format!("{}?{query}", path(id)), &admin).await.expect(200);
            if round == 0 {
                assert!(!seen.contains(&answer), "{query}");
                seen.push(answer);
            } else {
                assert_eq!(answer, seen[index], "{query}");
            }
        }
    }
}

#[tokio::test]
async fn client_users_see_the_series_of_their_own_client_under_both_paths() {
    let (world, admin) = world().await;
    let own = client_with_runs(&world, &admin, "Acme Corp", &["2026-03-09T10:00:00Z"]).await;
    let other = world.client(&admin, "Other").await;
    let user = world.client_user(&admin, "client@acme.com", own).await;
    let mine = world.get("/api/v1/metrics/my-timeseries/", &user).await.expect(200);
    assert_eq!(
        (&mine["client_id"], &mine["interval"], &mine["tz"]),
        (&json!(own), &json!("day"), &json!("UTC"))
    );
    assert_eq!(mine["points"].as_array().unwrap().len(), 30);
    assert_eq!(mine, world.get(&path(own), &user).await.expect(200));
    world.get(&path(other), &user).await.expect(404);
    world.get(&format!("{}?interval=never", path(other)), &user).await.expect(404);
    world.get(&path(99), &admin).await.expect(404);
    world.get(&format!("{}?period=365d&interval=hour&from=x", path(99)), &admin).await.expect(404);
    world.get(ALL, &user).await.expect(403);
    let problem = world.get("/api/v1/metrics/my-timeseries", &admin).await.expect(403);
    assert!(problem["detail"].as_str().unwrap().contains("/api/v1/metrics/all"), "{problem}");
}

#[tokio::test]
async fn faults_of_the_parameters_are_told_at_once() {
    let (world, admin) = world().await;
    let id = client_with_runs(&world, &admin, "Acme Corp", &["2020-03-09T10:00:00Z"]).await;
    for (query, fields) in [
        ("interval=year", vec!["interval"]),
        ("interval=&tz=Mars&include=none&period=1d", vec!["interval", "tz", "include", "period"]),
        ("interval=day&intervall=day", vec!["intervall"]),
        ("interval=hour&from=2020-01-01&to=2025-01-01", vec!["interval"]),
        ("interval=day&from=1900-01-01&to=2025-01-01", vec!["interval"]),
        ("interval=hour&period=all", vec!["interval"]),
    ] {
        for path in [path(id), ALL.to_owned()] {
            let problem = world.get(&format!("{path}?{query}"), &admin).await.expect(422);
            let told = problem["errors"].as_array().unwrap().iter();
            let told: Vec<_> = told.map(|fault| fault["field"].as_str().unwrap()).collect();
            assert_eq!(told, fields, "{query}");
        }
    }
    let days = world.get(&format!("{}?period=all", path(id)), &admin).await.expect(200);
    assert_eq!(totals(&days).first(), Some(&("2020-03-09T00:00:00.000Z", Some(1))));
}

//! Pages of numbers: what they weigh, what they are made anew for, how they are cut into parts, and the report of a month.

use std::time::Duration;

use flowmastery_core::{clock::Timestamp, model::execution::Status};
use flowmastery_tests::{
    backend::Backend,
    executions::success,
    world::{ADMIN, NOW, World},
};
use serde_json::json;

/// What a page may weigh.
const MOST: usize = 100 * 1024;
const HOUR: Duration = Duration::from_secs(3600);

async fn world() -> (World, String) {
    let world = World::new(Backend::Sqlite.store().await).await;
    let admin = world.sign_in(ADMIN).await;
    (world, admin)
}

async fn page(world: &World, path: &str, token: &str) -> String {
    let answer = world.get(&format!("/dashboard{path}"), token).await;
    let html = String::from_utf8(answer.body.to_vec()).unwrap();
    assert_eq!(answer.status, 200, "{html}");
    html
}

fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

#[tokio::test]
async fn a_client_with_hundreds_of_workflows_has_a_light_page() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let mut runs = Vec::new();
    for workflow in 0..250 {
        let name = format!("A workflow with a usual name {workflow:03}");
        for day in 0..30 {
            let mut run =
                success(i64::from(workflow * 30 + day) + 1, &name, now().minus(HOUR * 24 * day as u32), 1200);
            run.status = [Status::Success, Status::Error, Status::Canceled][day as usize % 3];
            runs.push(run);
        }
    }
    world.store_executions(client, runs).await;
    for query in [
        "",
        "?period=7d&interval=hour",
        "?period=365d&interval=day",
        "?period=custom&from=2026-02-23&to=2026-03-10&interval=hour",
    ] {
        let html = page(&world, &format!("/clients/{client}{query}"), &admin).await;
        assert_eq!(html.matches("A workflow with a usual name").count(), 200 + 10, "{query}");
        assert!(html.contains("Part 1 of 2, 250 in all"));
        // A picture weighs what it weighs, and the table of its numbers is read once it is opened.
        let (before, chart) = html.split_once("<figure").unwrap();
        let (chart, after) = chart.split_once("</figure>").unwrap();
        assert!(before.len() + after.len() <= MOST, "{query}: {}", html.len());
        assert!(chart.len() < 40 * 1024, "{query}: {}", chart.len());
    }
    let second = page(&world, &format!("/clients/{client}?page=2&sort=name"), &admin).await;
    assert!(
        second.contains("usual name 249<")
            && !second.contains("<bdi>A workflow with a usual name 199</bdi></a></th>")
    );
}

#[tokio::test]
async fn whatever_counts_as_failed_is_among_the_failures() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let path = format!("/clients/{client}");
    let run = |id, name: &str, status| {
        let mut run = success(id, name, now().minus(HOUR * (20 - id as u32)), 1000);
        run.status = status;
        run
    };
    world.store_executions(client, vec![run(1, "sound", Status::Success)]).await;
    assert!(page(&world, &path, &admin).await.contains("Nothing failed in this period"));
    let crashed = [run(2, "hit", Status::Crashed), run(3, "broken", Status::Error)];
    world.store_executions(client, crashed.to_vec()).await;
    let html = page(&world, &path, &admin).await;
    let (_, failures) = html.split_once("Recent failures").unwrap();
    let place = |name: &str| failures.find(name).unwrap();
    assert!(place("broken") < place("hit") && !failures.contains("sound"), "the newest first: {failures}");
    let many = (4..14).map(|id| run(id, "later", Status::Error)).collect();
    world.store_executions(client, many).await;
    let html = page(&world, &path, &admin).await;
    let (_, failures) = html.split_once("Recent failures").unwrap();
    assert_eq!((failures.matches("later").count(), failures.contains("hit")), (10, false));
}

#[tokio::test]
async fn what_a_page_does_not_know_is_refused_and_no_empty_list() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    for query in ["state=lost", "sort=luck", "interval=decade", "period=aeon", "tz=Mars/Olympus", "from=then"]
    {
        for path in [String::new(), format!("/clients/{client}")] {
            let answer = world.get(&format!("/dashboard{path}?{query}"), &admin).await;
            let html = String::from_utf8(answer.body.to_vec()).unwrap();
            let field = query.split('=').next().unwrap();
            assert!(answer.status == 422 && html.contains(&format!("<li>{field}: ")), "{query}: {html}");
        }
    }
}

#[tokio::test]
async fn a_page_is_the_same_bytes_until_something_changes() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    world.store_executions(client, vec![success(1, "first", now().minus(HOUR), 1000)]).await;
    let path = format!("/clients/{client}?period=7d");
    let user = world.client_user(&admin, "carl@acme.com", client).await;
    let (mut before, own) = (page(&world, &path, &admin).await, page(&world, "?period=7d", &user).await);
    assert!(before.contains("Settings") && !own.contains("Settings"), "others see other links");
    assert_eq!(page(&world, &path, &admin).await, before);
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(page(&world, &path, &admin).await, before, "nothing on it depends on the minute");
    let rename = Some(json!({ "name": "Acme & Sons" }));
    world
        .request(http::Method::PUT, &format!("/api/v1/clients/{client}"), Some(&admin), rename)
        .await
        .expect(200);
    for (what, wanted) in
        [("name", "Acme &#38; Sons"), ("numbers", "second"), ("n8n", "https://other.example.com/workflow/")]
    {
        match what {
            "numbers" => {
                world.store_executions(client, vec![success(2, "second", now().minus(HOUR), 9)]).await
            }
            "n8n" => world.configure_unheard(client, "https://other.example.com", "a key").await,
            _ => {}
        }
        let after = page(&world, &path, &admin).await;
        assert!(!before.contains(wanted) && after.contains(wanted), "{what}: {after}");
        before = after;
    }
    assert!(!page(&world, &format!("{path}&search=sec"), &admin).await.contains("<bdi>first</bdi></a></th>"));
}

#[tokio::test]
async fn many_clients_come_a_hundred_at_a_time_with_a_line_for_each() {
    let (world, admin) = world().await;
    let mut clients = Vec::new();
    for number in 0..205 {
        clients.push(world.client(&admin, &format!("Client {number:03}")).await);
    }
    let days = |day: u32| success(i64::from(day), "daily", now().minus(HOUR * 24 * day), 1000);
    world.store_executions(clients[150], (1..20).map(days).collect()).await;
    let first = page(&world, "", &admin).await;
    let rows = |html: &str| html.matches("<th scope=\"row\">").count();
    assert_eq!(rows(&first), 100);
    assert_eq!(first.matches("class=\"spark\"><svg").count(), 1, "what is not known has no line");
    assert!(first.find("Client 150").unwrap() < first.find("Client 000").unwrap(), "most executions first");
    assert!(first.contains("Part 1 of 3, 205 in all") && first.len() < MOST, "{}", first.len());
    assert_eq!(rows(&page(&world, "?page=3", &admin).await), 5);
    assert_eq!(rows(&page(&world, "?state=good", &admin).await), 1);
    assert_eq!(rows(&page(&world, "?state=calm", &admin).await), 100);
    assert_eq!(rows(&page(&world, "?search=client+20&sort=name", &admin).await), 5);
    assert!(page(&world, "?search=nobody", &admin).await.contains("No client is like this."));

    let people = page(&world, &format!("/people?client_id={}", clients[204]), &admin).await;
    assert!(people.contains("<datalist") && !people.contains("<select"), "{people}");
    assert_eq!(people.matches("<option").count(), 200);
    assert!(people.contains(&format!("value=\"{}\"></label>", clients[204])), "{people}");
}

#[tokio::test]
async fn users_and_invitations_come_a_hundred_at_a_time() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    for number in 0..103 {
        let body =
            json!({ "email": format!("user{number:03}@acme.com"), "role": "client", "client_id": client });
        world.post("/api/v1/auth/invitations", &admin, body).await.expect(201);
    }
    let first = page(&world, "/people", &admin).await;
    assert_eq!(first.matches("Send again").count(), 100);
    assert!(!first.contains("More users"));
    let (_, link) = first.split_once("/people?invitations=").unwrap();
    let cursor = link.split('#').next().unwrap();
    let second = page(&world, &format!("/people?invitations={cursor}"), &admin).await;
    assert_eq!(second.matches("Send again").count(), 3);
    assert!(!second.contains("More invitations"));
}

#[tokio::test]
async fn the_report_of_a_month_compares_it_with_the_one_before() {
    let (world, admin) = world().await;
    let client = world.client(&admin, "Acme Corp").await;
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let mut runs = vec![
        success(1, "old", at("2026-01-31T23:30:00Z"), 1000),
        success(2, "busy", at("2026-02-01T00:30:00Z"), 1000),
        success(3, "busy", at("2026-02-28T22:30:00Z"), 1000),
        success(4, "failing", at("2026-02-10T10:00:00Z"), 1000),
        success(5, "new", at("2026-03-01T00:00:00Z"), 1000),
    ];
    runs[3].status = Status::Error;
    world.store_executions(client, runs).await;
    let path = format!("/clients/{client}/report");
    let report = page(&world, &path, &admin).await;
    let executions = |now: &str, before: &str, change: &str| {
        format!(
            "<th scope=\"row\">Executions</th><td><strong>{now}</strong></td><td>{before}</td><td>{change}</td>"
        )
    };
    assert!(report.contains("Automations in February 2026 (UTC)"), "the last month that is over: {report}");
    assert!(report.contains(&executions("3", "1", "+200.0 %")), "{report}");
    assert!(
        report.contains("One execution failed")
            && report.contains("busy")
            && !report.contains("<bdi>new</bdi>")
    );
    assert!(report.contains("No gap is known") && !report.contains("not over yet"));
    let berlin = page(&world, &format!("{path}?month=2026-02&tz=Europe/Berlin"), &admin).await;
    assert!(berlin.contains(&executions("4", "0", "–")), "the day begins earlier there: {berlin}");
    let running = page(&world, &format!("{path}?month=2026-03"), &admin).await;
    assert!(running.contains("not over yet") && !running.contains("Month after"), "{running}");
    for wrong in ["2026-13", "2026", "-9999-01", "9999-12", "x"] {
        let answer = world.get(&format!("/dashboard{path}?month={wrong}"), &admin).await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
}

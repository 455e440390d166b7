//! From the agency's first client to the customer's first chart, and what one can do there; nothing is asked of another origin, and the console
//! stays empty.

use std::time::Duration;

use axum::{Router, response::Html};
use flowmastery_tests::{
    chromium::{Chromium, Tab},
    world::ADMIN,
};
use n8n_simulator::Run;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::{
    enter,
    hosts::{AGENCY, Host},
    now,
};
use crate::standalone::harness::PASSWORD;

/// A client's name that would be a page of its own.
const NAME: &str = "Müller & <b>Söhne</b> 😀";

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_and_its_customer_find_their_way_on_the_standalone_program() {
    travel(Host::standalone().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_and_its_customer_find_their_way_on_axum() {
    travel(Host::axum().await).await;
}

async fn travel(mut host: Host) {
    let chromium = Chromium::start().await;
    let (mut admin, mut carl) = (chromium.person().await, chromium.person().await);
    sign_in(&host, &mut admin).await;
    connect(&host, &mut admin).await;
    accept(&mut host, &admin, &carl).await;
    filter(&carl).await;
    read_without_script(&host, &chromium.person().await).await;
    come_from_elsewhere(&host, &chromium.person().await).await;
    see_change(&host, &admin, &carl).await;
    refused(&host, &mut carl).await;
    sign_out(&host, &carl).await;
    admin.open(&host.dashboard).await;
    for tab in [&mut admin, &mut carl] {
        assert_eq!(tab.complaints().await, Vec::<String>::new());
        let (asked, origin) = (tab.requests().await, host.origin());
        assert!(asked.len() > 10, "{asked:?}");
        let strange: Vec<_> = asked.iter().filter(|url| !url.starts_with(&format!("{origin}/"))).collect();
        assert_eq!(strange, Vec::<&String>::new());
    }
    // A page that waits for events holds nothing up.
    host.stop();
    chromium.close().await;
}

/// A wrong password is told, the right one leads to where one wanted to go.
async fn sign_in(host: &Host, admin: &mut Tab) {
    host.open(admin, "/audit").await;
    assert_eq!(admin.heading().await, "Sign in");
    enter(admin, ADMIN, "a wrong password").await;
    assert_eq!(admin.ask("document.querySelector('[role=alert]') !== null").await, true);
    assert_eq!(admin.ask("document.querySelector('input[name=email]').value").await, ADMIN);
    let [told] = &admin.complaints().await[..] else { panic!("one answer is no success") };
    assert!(told.contains("401"), "{told}");
    admin.fill("input[name=password]", PASSWORD).await;
    admin.press("main button").await;
    assert_eq!(admin.heading().await, "Audit log");
    let title = admin.ask("document.title").await;
    assert_eq!(title, format!("Audit log · {AGENCY}"));
}

/// A wrong key is told and the address stays; with the right one numbers come by themselves.
async fn connect(host: &Host, admin: &mut Tab) {
    host.make(admin, NAME).await;
    host.enter_key(admin, "a-wrong-key").await;
    let alert = admin.ask("document.querySelector('[role=alert]').innerText").await;
    assert!(alert.as_str().unwrap().contains("API key"), "{alert}");
    assert_eq!(admin.ask("document.querySelector('input[name=n8n_api_url]').value").await, host.n8n.url());
    let [told] = &admin.complaints().await[..] else { panic!("one answer is no success") };
    assert!(told.contains("422"), "{told}");
    host.enter_key(admin, &host.n8n.key()).await;
    assert!(admin.text().await.contains("Address and key are good"), "{}", admin.text().await);
    admin.press("form[action$='/test'] button").await;
    assert_eq!(admin.ask("document.querySelector('[role=status]') !== null").await, true);
    host.open(admin, "/clients/1").await;
    admin.until("document.querySelector('table.workflows tbody tr') !== null").await;
    assert_eq!(admin.heading().await, NAME);
}

/// The mail leads to a form, and that to the numbers.
async fn accept(host: &mut Host, admin: &Tab, carl: &Tab) {
    let link = host.invite(admin, "carl@acme.com").await;
    carl.open(&link).await;
    let text = carl.text().await;
    assert!(text.contains("carl@acme.com") && text.contains(NAME), "{text}");
    carl.fill("input[name=password]", PASSWORD).await;
    carl.press("main button").await;
    assert_eq!(carl.heading().await, NAME);
    assert_eq!(carl.url().await.as_str(), host.dashboard);
    let drawn = "(() => { const box = document.querySelector('figure.chart svg').getBoundingClientRect(); \
                 return box.width > 200 && box.height > 50; })()";
    assert_eq!(carl.ask(drawn).await, true);
}

/// A choice is asked for at once, a search with its button; both stay when the table is sorted.
async fn filter(carl: &Tab) {
    const NAMES: &str =
        "[...document.querySelectorAll('table.workflows tbody th')].map((cell) => cell.innerText)";
    carl.choose("select[name=period]", "7d").await;
    assert!(carl.url().await.query().unwrap().contains("period=7d"));
    let all: Vec<String> = serde_json::from_value(carl.ask(NAMES).await).unwrap();
    assert!(all.len() > 3, "{all:?}");
    carl.fill("input[name=search]", &all[2].to_uppercase()).await;
    carl.press_enter("input[name=search]").await;
    let found: Vec<String> = serde_json::from_value(carl.ask(NAMES).await).unwrap();
    assert!(found.contains(&all[2]) && found.len() < all.len(), "{found:?} of {all:?}");
    carl.fill("input[name=search]", "").await;
    carl.press_enter("input[name=search]").await;
    carl.press("table.workflows thead a[href$='sort=name']").await;
    assert_eq!(carl.ask("document.querySelector('[aria-sort=ascending]').innerText").await, "Workflow");
    let sorted: Vec<String> = serde_json::from_value(carl.ask(NAMES).await).unwrap();
    let mut expected = all.clone();
    expected.sort_by_key(|name| name.to_lowercase());
    assert_eq!(sorted, expected);
    assert_eq!(carl.ask("document.querySelector('select[name=period]').value").await, "7d");
}

/// Everything can be read and chosen by links and buttons alone.
async fn read_without_script(host: &Host, carl: &Tab) {
    carl.without_script().await;
    host.open(carl, "").await;
    enter(carl, "carl@acme.com", PASSWORD).await;
    assert_eq!(carl.heading().await, NAME);
    assert_eq!(carl.ask("document.querySelectorAll('#zones option').length").await, 0, "no script has run");
    carl.pick("select[name=period]", "7d").await;
    carl.press("form.filters button").await;
    assert!(carl.url().await.query().unwrap().contains("period=7d"));
    assert_eq!(carl.ask("document.querySelector('figure.chart svg') !== null").await, true);
    carl.press("table.workflows thead a[href$='sort=name']").await;
    assert_eq!(carl.ask("document.querySelector('[aria-sort=ascending]').innerText").await, "Workflow");
    carl.press("a[href*='/report']").await;
    assert!(carl.text().await.contains("Success rate"));
    carl.press("form[action$='/sign-out'] button").await;
    assert_eq!(carl.heading().await, "Sign in");
}

/// A link on another site's page leads to where it says, for who is signed in and who is not.
async fn come_from_elsewhere(host: &Host, carl: &Tab) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The same machine by another name is another site.
    let elsewhere = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let link = format!("<a href=\"{}/account\">The numbers</a>", host.dashboard);
    let page = Router::new().fallback(async move || Html(link));
    let _serving = AbortOnDropHandle::new(tokio::spawn(async { axum::serve(listener, page).await.unwrap() }));
    carl.open(&elsewhere).await;
    carl.press_over(2, "a").await;
    assert_eq!(carl.heading().await, "Sign in");
    enter(carl, "carl@acme.com", PASSWORD).await;
    assert_eq!(carl.heading().await, "Account");
    carl.open(&elsewhere).await;
    carl.press_over(2, "a").await;
    assert_eq!(carl.heading().await, "Account");
    carl.reload().await;
    assert_eq!(carl.heading().await, "Account");
}

/// What is collected stands on a page that is open, which is not loaded anew.
async fn see_change(host: &Host, admin: &Tab, carl: &Tab) {
    let total = "document.querySelector('.figures dd').innerText";
    let before = carl.ask(total).await;
    carl.ask("window.same = true").await;
    let workflow = host.n8n.state().workflows().keys().next().unwrap().clone();
    let ended = now().minus(Duration::from_secs(30));
    host.n8n.state().add(Run::ended(&workflow, "error", ended, 1000));
    host.open(admin, "/clients/1/settings").await;
    admin.press("form[action$='/collect'] button").await;
    carl.until(&format!("{total} !== {before}")).await;
    assert_eq!(carl.ask("window.same").await, true);
}

/// What is not theirs is answered by a page that says so.
async fn refused(host: &Host, carl: &mut Tab) {
    for (path, heading, status) in [
        ("/clients/2", "There is nothing here", "404"),
        ("/people", "This is not for you", "403"),
        ("/none", "There is nothing here", "404"),
    ] {
        host.open(carl, path).await;
        assert_eq!(carl.heading().await, heading, "{path}");
        let [told] = &carl.complaints().await[..] else { panic!("one answer is no success") };
        assert!(told.contains(status), "{told}");
    }
}

async fn sign_out(host: &Host, carl: &Tab) {
    carl.open(&host.dashboard).await;
    carl.press("form[action$='/sign-out'] button").await;
    assert_eq!(carl.heading().await, "Sign in");
    carl.open(&host.dashboard).await;
    assert_eq!(carl.heading().await, "Sign in");
    enter(carl, "carl@acme.com", PASSWORD).await;
    assert_eq!(carl.heading().await, NAME);
}

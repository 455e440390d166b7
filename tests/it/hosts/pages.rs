//! The dashboard's pages on every host: where links and redirects lead, what cookies are bound to, and that events come while an answer goes on.

use std::{fs, path::Path};

use flowmastery_tests::{
    snapshot,
    world::{ADMIN, PASSWORD},
};
use http::{HeaderName, header};
use regex::Regex;

use super::{
    BASES, Caller,
    answer::{Answer, Remembered, filled},
    cases::{Case, nobody},
    program::Program,
    served::{Framework, exact_world, serve},
};

const FROM: HeaderName = HeaderName::from_static("sec-fetch-site");
const HEADERS: [&str; 7] = [
    "cache-control",
    "content-disposition",
    "content-security-policy",
    "content-type",
    "location",
    "set-cookie",
    "x-frame-options",
];

/// What a browser asks for, in this order; with `{cookies}` of whoever signed in before.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let seen = |request| nobody(request).with(header::COOKIE, "{cookies}");
    let sent = |request, form: &str| seen(request).with(FROM, "same-origin").form(form);
    let right = format!("email={ADMIN}&password={PASSWORD}&next={{base}}/dashboard/people");
    vec![
        nobody("GET /dashboard"),
        nobody("GET /dashboard/clients/1?period=7d"),
        nobody("POST /dashboard/clients/new").with(FROM, "same-origin").form("name=Acme"),
        nobody("GET /dashboard/people").with(FROM, "cross-site"),
        nobody("GET /dashboard/sign-in"),
        nobody("HEAD /dashboard/sign-in/"),
        nobody("GET /dashboard/sign-in?next=https://evil.com/dashboard"),
        nobody("GET /dashboard/assets/dashboard.css"),
        nobody("GET /dashboard/assets/dashboard.js"),
        nobody("GET /dashboard/assets/icon.svg"),
        nobody("GET /dashboard/assets/logo"),
        nobody("GET /dashboard/nowhere"),
        nobody("PUT /dashboard/sign-in"),
        nobody("POST /dashboard/sign-in").form(&right),
        nobody("POST /dashboard/sign-in").with(FROM, "cross-site").form(&right),
        nobody("POST /dashboard/sign-in").with(FROM, "same-origin").form(&format!("email={ADMIN}&password=wrong")),
        nobody("POST /dashboard/sign-in").with(FROM, "same-origin").form(&right),
        seen("GET /dashboard"),
        seen("GET /dashboard/people"),
        seen("POST /dashboard/clients/new").form("name=Acme"),
        sent("POST /dashboard/clients/new", "name=+"),
        sent("POST /dashboard/clients/new", "name=Acme"),
        seen("GET /dashboard/clients/1/settings?done=made"),
        seen("GET /dashboard/clients/1"),
        seen("GET /dashboard/clients/1/workflows.csv"),
        seen("GET /dashboard/clients/1/executions.csv"),
        seen("GET /dashboard/clients/99"),
        seen("GET /dashboard/audit"),
        seen("GET /dashboard/account"),
        // The access token's cookie is gone while a page was looked at, or a form filled in.
        nobody("GET /dashboard/account").with(header::COOKIE, "{refresh}"),
        nobody("POST /dashboard/clients/new").with(header::COOKIE, "{refresh}").form("name=Second"),
        nobody("POST /dashboard/clients/new").with(header::COOKIE, "{refresh}").with(FROM, "same-origin").form("name=Second"),
        sent("POST /dashboard/sign-out", ""),
        seen("GET /dashboard"),
    ]
}

/// What is read of an answer: its status and headers, without what chance makes.
fn summary(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status.as_u16());
    for name in HEADERS {
        for value in answer.headers.get_all(name) {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
    }
    Regex::new("(flowmastery_(?:access|refresh))=[^;]+")
        .unwrap()
        .replace_all(&text, "$1=<token>")
        .into_owned()
        + "\n"
}

fn remember(answer: &Answer, remembered: &mut Remembered) {
    let cookies = answer.headers.get_all(header::SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap()).collect();
    // Whoever signed out still has them, as a thief would.
    if !cookies.is_empty() && cookies.iter().all(|cookie| !cookie.ends_with('=')) {
        remembered.insert("cookies", cookies.join("; "));
        remembered.insert("refresh", cookies[1].to_owned());
    }
}

/// Every link of a page leads to a page below the dashboard, or within the page.
fn assert_links_lead_home(page: &str, base: &str, case: &Case) {
    let links = Regex::new(r#" (?:href|src|action|data-live)="([^"]*)"|content="0; url=([^"]*)""#).unwrap();
    let mut seen = 0;
    for found in links.captures_iter(page) {
        let link = found.get(1).or(found.get(2)).unwrap().as_str();
        let home = link.strip_prefix(&format!("{base}/dashboard"));
        let is_below = home.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        assert!(is_below || link.starts_with('#'), "{} {}: {link}", case.method, case.path);
        seen += 1;
    }
    assert!(seen > 3, "{} {}: {page}", case.method, case.path);
}

/// Asks for everything; what is read of the answers, and all of them as they are.
async fn walk(caller: &Caller, base: &str) -> (String, String) {
    let mut remembered = Remembered::from([("base", base.to_owned())]);
    let (mut summaries, mut whole) = (String::new(), String::new());
    for (number, case) in cases().iter().enumerate() {
        let is_past_sign_out = number + 1 == cases().len();
        if is_past_sign_out {
            assert_events_come(caller, &remembered["cookies"], false).await;
        }
        let answer = caller.ask(number, case, &remembered).await;
        remember(&answer, &mut remembered);
        if answer.status == 303 && case.path == "/dashboard/sign-in" {
            assert_events_come(caller, &remembered["cookies"], true).await;
        }
        let body = String::from_utf8(answer.body.to_vec()).unwrap();
        let is_page =
            answer.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/html; charset=utf-8");
        if is_page && !body.is_empty() {
            assert_links_lead_home(&body, base, case);
        }
        let name = format!("## {number} {} {}\n", case.method, filled(case.path, &remembered));
        summaries.push_str(&format!("{name}{}", summary(&answer)));
        whole.push_str(&format!("{name}{}{body}\n", summary(&answer)));
    }
    (summaries, whole)
}

/// The first bytes of a stream come at once, though it does not end.
async fn assert_events_come(caller: &Caller, cookies: &str, are_good: bool) {
    let live = caller.client.get(format!("{}/dashboard/live", caller.url)).header(header::COOKIE, cookies);
    let mut answer = live.send().await.unwrap();
    if are_good {
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(answer.chunk().await.unwrap().unwrap(), "retry: 5000\n\n");
    } else {
        assert_eq!(answer.status(), 303, "no stream for who signed out");
    }
}

fn answers() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/it/hosts/pages.txt"))
}

/// The same with the base path named, as it stands in the file.
fn named(summaries: &str, base: &str) -> String {
    summaries.replace(&base.replace('/', "%2F"), "{encoded base}").replace(base, "{base}")
}

/// What every host has to answer that has the API there.
fn expected(base: &str) -> String {
    let text = fs::read_to_string(answers()).unwrap();
    // A cookie that goes everywhere is called so that no sibling can plant it.
    let text = match base {
        "" => text.replace("Path={base}", "Path=/").replace("__Secure-", "__Host-"),
        _ => text,
    };
    text.replace("{encoded base}", &base.replace('/', "%2F")).replace("{base}", base)
}

#[tokio::test]
async fn pages_are_the_same_on_every_host_and_lead_to_where_they_are_mounted() {
    for base in BASES {
        let mut first = None;
        for framework in [Framework::Axum, Framework::Poem, Framework::Hyper, Framework::Salvo] {
            for is_http2 in [false, true] {
                let world = exact_world().await;
                let served = serve(framework, &world, base).await;
                let caller = Caller::new(&served.address.to_string(), base, is_http2);
                let (summaries, whole) = walk(&caller, base).await;
                if snapshot::is_writing() && !base.is_empty() && first.is_none() {
                    fs::write(answers(), named(&summaries, base)).unwrap();
                }
                snapshot::assert_same(&expected(base), &summaries);
                snapshot::assert_same(first.get_or_insert_with(|| whole.clone()), &whole);
            }
        }
    }
}

/// A program's pages, which are those of every host but for what is said; on plain http its cookies are not for TLS alone.
async fn program_has_pages(package: &str, args: &[&str], settings: &[(&str, &str)], but: &[(&str, &str)]) {
    let program = Program::start(package, args, settings).await;
    let (summaries, _) = walk(&Caller::new(&program.address, "/flow", false), "/flow").await;
    let mut expected = expected("/flow").replace("__Secure-", "").replace("; Secure", "");
    for (every, own) in but {
        assert!(expected.contains(every), "{every}");
        expected = expected.replace(every, own);
    }
    snapshot::assert_same(&expected, &summaries);
}

#[tokio::test]
async fn the_standalone_program_has_pages_below_the_path_of_its_public_url() {
    let settings = [("PUBLIC_URL", "http://127.0.0.1/flow")];
    program_has_pages("poem-standalone", &["serve", "--bind", "127.0.0.1:0"], &settings, &[]).await;
}

#[tokio::test]
async fn the_axum_program_has_pages_and_signs_its_members_in_itself() {
    let signing = [
        ("location: /flow/dashboard/sign-in?next=", "location: /sign-in?next="),
        ("location: /flow/dashboard/sign-in\n", "location: /sign-out\n"),
        ("POST /dashboard/sign-out\n303", "POST /dashboard/sign-out\n307"),
    ];
    program_has_pages("axum-embedded", &["127.0.0.1:0", "DATABASE"], &[], &signing).await;
}

#[tokio::test]
async fn the_salvo_program_has_pages() {
    program_has_pages("salvo-mounted", &["127.0.0.1:0", "DATABASE"], &[], &[]).await;
}

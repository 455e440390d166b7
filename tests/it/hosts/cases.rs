//! The case list: the same requests on every host, in this order, since what one makes the next ones ask for.

use std::collections::BTreeMap;

use flowmastery_tests::world::{ADMIN, PASSWORD};
use http::{Method, header};

use super::answer::{Answer, Remembered};

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Nobody,
    Admin,
    /// A user of the client that is made.
    Carl,
    /// Somebody with a token of nobody's.
    Stranger,
}

/// A request of the list. `{name}` in its path, headers and body stands for what an earlier answer said.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) who: Who,
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) headers: Vec<(header::HeaderName, &'static str)>,
    pub(super) body: Option<String>,
    /// Whether the body says how long it is.
    pub(super) is_sized: bool,
}

pub(super) fn by(who: Who, request: &'static str) -> Case {
    let (method, path) = request.split_once(' ').unwrap();
    Case { who, method: method.parse().unwrap(), path, headers: Vec::new(), body: None, is_sized: true }
}

pub(super) fn nobody(request: &'static str) -> Case {
    by(Who::Nobody, request)
}

fn admin(request: &'static str) -> Case {
    by(Who::Admin, request)
}

fn carl(request: &'static str) -> Case {
    by(Who::Carl, request)
}

impl Case {
    fn json(self, body: &str) -> Self {
        Self { body: Some(body.to_owned()), ..self }.with(header::CONTENT_TYPE, "application/json")
    }

    /// The form of a page.
    pub(super) fn form(self, body: &str) -> Self {
        let form = Self { body: Some(body.to_owned()), ..self };
        form.with(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    pub(super) fn with(mut self, name: header::HeaderName, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    fn in_chunks(self) -> Self {
        Self { is_sized: false, ..self }
    }
}

/// The list.
#[rustfmt::skip]
pub(super) fn cases() -> Vec<Case> {
    let large = format!("{{\"name\":\"{}\"}}", "x".repeat(70_000));
    let nearly = format!("{{\"name\":\"{}\"}}", "x".repeat(65_000));
    vec![
        // Nobody: what is public, and what a path and a body have to be.
        nobody("GET /"),
        nobody("HEAD /"),
        nobody("GET /health/live"),
        nobody("GET /nowhere"),
        nobody("DELETE /"),
        nobody("GET /api/v1/auth/me"),
        nobody("GET /api/v1/auth/me/"),
        nobody("GET /api/v1/auth/login"),
        nobody("POST /api/v1/auth/login"),
        nobody("POST /api/v1/auth/login").json("{"),
        nobody("POST /api/v1/auth/login").json("[]"),
        nobody("POST /api/v1/auth/login").json("{}"),
        nobody("POST /api/v1/auth/login").json(r#"{"email":"a@b.com","email":"c@d.com","password":"x"}"#),
        nobody("POST /api/v1/auth/login").json(r#"{"email":7,"password":"x","colour":"red"}"#),
        nobody("POST /api/v1/auth/login").json(r#"{"email":"nobody@agency.com","password":"wrong password"}"#),
        nobody("POST /api/v1/auth/login").json(&format!(r#"{{"email":"{ADMIN}","password":"{PASSWORD}"}}"#)),
        nobody("POST /api/v1/auth/refresh").json(r#"{"refresh_token":"none of ours"}"#),
        nobody("POST /api/v1/auth/refresh").json(r#"{"refresh_token":"{admin_refresh}"}"#),
        by(Who::Stranger, "GET /api/v1/auth/me"),
        nobody("GET /api/v1/auth/me").with(header::AUTHORIZATION, "Basic YTpi"),
        // The admin: clients.
        admin("GET /api/v1/auth/me"),
        admin("HEAD /api/v1/auth/me/"),
        admin("GET /api/v1/clients/"),
        admin("POST /api/v1/clients/").json(r#"{"name":"Acme Corp"}"#),
        admin("POST /api/v1/clients").json(r#"{"name":"Ünïcode ☃ GmbH"}"#),
        admin("POST /api/v1/clients/").json(r#"{"name":"  "}"#),
        admin("POST /api/v1/clients/").json(&nearly),
        admin("POST /api/v1/clients/").json(&large),
        admin("POST /api/v1/clients/").json(&large).in_chunks(),
        admin("POST /api/v1/clients/").json(r#"{"name":"Third"}"#).in_chunks(),
        admin("GET /api/v1/clients"),
        admin("GET /api/v1/clients/?limit=1"),
        admin("GET /api/v1/clients/?limit=0"),
        admin("GET /api/v1/clients/?limit=1&limit=2"),
        admin("GET /api/v1/clients/?colour=red"),
        admin("GET /api/v1/clients/?after=nonsense"),
        admin("GET /api/v1/clients/1"),
        admin("GET /api/v1/clients/%31/"),
        admin("GET /api/v1/clients/99"),
        admin("GET /api/v1/clients/one"),
        admin("PATCH /api/v1/clients/1").json(r#"{"name":"Acme"}"#),
        admin("PUT /api/v1/clients/1").json(r#"{"name":"Acme"}"#),
        admin("PUT /api/v1/clients/99").json(r#"{"name":7}"#),
        admin("POST /api/v1/clients/1/n8n-config").json(r#"{"n8n_api_url":"ftp://n8n.acme.com","n8n_api_key":""}"#),
        admin("POST /api/v1/clients/1/test-connection"),
        admin("POST /api/v1/clients/1/sync"),
        // Invitations, and who accepts one.
        admin("POST /api/v1/auth/invitations").json(r#"{"email":"carl@acme.com","role":"client","client_id":1}"#),
        admin("POST /api/v1/auth/invitations").json(r#"{"email":"carl","role":"chief"}"#),
        admin("GET /api/v1/auth/invitations"),
        nobody("GET /api/v1/auth/invitations/{invitation}"),
        nobody("GET /api/v1/auth/invitations/none"),
        nobody("POST /api/v1/auth/invitations/accept").json(r#"{"token":"{invitation}","password":"short"}"#),
        nobody("POST /api/v1/auth/invitations/accept").json(&format!(r#"{{"token":"{{invitation}}","password":"{PASSWORD}"}}"#)),
        nobody("POST /api/v1/auth/invitations/accept").json(&format!(r#"{{"token":"{{invitation}}","password":"{PASSWORD}"}}"#)),
        // The client's user.
        carl("GET /api/v1/auth/me"),
        carl("GET /api/v1/auth/sessions"),
        carl("GET /api/v1/clients/"),
        carl("GET /api/v1/clients/1"),
        carl("GET /api/v1/clients/2"),
        carl("GET /api/v1/metrics/my-metrics"),
        carl("GET /api/v1/metrics/my-metrics").with(header::IF_NONE_MATCH, "{etag}"),
        carl("GET /api/v1/metrics/my-workflows"),
        carl("GET /api/v1/metrics/my-timeseries?period=7d&interval=day&tz=Asia/Kathmandu"),
        carl("GET /api/v1/metrics/my-executions?status=error&limit=5"),
        carl("GET /api/v1/metrics/client/2"),
        carl("PUT /api/v1/auth/password").json(r#"{"current_password":"wrong password","new_password":"another good password"}"#),
        // The admin again: numbers, users, the audit log, and ends.
        admin("GET /api/v1/metrics/my-metrics"),
        admin("GET /api/v1/metrics/all?period=7d"),
        admin("GET /api/v1/metrics/all?period=never"),
        admin("GET /api/v1/metrics/client/1/workflows"),
        admin("GET /api/v1/users/?limit=1"),
        admin("PATCH /api/v1/users/2").json(r#"{"role":"chief"}"#),
        admin("GET /api/v1/audit?action=admin_created"),
        admin("DELETE /api/v1/clients/2"),
        admin("DELETE /api/v1/clients/2"),
        carl("POST /api/v1/auth/logout"),
        carl("GET /api/v1/auth/me"),
    ]
}

/// Walks the list and writes down every answer, as `ask` is answered.
pub(super) async fn walk(ask: impl AsyncFn(usize, &Case, &Remembered) -> Answer) -> String {
    let mut remembered: Remembered = BTreeMap::new();
    let mut transcript = String::new();
    for (number, case) in cases().iter().enumerate() {
        let answer = ask(number, case, &remembered).await;
        answer.remember(&mut remembered);
        transcript.push_str(&format!("## {number} {} {} ({:?})\n", case.method, case.path, case.who));
        transcript.push_str(&answer.text());
    }
    transcript
}

//! Work whose instructions and allocations are counted, for those tell of a regression where times are noise: one page through the
//! aggregation, and one warm request through the whole API.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    clock::{Clock, Timestamp},
    model::{client::ClientName, email::Email, outbound::OutboundPolicy, password::Password},
    request::RequestOrigin,
    service::{clients::InstanceConfig, invitations::InvitationRequest},
    store::sql::SqlStore,
    sync::CollectionRequests,
};
use flowmastery_tower::Api;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use n8n_simulator::{Dialect, History, InProcessN8n, Plan};
use secrecy::{ExposeSecret, SecretString};
use tokio::runtime::Runtime;
use tower_service::Service;

use crate::{Fallible, aggregate, sample::Sample};

/// What the request asks for.
const PATH: &str = "/api/v1/metrics/my-metrics";
/// 2026-03-10T12:07:00Z, at which it stays, so that the answer is the same in every run and nothing that is remembered grows old.
const NOW: Timestamp = Timestamp::from_millis(1_773_144_420_000);
/// Executions of the tenant, all of them in the 30 days of the answer.
const EXECUTIONS: usize = 2_000;
const SECRET: &str = "a signing secret for a benchmark, long enough";
const PASSWORD: &str = "a password of a benchmark";

/// Something that is done again and again and is the same each time.
#[derive(Debug)]
pub enum Work {
    /// One page of 250 executions, from bytes to differences.
    Page(Sample),
    /// One request for the metrics of a user's own client, whose answer is known, without a socket.
    Request(Box<WarmRequest>),
}

impl Work {
    /// What they are called.
    pub const NAMES: [&str; 2] = ["page", "request"];

    /// How often the work of a name is done to be counted by what more times take: a page takes a million instructions, a request twenty
    /// thousand.
    pub fn runs(name: &str) -> [u64; 2] {
        let few = 20;
        [few, few + if name == "page" { 200 } else { 10_000 }]
    }

    /// Prepares the work of a name, and does it a few times for everything that only the first does.
    ///
    /// # Errors
    /// For another name, and when it cannot be done.
    pub fn prepare(name: &str) -> Fallible<Self> {
        let mut work = match name {
            "page" => {
                let sample = Sample::generate(1, 2 * 60);
                aggregate::check(&sample)?;
                Self::Page(sample)
            }
            "request" => Self::Request(Box::new(WarmRequest::prepare()?)),
            _ => return Err(format!("no work is called {name}").into()),
        };
        for _ in 0..3 {
            work.run()?;
        }
        Ok(work)
    }

    /// Does it once.
    ///
    /// # Errors
    /// When it does not give what it should.
    pub fn run(&mut self) -> Fallible<()> {
        match self {
            Self::Page(sample) => aggregate::aggregate_all(sample),
            Self::Request(request) => request.send(),
        }
    }
}

/// An API in memory whose answer to one request is remembered, with the token of a user who may ask for it.
#[derive(Debug)]
pub struct WarmRequest {
    runtime: Runtime,
    api: Api,
    token: SecretString,
    answer: Bytes,
}

impl WarmRequest {
    fn prepare() -> Fallible<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (api, token) = runtime.block_on(tenant())?;
        let mut warm = Self { runtime, api, token, answer: Bytes::new() };
        warm.answer = warm.answer()?;
        let answer: serde_json::Value = serde_json::from_slice(&warm.answer)?;
        let counted = answer.get("total_executions").and_then(serde_json::Value::as_u64);
        if counted != Some(EXECUTIONS as u64) {
            return Err(format!("the answer counts {counted:?}, not {EXECUTIONS}").into());
        }
        Ok(warm)
    }

    fn send(&mut self) -> Fallible<()> {
        if self.answer()? == self.answer { Ok(()) } else { Err("the answer has changed".into()) }
    }

    fn answer(&mut self) -> Fallible<Bytes> {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let request = Request::get(PATH).header(header::AUTHORIZATION, bearer).body(Empty::<Bytes>::new())?;
        let Ok(response) = self.runtime.block_on(self.api.call(request));
        if response.status() != StatusCode::OK {
            return Err(format!("{PATH}: {}", response.status()).into());
        }
        Ok(self.runtime.block_on(response.into_body().collect())?.to_bytes())
    }
}

/// A tenant with numbers that were just collected, and a user of it.
async fn tenant() -> Fallible<(Api, SecretString)> {
    let store = SqlStore::open("sqlite::memory:").await?;
    store.migrate_up().await?;
    let mut config = Config::new(SECRET.into(), "https://agency.example");
    config.outbound = OutboundPolicy::development();
    let servers = InProcessN8n::new();
    let n8n = servers.add_instance(Dialect::V2);
    // The log of n8n is the known answer: all of production, and all of it listed.
    let plan = Plan {
        per_day: EXECUTIONS as f64 / 5.0,
        manual: 0.0,
        error_runs: 0.0,
        sub_runs: 0.0,
        retries: 0.0,
        unsaved: 0.0,
        crash_every: None,
        ..Plan::default()
    };
    History::new(7, NOW.minus(Duration::from_secs(10 * 86_400)), plan).fill(&mut n8n.state(), EXECUTIONS);
    let flowmastery = Flowmastery::builder(config, Arc::new(store))
        .clock(Arc::new(Still))
        .n8n(Arc::new(servers))
        .build()?;

    let password = || Password::choose(PASSWORD.into()).map_err(|fault| fault.message);
    let email = |text| Email::parse(text).map_err(|fault| fault.message);
    let admin = flowmastery.users().create_admin(email("admin@agency.example")?, &password()?).await?;
    let admin = Actor::admin(admin.id);
    let name = ClientName::parse("Acme").map_err(|fault| fault.message)?;
    let client = flowmastery.clients().create(admin, name).await?.id;
    let instance = InstanceConfig::parse(&n8n.url(), n8n.key().into())?;
    flowmastery.clients().configure(admin, client, instance).await?;
    flowmastery.collector().collect_now(client, Duration::from_secs(60)).await;

    let invitation = InvitationRequest::parse("user@tenant.example", "client", Some(client.0))?;
    let link = flowmastery.invitations().create(admin, invitation).await?.accept_url;
    let link = link.ok_or("without a mail server the link is shown")?;
    let (_, token) = link.as_str().split_once("token=").ok_or("a link has a token")?;
    let signed_in =
        flowmastery.invitations().accept(&token.into(), &password()?, RequestOrigin::default()).await?;
    // With the feed read, answers may be remembered for a second, which never ends here.
    flowmastery.feed().read().await?;
    Ok((Api::builder(flowmastery).build()?, signed_in.access_token.expose_secret().into()))
}

/// A clock that stands still.
#[derive(Debug)]
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }
}

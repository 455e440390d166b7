//! A tenant with numbers, and a user of it who is signed in: what the measured answer is about.

use std::{sync::Arc, time::Duration};

use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    clock::{Clock, SystemClock},
    model::{client::ClientName, email::Email, outbound::OutboundPolicy, password::Password},
    request::RequestOrigin,
    service::{clients::InstanceConfig, invitations::InvitationRequest},
    store::sql::SqlStore,
    sync::CollectionRequests,
};
use n8n_simulator::{Dialect, History, InProcessN8n, Plan};
use secrecy::{ExposeSecret, SecretString};
use tempfile::TempDir;

use crate::Fallible;

/// Executions of the tenant, all of them younger than the 30 days of the answer.
const EXECUTIONS: usize = 2_000;
/// Where they begin.
const BEGINNING: Duration = Duration::from_secs(10 * 86_400);
/// What signs tokens and seals keys.
const SECRET: &str = "a signing secret for a benchmark, long enough";
/// Everybody's password.
pub const PASSWORD: &str = "a password of a benchmark";
/// The address of the user.
pub const EMAIL: &str = "user@tenant.example";

/// A database with one tenant.
#[derive(Debug)]
pub struct Tenant {
    /// The services over it.
    pub flowmastery: Flowmastery,
    /// An access token of a user of the tenant.
    pub token: SecretString,
    /// How many production executions of the tenant there are.
    pub executions: usize,
    _directory: TempDir,
}

impl Tenant {
    /// Makes it, in a new database of SQLite, with everything collected.
    ///
    /// # Errors
    /// When a service refuses a step of it.
    pub async fn make() -> Fallible<Self> {
        let directory = tempfile::tempdir()?;
        let store =
            SqlStore::open(format!("sqlite://{}", directory.path().join("store.db").display())).await?;
        let mut config = Config::new(SECRET.into(), "https://agency.example");
        config.outbound = OutboundPolicy::development();
        // So that the answer stays the same while it is measured.
        config.sync_interval = Duration::from_secs(60 * 60);
        let servers = InProcessN8n::new();
        let n8n = servers.add_instance(Dialect::V2);
        let plan = Plan {
            per_day: EXECUTIONS as f64 / 5.0,
            // So that the log of the simulator is the known answer: all of production, and all of it listed.
            manual: 0.0,
            error_runs: 0.0,
            sub_runs: 0.0,
            retries: 0.0,
            unsaved: 0.0,
            crash_every: None,
            ..Plan::default()
        };
        History::new(7, SystemClock.now().minus(BEGINNING), plan).fill(&mut n8n.state(), EXECUTIONS);
        let flowmastery = Flowmastery::builder(config, Arc::new(store)).n8n(Arc::new(servers)).build()?;

        let password = || Password::choose(PASSWORD.into());
        let admin =
            flowmastery.users().create_admin(Email::parse("admin@agency.example")?, &password()?).await?;
        let admin = Actor::admin(admin.id);
        let client = flowmastery.clients().create(admin, ClientName::parse("Acme")?).await?.id;
        let instance = InstanceConfig::parse(&n8n.url(), n8n.key().into())?;
        flowmastery.clients().configure(admin, client, instance).await?;
        flowmastery.collector().collect_now(client, Duration::from_secs(60)).await;

        let request = InvitationRequest::parse(EMAIL, "client", Some(client.0))?;
        let invited = flowmastery.invitations().create(admin, request).await?;
        let link = invited.accept_url.ok_or("without a mail server the link is shown")?;
        let (_, token) = link.as_str().split_once("token=").ok_or("a link has a token")?;
        let origin = RequestOrigin::default();
        let signed_in = flowmastery.invitations().accept(&token.into(), &password()?, origin).await?;
        let token = signed_in.access_token.expose_secret().into();
        let executions = n8n.state().log().len();
        Ok(Self { flowmastery, token, executions, _directory: directory })
    }
}

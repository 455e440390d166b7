//! `demo`: FlowMastery with made-up numbers, for looking at it. Nothing is set up, kept or sent: the database is in memory, the n8n servers are
//! simulated in this process, and mails are logged.

mod pages;

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use flowmastery_core::{
    Config, Flowmastery,
    access::actor::Actor,
    clock::{Clock, SystemClock, Timestamp},
    entropy::{Entropy, OsEntropy},
    error::{Error, FieldError},
    id::ClientId,
    model::{
        client::ClientName,
        email::Email,
        instance::InstanceUrl,
        outbound::OutboundPolicy,
        password::Password,
        workflow::{TimeSaved, WorkflowId},
    },
    request::RequestOrigin,
    service::{clients::InstanceConfig, invitations::InvitationRequest},
    store::sql::SqlStore,
    sync::CollectionRequests,
};
use flowmastery_tower::{Api, Dashboard};
use n8n_simulator::{Dialect, Fault, History, InProcessN8n, Plan, SimulatedN8n};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::ServeArgs,
    failure::{Failure, Outcome},
    logs, serve,
    settings::{Settings, Vars},
    terminal, web,
};

const AGENCY: &str = "Northwind Automation";
const ADMIN: &str = "admin@northwind.example";
const CLIENT_USER: &str = "maria@harbour-coffee.example";
/// How far back the numbers go.
const PAST: Duration = Duration::from_secs(60 * 86_400);
/// How often something new happens on the simulated servers, and is collected.
const STEP: Duration = Duration::from_secs(2);
/// The longest that a first collection may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A made-up customer.
struct Customer {
    name: &'static str,
    /// What its n8n is called.
    host: &'static str,
    seed: u64,
    plan: Plan,
    mood: Mood,
    /// Minutes that an execution of each workflow saves.
    saves: &'static [i64],
}

/// What is the matter with a customer's n8n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    /// Its key is not good any more.
    KeyExpired,
    /// It does not answer any more.
    Silent,
}

fn customers() -> [Customer; 4] {
    let plan = |workflows, per_day, failures| Plan { workflows, per_day, failures, ..Plan::default() };
    [
        Customer {
            name: "Harbour Coffee Roasters",
            host: "harbour-coffee",
            seed: 11,
            plan: plan(9, 320.0, 0.012),
            mood: Mood::Well,
            saves: &[4, 12, 2, 7, 15, 3, 5, 1, 9],
        },
        Customer {
            name: "Lindgren Logistics",
            host: "lindgren-logistics",
            seed: 23,
            plan: plan(14, 540.0, 0.13),
            mood: Mood::Well,
            saves: &[6, 3, 3, 10, 2],
        },
        Customer {
            name: "Clínica Sant Martí",
            host: "sant-marti",
            seed: 37,
            plan: plan(6, 90.0, 0.03),
            mood: Mood::KeyExpired,
            saves: &[20, 8, 5],
        },
        Customer {
            name: "Brightside Energy",
            host: "brightside",
            seed: 41,
            plan: plan(8, 160.0, 0.04),
            mood: Mood::Silent,
            saves: &[5, 5, 11],
        },
    ]
}

/// Runs the demonstration until a signal comes.
///
/// # Errors
/// When nothing can listen at the address, or the demonstration cannot be made.
pub(crate) async fn run(vars: &Vars, args: ServeArgs) -> Outcome {
    let is_anywhere_good = args.bind.is_none();
    let settings = settings(vars, args)?;
    logs::start_demo(&settings.logs)?;
    let listening = match serve::bind(settings.server.bind).await {
        // Another server may be at the usual port; the link says where this one is.
        Err(_) if is_anywhere_good => serve::bind((Ipv4Addr::LOCALHOST, 0).into()).await,
        listening => listening,
    };
    let (listener, address) = listening?;
    let (url, port) = (format!("http://{address}"), address.port());
    let stop = serve::stop_on_signals()?;
    terminal::say(&format!("Making up {} days of numbers …", PAST.as_secs() / 86_400));
    let demo = Demo::make(&url, port)
        .await
        .map_err(|error| Failure::new("The demonstration cannot be made.").because(error))?;
    let dashboard = Dashboard::default().name(AGENCY);
    let place = format!("{url}{}", dashboard.path());
    let api = Api::builder(demo.app.clone()).docs(true).public_url(url).dashboard(dashboard).build();
    let api = api.map_err(|error| Failure::new("The API cannot be assembled.").because(error))?;
    demo.say(&place);
    let app = demo.app.clone();
    demo.go_on(stop.clone());
    serve::until_stopped((listener, pages::beside(web::endpoint(api, &settings))), &app, stop).await
}

/// The settings of a server without any but what is logged, so that neither the environment nor `.env` lets anything out.
fn settings(given: &Vars, args: ServeArgs) -> Outcome<Settings> {
    let mut vars = Vars::default();
    vars.set("LOG_FORMAT", "text".to_owned());
    if let Some(filter) = given.get("RUST_LOG") {
        vars.set("RUST_LOG", filter.to_owned());
    }
    if let Some(bind) = args.bind {
        vars.set("BIND", bind);
    }
    Settings::read(&vars).map_err(|faults| Failure::new(faults.to_string()))
}

/// The services with their customers.
struct Demo {
    app: Flowmastery,
    histories: Vec<(SimulatedN8n, History)>,
    password: String,
}

impl Demo {
    async fn make(url: &str, port: u16) -> Result<Self, Error> {
        let store = SqlStore::open("sqlite::memory:").await.map_err(Error::from)?;
        let mut config = Config::new(random_text()?.into(), &format!("{url}/dashboard"));
        config.outbound = OutboundPolicy::development();
        config.invitations.always_show_link = true;
        config.sync_interval = STEP;
        let servers = InProcessN8n::new();
        let app = Flowmastery::builder(config, Arc::new(store)).n8n(Arc::new(servers.clone())).build()?;
        let password = random_text()?;
        let mut demo = Self { app, histories: Vec::new(), password };
        let email = Email::parse(ADMIN).map_err(invalid)?;
        let admin = Actor::admin(demo.app.users().create_admin(email, &demo.chosen()?).await?.id);
        for (number, customer) in customers().into_iter().enumerate() {
            let n8n = servers.add_instance(if number % 2 == 0 { Dialect::V2 } else { Dialect::V1 });
            // On this machine browsers find every name below `localhost` here, where links lead into n8n then.
            let place = format!("http://{}.localhost:{port}{}", customer.host, pages::N8N);
            servers.alias(&InstanceUrl::parse(&place).map_err(invalid)?, &n8n);
            let client = demo.add(admin, &customer, (n8n, &place)).await?;
            if number == 0 {
                demo.add_user(admin, client).await?;
            }
        }
        Ok(demo)
    }

    fn chosen(&self) -> Result<Password, Error> {
        Password::choose(self.password.as_str().into()).map_err(invalid)
    }

    /// A customer with its past, collected; what is the matter with its n8n happened a while ago.
    async fn add(
        &mut self,
        admin: Actor,
        customer: &Customer,
        (n8n, place): (SimulatedN8n, &str),
    ) -> Result<ClientId, Error> {
        let now = SystemClock.now();
        let mut history = History::new(customer.seed, now.minus(PAST), customer.plan.clone());
        history.advance(&mut n8n.state(), now);
        let clients = self.app.clients();
        let client = clients.create(admin, ClientName::parse(customer.name).map_err(invalid)?).await?.id;
        clients.configure(admin, client, InstanceConfig::parse(place, n8n.key().into())?).await?;
        self.app.collector().collect_now(client, PATIENCE).await;
        let workflows: Vec<String> = n8n.state().workflows().keys().cloned().collect();
        for (workflow, minutes) in workflows.iter().zip(customer.saves.iter().cycle()) {
            let saved = TimeSaved::of_minutes(*minutes).map_err(invalid)?;
            let id = WorkflowId::from(workflow.as_str());
            self.app.metrics().set_time_saved(admin, (client, &id), saved).await?;
        }
        match customer.mood {
            Mood::Well => self.histories.push((n8n, history)),
            Mood::KeyExpired => n8n.state().set_key("another key"),
            Mood::Silent => n8n.state().set_fault(Fault::Closed),
        }
        Ok(client)
    }

    async fn add_user(&self, admin: Actor, client: ClientId) -> Result<(), Error> {
        let invitation = InvitationRequest::parse(CLIENT_USER, "client", Some(client.0))?;
        let issued = self.app.invitations().create(admin, invitation).await?;
        let link = issued.accept_url.ok_or_else(|| Error::internal("an invitation without a link"))?;
        let (_, token) =
            link.as_str().split_once("token=").ok_or_else(|| Error::internal("a link without a token"))?;
        let (token, password): (SecretString, _) = (token.into(), self.chosen()?);
        self.app.invitations().accept(&token, &password, RequestOrigin::default()).await?;
        Ok(())
    }

    /// Lets time pass on the servers that are well.
    fn go_on(mut self, stop: CancellationToken) {
        tokio::spawn(async move {
            while stop.run_until_cancelled(tokio::time::sleep(STEP)).await.is_some() {
                let now: Timestamp = SystemClock.now();
                for (n8n, history) in &mut self.histories {
                    history.advance(&mut n8n.state(), now);
                }
            }
        });
    }

    fn say(&self, place: &str) {
        terminal::say(&format!(
            "\n  Open     {place}\n  Sign in  {ADMIN} (the agency) or {CLIENT_USER} (its customer)\n  Password {}\n\n\
             Nothing is kept and nothing leaves this machine. Ctrl-C ends it.",
            self.password
        ));
    }
}

fn invalid(fault: FieldError) -> Error {
    Error::invalid(vec![fault])
}

/// Four groups of letters and digits that nobody guesses.
fn random_text() -> Result<String, Error> {
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes)?;
    let groups: Vec<String> =
        bytes.chunks(4).map(|group| group.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    Ok(groups.join("-"))
}

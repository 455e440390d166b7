//! The assembled services: [`Flowmastery`] owns the ports and hands out one service for each kind of work.

mod builder;
mod n8n;
mod work;

use std::{sync::Arc, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

pub use self::{builder::Builder, work::Work};
use crate::{
    error::{Error, Kind, Result},
    feed::ChangeFeed,
    model::{outbound::OutboundPolicy, session::TokenLifetimes},
    secret::VaultKey,
    service::{
        audit::Audit,
        clients::Clients,
        collect::Collector,
        health::Health,
        import::Imports,
        invitations::{InvitationConfig, Invitations},
        metrics::Metrics,
        outbox::Outbox,
        password_resets::PasswordResets,
        rewrap::Rewraps,
        sessions::Sessions,
        users::Users,
        verification::Verifications,
    },
    store::Store,
};

/// The fewest characters of a secret key.
const LEAST_SECRET: usize = 32;

/// Settings of the services; a host fills them from wherever it keeps its own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Signs access tokens: 32 characters at least, which nobody can guess, such as of `openssl rand -base64 48`.
    pub secret_key: SecretString,
    /// Takes a shorter one too, for development: whoever guesses it is everybody.
    pub allow_short_secret_key: bool,
    /// Keys that signed tokens which are still to be read.
    pub previous_secret_keys: Vec<SecretString>,
    /// Seal n8n keys and waiting mails, newest first. Behind them stand those that follow from `secret_key` and `previous_secret_keys`: they
    /// open what they sealed before these were set, and seal where there are none.
    pub encryption_keys: Vec<VaultKey>,
    /// How long tokens live.
    pub lifetimes: TokenLifetimes,
    /// The longest that a healthy client waits for its next collection.
    pub sync_interval: Duration,
    /// How long single executions are kept; what they add up to is kept for good.
    pub execution_retention: Duration,
    /// How long entries of the audit log are kept, at least [`crate::store::KEPT_AT_LEAST_DAYS`].
    pub audit_retention: Duration,
    /// Which addresses an n8n may have.
    pub outbound: OutboundPolicy,
    /// More certificate authorities for n8n servers, PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// Where invitations lead, and who sees their links.
    pub invitations: InvitationConfig,
    /// The page that takes `?token=` of a password reset; never from a request's `Host`.
    pub password_reset_page: String,
}

impl Config {
    /// Settings that are right for most hosts. Mails link to the pages `accept-invitation` and `reset-password` of the front end.
    pub fn new(secret_key: SecretString, front_end: &str) -> Self {
        let front_end = front_end.trim_end_matches('/');
        let accept_page = format!("{front_end}/accept-invitation");
        Self {
            secret_key,
            allow_short_secret_key: false,
            previous_secret_keys: Vec::new(),
            encryption_keys: Vec::new(),
            lifetimes: TokenLifetimes::default(),
            sync_interval: Duration::from_secs(60),
            execution_retention: Duration::from_secs(90 * 24 * 60 * 60),
            audit_retention: Duration::from_secs(365 * 24 * 60 * 60),
            outbound: OutboundPolicy::default(),
            extra_ca_pem: None,
            invitations: InvitationConfig { accept_page, always_show_link: false },
            password_reset_page: format!("{front_end}/reset-password"),
        }
    }
}

impl Config {
    /// Insists on a secret key that cannot be guessed from a token.
    fn check(&self) -> Result<()> {
        let length = self.secret_key.expose_secret().chars().count();
        if length >= LEAST_SECRET || self.allow_short_secret_key {
            return Ok(());
        }
        Err(Error::new(
            Kind::Invalid,
            "The secret key has at least 32 characters, such as those of `openssl rand -base64 48`.",
        ))
    }
}

/// The services over one store.
#[derive(Clone, Debug)]
pub struct Flowmastery {
    sessions: Sessions,
    users: Users,
    invitations: Invitations,
    password_resets: PasswordResets,
    clients: Clients,
    metrics: Metrics,
    health: Health,
    verifications: Verifications,
    imports: Imports,
    audit: Audit,
    rewraps: Rewraps,
    collector: Collector,
    feed: Arc<ChangeFeed>,
    outbox: Outbox,
}

impl Flowmastery {
    /// Services over `store`, with the defaults for every other port.
    pub fn builder(config: Config, store: Arc<dyn Store>) -> Builder {
        Builder::new(config, store)
    }

    /// Signing in, staying signed in, and signing out.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Who users are, and what admins change of them.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// Inviting people.
    pub fn invitations(&self) -> &Invitations {
        &self.invitations
    }

    /// Resetting forgotten passwords.
    pub fn password_resets(&self) -> &PasswordResets {
        &self.password_resets
    }

    /// Clients and their n8n.
    pub fn clients(&self) -> &Clients {
        &self.clients
    }

    /// Metrics.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the parts that answers need are there.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Holding a client's numbers against its n8n, for the host's own command.
    pub fn verifications(&self) -> &Verifications {
        &self.verifications
    }

    /// Taking over what a Python FlowMastery has, for the host's own command.
    pub fn imports(&self) -> &Imports {
        &self.imports
    }

    /// Who did what.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Sealing what is stored anew after a change of keys, for the host's own command.
    pub fn rewraps(&self) -> &Rewraps {
        &self.rewraps
    }

    /// Runs what goes on beside requests, which is collecting, sending mails and keeping the audit log, until `stop` is cancelled, and comes to its end in
    /// order: for a host that spawns it itself, and calls [`Self::settle`] behind it. [`Self::start`] does both.
    pub async fn run(self, stop: CancellationToken) {
        tokio::join!(
            self.collector.run(stop.clone()),
            self.outbox.run(stop.clone()),
            self.feed.run(&stop),
            self.audit.run(&stop),
        );
    }

    /// Starts [`Self::run`] in a task of its own; for this there has to be a runtime of tokio.
    pub fn start(&self) -> Work {
        Work::start(self.clone())
    }

    /// Waits until the audit log has what was noted beside requests, for hosts that stop: call it once no request is under way, and before the
    /// store is closed.
    pub async fn settle(&self) {
        self.audit.settle().await;
    }

    /// The feed of changes, by which answers come without the database; [`Flowmastery::run`] reads it.
    pub fn feed(&self) -> &ChangeFeed {
        &self.feed
    }

    /// The collector, to collect one client at once.
    pub fn collector(&self) -> &Collector {
        &self.collector
    }

    /// The sender of mails, to send what is due at once.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }
}

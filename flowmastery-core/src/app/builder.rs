//! Puts the services together, with the ports that a host brings and the defaults for the others.

use std::{fmt, sync::Arc};

use super::{Config, Flowmastery, n8n::default_n8n};
use crate::{
    access::{
        issuer::TokenIssuer,
        password::{HashCost, PasswordHasher},
        token::TokenCodec,
    },
    audit::AuditNotes,
    cache::{Cache, MemoryCache},
    clock::{Clock, SystemClock},
    entropy::{Entropy, OsEntropy},
    error::Result,
    feed::ChangeFeed,
    mail::{LogMailer, Mailer, Postbox},
    n8n::{GatedN8n, N8nApi},
    secret::{Vault, VaultKey},
    service::{
        audit::Audit,
        clients::Clients,
        collect::{CollectionLimits, Collector, CollectorParts},
        health::Health,
        import::Imports,
        invitations::Invitations,
        metrics::{self, Metrics},
        outbox::{Outbox, OutboxLimits, OutboxParts, Troubles},
        password_resets::PasswordResets,
        rewrap::Rewraps,
        sessions::{self, Sessions},
        users::Users,
        verification::Verifications,
    },
    store::Store,
    throttle::Throttle,
};

/// Assembles [`Flowmastery`].
#[must_use]
pub struct Builder {
    config: Config,
    store: Arc<dyn Store>,
    cache: Arc<dyn Cache>,
    mailer: Arc<dyn Mailer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    hasher: Option<PasswordHasher>,
    n8n: Option<Arc<dyn N8nApi>>,
    collection_limits: CollectionLimits,
    outbox_limits: OutboxLimits,
}

impl Builder {
    /// Over a store, with the defaults for every other port.
    pub(super) fn new(config: Config, store: Arc<dyn Store>) -> Self {
        Self {
            config,
            store,
            cache: Arc::new(MemoryCache::default()),
            mailer: Arc::new(LogMailer),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            hasher: None,
            n8n: None,
            collection_limits: CollectionLimits::default(),
            outbox_limits: OutboxLimits::default(),
        }
    }

    /// Another cache than the one in this process.
    pub fn cache(mut self, cache: Arc<dyn Cache>) -> Self {
        self.cache = cache;
        self
    }

    /// A mail server; without one, the makers of invitations pass on the links.
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = mailer;
        self
    }

    /// Another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness than the system's.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Password hashing with other parameters.
    pub fn hasher(mut self, hasher: PasswordHasher) -> Self {
        self.hasher = Some(hasher);
        self
    }

    /// Another way to reach n8n than HTTP. Without the feature `n8n-http` there is no other, so one is to be given.
    pub fn n8n(mut self, n8n: Arc<dyn N8nApi>) -> Self {
        self.n8n = Some(n8n);
        self
    }

    /// Other limits of a collection than those that are right for every n8n.
    pub fn collection_limits(mut self, limits: CollectionLimits) -> Self {
        self.collection_limits = limits;
        self
    }

    /// Other waits of the outbox's sender than those that are right for every mail server.
    pub fn outbox_limits(mut self, limits: OutboxLimits) -> Self {
        self.outbox_limits = limits;
        self
    }

    /// The services.
    ///
    /// # Errors
    /// [`crate::error::Kind::Invalid`] for a secret key that is too short and for a key ring that does not fit, for authorities that are no PEM, and where no way to reach n8n was given and the
    /// feature `n8n-http` is off.
    pub fn build(self) -> Result<Flowmastery> {
        let Self {
            config,
            store,
            cache,
            mailer,
            clock,
            entropy,
            hasher,
            n8n,
            collection_limits,
            outbox_limits,
        } = self;
        config.check()?;
        let secrets = std::iter::once(&config.secret_key).chain(&config.previous_secret_keys);
        let vault = Vault::new(VaultKey::ring(config.encryption_keys, secrets)?, entropy.clone())?;
        let n8n = match n8n {
            Some(n8n) => n8n,
            None => default_n8n(config.outbound.clone(), config.extra_ca_pem, entropy.clone())?,
        };
        let n8n: Arc<dyn N8nApi> =
            Arc::new(GatedN8n::new(n8n, store.clone(), clock.clone(), entropy.clone())?);
        let hasher = match hasher {
            Some(hasher) => hasher,
            None => PasswordHasher::new(entropy.clone(), HashCost::OWASP),
        };
        let codec = TokenCodec::new(&config.secret_key, &config.previous_secret_keys, entropy.clone());
        let issuer = TokenIssuer { codec, lifetimes: config.lifetimes, entropy: entropy.clone() };
        let postbox = Postbox::new(vault.clone(), entropy.clone(), mailer.is_configured());
        let throttle =
            Throttle::new(store.clone(), cache.clone(), vault.clone(), clock.clone(), entropy.clone());
        let rewraps = Rewraps { store: store.clone(), vault: vault.clone(), clock: clock.clone() };
        let imports = Imports {
            store: store.clone(),
            vault: vault.clone(),
            outbound: config.outbound.clone(),
            clock: clock.clone(),
            entropy: entropy.clone(),
        };
        let sync_interval = config.sync_interval;
        let collector = Collector::new(CollectorParts {
            store: store.clone(),
            n8n: n8n.clone(),
            vault: vault.clone(),
            clock: clock.clone(),
            interval: sync_interval,
            retention: config.execution_retention,
            limits: collection_limits,
        });
        let collection = Arc::new(collector.clone());
        let notes = AuditNotes::new(store.clone(), clock.clone());
        let feed = Arc::new(ChangeFeed::new(store.clone(), clock.clone()));
        let outbox = Outbox(Arc::new(OutboxParts {
            store: store.clone(),
            mailer,
            postbox: postbox.clone(),
            clock: clock.clone(),
            entropy,
            reset_page: config.password_reset_page,
            limits: outbox_limits,
            troubles: Troubles::default(),
        }));
        Ok(Flowmastery {
            sessions: Sessions {
                store: store.clone(),
                open: sessions::remembered(&feed),
                feed: feed.clone(),
                hasher: hasher.clone(),
                issuer: issuer.clone(),
                throttle: throttle.clone(),
                clock: clock.clone(),
                notes: notes.clone(),
            },
            users: Users {
                store: store.clone(),
                feed: feed.clone(),
                hasher: hasher.clone(),
                throttle: throttle.clone(),
                notes: notes.clone(),
                clock: clock.clone(),
            },
            invitations: Invitations {
                store: store.clone(),
                postbox: postbox.clone(),
                hasher: hasher.clone(),
                issuer,
                throttle: throttle.clone(),
                clock: clock.clone(),
                config: config.invitations,
            },
            password_resets: PasswordResets {
                store: store.clone(),
                feed: feed.clone(),
                postbox,
                hasher,
                throttle,
                clock: clock.clone(),
                notes: notes.clone(),
                dropped: Arc::default(),
            },
            clients: Clients {
                store: store.clone(),
                feed: feed.clone(),
                n8n: n8n.clone(),
                vault: vault.clone(),
                collection: collection.clone(),
                outbound: config.outbound,
                clock: clock.clone(),
                sync_interval,
            },
            metrics: Metrics {
                store: store.clone(),
                known: metrics::Known::by(&feed),
                feed: feed.clone(),
                cache: cache.clone(),
                collection: collection.clone(),
                clock: clock.clone(),
                sync_interval,
            },
            audit: Audit {
                store: store.clone(),
                notes,
                clock: clock.clone(),
                retention: config.audit_retention,
            },
            verifications: Verifications { store: store.clone(), n8n, vault, clock },
            imports,
            rewraps,
            health: Health { store, cache, collection, outages: Arc::default() },
            collector,
            feed,
            outbox,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("config", &self.config).finish_non_exhaustive()
    }
}

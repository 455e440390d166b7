//! Builds the parts from the settings: store, keys, cache, mailer, services, API. The only file that names adapters.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use flowmastery_core::{
    Config, Flowmastery,
    cache::{LayeredCache, MemoryCache, RedisCache},
    entropy::OsEntropy,
    error::{Error, Result},
    mail::{SmtpConfig, SmtpMailer, SmtpTls},
    model::outbound::OutboundPolicy,
    store::{
        Store, StoreError,
        sql::{MigrationStatus, PythonSource, SqlConfig, SqlStore},
    },
};
use flowmastery_tower::{Api, Dashboard};
use secrecy::SecretString;

use crate::{
    failure::{Failure, Outcome},
    key_file,
    settings::{Database, DatabaseKind, DatabaseSettings, MailSettings, MailTls, Redis, Settings},
};

/// The secret that signs tokens, and the file that it is from.
pub(crate) struct SigningKey {
    secret: SecretString,
    pub(crate) file: Option<PathBuf>,
}

impl SigningKey {
    /// One for who neither signs nor seals anything.
    pub(crate) fn unused() -> Self {
        Self { secret: "nothing is signed and nothing is sealed".into(), file: None }
    }
}

/// The store, with its schema up to date.
///
/// # Errors
/// When the database is not to be had, or its schema is not up to date and `AUTO_MIGRATE` is off.
pub(crate) async fn connect_migrated(settings: &DatabaseSettings) -> Outcome<SqlStore> {
    let owning = match &settings.migration {
        Some(owner) if settings.auto_migrate => {
            let owning = connect(settings, owner).await?;
            migrate(owner, &owning).await?;
            Some(owning)
        }
        _ => None,
    };
    let store = connect(settings, &settings.database).await?;
    if let Some(owning) = owning {
        admit(settings, &owning, &store).await?;
        owning.close().await;
    } else if settings.auto_migrate && settings.migration.is_none() {
        migrate(&settings.database, &store).await?;
    }
    let status = status_of(&settings.database, &store).await?;
    if let Some(missing) = status.iter().find(|migration| !migration.applied) {
        return Err(lacks(missing, "AUTO_MIGRATE is off"));
    }
    Ok(store)
}

/// The store for who only looks: as it is, and where there is none yet, an empty one in memory.
///
/// # Errors
/// When the database is not to be had, or its schema is an older one.
pub(crate) async fn connect_unchanged(settings: &DatabaseSettings) -> Outcome<SqlStore> {
    let database = &settings.database;
    if database.file().is_none_or(|file| file.exists()) {
        let store = connect(settings, database).await?;
        let status = status_of(database, &store).await?;
        match status.iter().find(|migration| !migration.applied) {
            None => return Ok(store),
            Some(missing) if status.iter().any(|migration| migration.applied) => {
                return Err(lacks(missing, "a dry run changes nothing"));
            }
            Some(_) => store.close().await,
        }
    }
    let failed = |error| Failure::new("There is no memory for an empty database.").because(error);
    let store = SqlStore::connect(&SqlConfig::new("sqlite::memory:")).await.map_err(failed)?;
    store.migrate_up().await.map_err(failed)?;
    Ok(store)
}

async fn status_of(database: &Database, store: &SqlStore) -> Outcome<Vec<MigrationStatus>> {
    store.migration_status().await.map_err(|error| database_failure(database, &error))
}

fn lacks(missing: &MigrationStatus, why: &str) -> Failure {
    let version = missing.version;
    Failure::new(format!(
        "The database lacks migration {version} and {why}: run `flowmastery migrate up` first."
    ))
}

/// The database of a Python FlowMastery.
///
/// # Errors
/// When it is not to be had, or is none.
pub(crate) async fn connect_python(url: &SecretString) -> Outcome<PythonSource> {
    PythonSource::connect(url).await.map_err(|error| {
        let advice = "check --from or PYTHON_DATABASE_URL, and that PostgreSQL is running there";
        Failure::new(format!("The database of the Python FlowMastery cannot be read: {advice}."))
            .because(error)
    })
}

/// The store at one of the databases of the settings, with its schema as it is.
///
/// # Errors
/// When the database is not to be had.
pub(crate) async fn connect(settings: &DatabaseSettings, database: &Database) -> Outcome<SqlStore> {
    let mut config = SqlConfig::new(database.url.clone());
    config.max_connections = settings.max_connections;
    config.statement_timeout = settings.statement_timeout;
    SqlStore::connect(&config).await.map_err(|error| database_failure(database, &error))
}

async fn migrate(database: &Database, store: &SqlStore) -> Outcome {
    let failed = |error| Failure::new("The schema of the database cannot be migrated.").because(error);
    store.migrate_up().await.map_err(|error: StoreError| match error {
        StoreError::Unavailable(_) => database_failure(database, &error),
        error => failed(error),
    })
}

/// Lets the role of `DATABASE_URL` use what the role of `DATABASE_MIGRATION_URL` owns.
///
/// # Errors
/// When the database refuses.
pub(crate) async fn admit(settings: &DatabaseSettings, owning: &SqlStore, store: &SqlStore) -> Outcome {
    owning.admit(store).await.map_err(|error| match error {
        StoreError::Unavailable(_) => database_failure(settings.owner(), &error),
        error => Failure::new(
            "The role of DATABASE_URL cannot be given its rights: DATABASE_MIGRATION_URL has to be the role that owns the tables.",
        )
        .because(error),
    })
}

/// What to say when the database is not to be had.
pub(crate) fn database_failure(database: &Database, error: &StoreError) -> Failure {
    let advice = match &database.kind {
        DatabaseKind::Sqlite(_) => "check that its directory exists and may be written",
        DatabaseKind::Postgres(_) => {
            "check that PostgreSQL is running there, the name and password, and sslmode and sslrootcert where TLS is wanted"
        }
    };
    let Database { kind, setting, .. } = database;
    Failure::new(format!("Database connection failed ({kind}): {advice} ({setting}).")).because(error)
}

/// The secret that signs tokens: the one that is set, else the one of the key file, which is made when there is none.
///
/// # Errors
/// When the key file can be neither read nor made.
pub(crate) fn signing_key(settings: &Settings) -> Outcome<SigningKey> {
    if let Some(secret) = &settings.secrets.secret_key {
        return Ok(SigningKey { secret: secret.clone(), file: None });
    }
    let path = key_file::path_beside(&settings.database.database);
    let secret = key_file::load_or_make(&path, &OsEntropy)?;
    Ok(SigningKey { secret, file: Some(path) })
}

/// The services over a store alone, as commands need them.
///
/// # Errors
/// When a setting that only the library can check is not valid.
pub(crate) fn services_alone(settings: &Settings, key: &SigningKey, store: SqlStore) -> Outcome<Flowmastery> {
    let store: Arc<dyn Store> = Arc::new(store);
    let config = config(settings, key, settings.server.bind).map_err(services_failure)?;
    Flowmastery::builder(config, store).build().map_err(services_failure)
}

/// The services of the server, listening on `address`.
///
/// # Errors
/// When a setting that only the library can check is not valid.
pub(crate) async fn services(
    settings: &Settings,
    key: &SigningKey,
    store: SqlStore,
    address: SocketAddr,
) -> Outcome<Flowmastery> {
    let store: Arc<dyn Store> = Arc::new(store);
    let config = config(settings, key, address).map_err(services_failure)?;
    let mut builder = Flowmastery::builder(config, store);
    if let Some(redis) = &settings.database.redis {
        builder = builder.cache(Arc::new(cache(redis).await?));
    }
    if let Some(mail) = &settings.mail {
        builder = builder.mailer(Arc::new(mailer(mail, settings.outbound.extra_ca_pem.clone())?));
    }
    builder.build().map_err(services_failure)
}

/// The API over the services, listening on `address`.
///
/// # Errors
/// When the API cannot be assembled.
pub(crate) fn api(settings: &Settings, app: &Flowmastery, address: SocketAddr) -> Outcome<Api> {
    let mut api = Api::builder(app.clone()).docs(settings.docs).base_path(settings.links.base_path());
    // Where nobody said how browsers come, and it is not for development, it may be over TLS: cookies are for that alone then.
    if settings.debug || settings.links.is_public_url_set() {
        api = api.public_url(settings.links.public_url(address));
    }
    if let Some(dashboard) = &settings.dashboard {
        api = api.dashboard(dashboard.clone());
    }
    api.trusted_proxy_hops(settings.server.trusted_proxy_hops).build().map_err(services_failure)
}

fn config(settings: &Settings, key: &SigningKey, address: SocketAddr) -> Result<Config> {
    let pages = settings.dashboard.as_ref().map(Dashboard::path).unwrap_or_default();
    let mut config = Config::new(key.secret.clone(), &settings.links.front_end(address, pages));
    // The settings say when one may be short.
    config.allow_short_secret_key = settings.debug;
    config.previous_secret_keys = settings.secrets.previous.iter().cloned().collect();
    config.encryption_keys = settings.secrets.encryption_keys.with(&key.secret)?;
    config.lifetimes = settings.tokens;
    config.sync_interval = settings.collection.sync_interval;
    config.execution_retention = settings.collection.execution_retention;
    config.audit_retention = settings.audit_retention;
    config.outbound = match settings.debug {
        true => OutboundPolicy::development(),
        false => settings.outbound.policy.clone(),
    };
    config.extra_ca_pem = settings.outbound.extra_ca_pem.clone();
    config.invitations.always_show_link = settings.debug;
    Ok(config)
}

/// The cache that hosts share, behind one in this process; one that is away is said and does without.
async fn cache(redis: &Redis) -> Outcome<LayeredCache> {
    let shared = RedisCache::new(&redis.url)
        .map_err(|error| Failure::new("REDIS_URL is not valid.").because(error))?;
    if let Err(error) = shared.connect().await {
        tracing::warn!(
            redis = redis.place,
            cause = error.to_string(),
            "Redis connection failed (REDIS_URL): check that Redis is running there; going on without the shared cache"
        );
    }
    Ok(LayeredCache::new(MemoryCache::default(), shared))
}

fn mailer(mail: &MailSettings, extra_ca_pem: Option<Vec<u8>>) -> Outcome<SmtpMailer> {
    let tls = match mail.tls {
        MailTls::StartTls => SmtpTls::StartTls,
        MailTls::Tls => SmtpTls::Tls,
        MailTls::None => SmtpTls::None,
    };
    let mut config = SmtpConfig::new(&mail.host, mail.port, tls, &mail.from);
    config.credentials = mail.credentials.clone();
    config.extra_ca_pem = extra_ca_pem;
    SmtpMailer::new(&config).map_err(|error| {
        Failure::new("The mail server cannot be used (SMTP_HOST, FROM_EMAIL).").because(error)
    })
}

fn services_failure(error: Error) -> Failure {
    Failure::new("The services cannot be started.").because(error)
}

//! `serve`: starts the parts, says what was started, serves until a signal comes, and ends in order.
//!
//! The first SIGTERM or SIGINT ends it: no new connections, requests finish, the collector stops between two pages and mails that
//! are being sent go out, in ten seconds at most. The second one ends the process at once.

use std::{
    fs::{self, File, TryLockError},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use flowmastery_core::Flowmastery;
use poem::{Endpoint, listener::TcpAcceptor};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::ServeArgs,
    failure::{Failure, Outcome},
    logs,
    settings::{Database, Settings, Vars},
    web,
    wiring::{self, SigningKey},
};

/// The longest that requests and collections may take to end.
const PATIENCE: Duration = Duration::from_secs(10);
/// After so long without a byte a connection is closed.
const IDLE: Duration = Duration::from_secs(75);
/// The exit code of a process that a second signal ended: 128 and SIGINT.
const INTERRUPTED: i32 = 130;

/// Runs the server.
///
/// # Errors
/// When a setting is not valid or the log cannot be started; what goes wrong later is logged and in the exit code.
pub(crate) async fn run(mut vars: Vars, args: ServeArgs) -> Outcome<ExitCode> {
    if let Some(bind) = args.bind {
        vars.set("BIND", bind);
    }
    let settings = Settings::read(&vars).map_err(|faults| Failure::new(faults.to_string()))?;
    let logs = logs::start_server(&settings.logs)?;
    let unknown = vars.unknown().collect::<Vec<_>>();
    if !unknown.is_empty() {
        tracing::warn!(names = unknown.join(", "), ".env has names that are no settings of FlowMastery");
    }
    let served = serve(&settings).await;
    if let Err(failure) = &served {
        failure.log();
    }
    drop(logs);
    Ok(if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn serve(settings: &Settings) -> Outcome {
    let _only = lock(&settings.database.database)?;
    let store = wiring::connect_migrated(&settings.database).await?;
    let key = wiring::signing_key(settings)?;
    let (listener, address) = bind(settings.server.bind).await?;
    let app = wiring::services(settings, &key, store.clone(), address).await?;
    let api = wiring::api(settings, &app, address)?;
    let stop = stop_on_signals()?;
    say_start(settings, &key, address);
    say_first_steps(settings, &app).await;
    let served = until_stopped((listener, web::endpoint(api, settings)), &app, stop).await;
    store.close().await;
    served?;
    tracing::info!("stopped");
    Ok(())
}

/// Answers and collects until it is told to stop, and ends in order.
///
/// # Errors
/// When nothing can be answered any more.
pub(crate) async fn until_stopped(
    (listener, endpoint): (TcpAcceptor, impl Endpoint + 'static),
    app: &Flowmastery,
    stop: CancellationToken,
) -> Outcome {
    let server = poem::Server::new_with_acceptor(listener).idle_timeout(IDLE).run_with_graceful_shutdown(
        endpoint,
        stop.clone().cancelled_owned(),
        Some(PATIENCE),
    );
    let work = app.start();
    // Both end at once, and only then is there nothing more to be noted.
    let (served, ()) = tokio::join!(server, async {
        stop.cancelled().await;
        work.stop(PATIENCE).await;
    });
    if tokio::time::timeout(PATIENCE, app.settle()).await.is_err() {
        tracing::warn!("the audit log may lack the last attempts that were refused");
    }
    served.map_err(|error| Failure::new("The server failed.").because(error))
}

/// Where requests come in.
///
/// # Errors
/// When nothing can listen there.
pub(crate) async fn bind(address: SocketAddr) -> Outcome<(TcpAcceptor, SocketAddr)> {
    let failed = |error| {
        let advice =
            "another program may be there already; choose another address and port by --bind or BIND";
        Failure::new(format!("Nothing can listen on {address}: {advice}.")).because(error)
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((TcpAcceptor::from_tokio(listener).map_err(failed)?, address))
}

/// Keeps a second server off a SQLite file, since each would collect everything and none see what the other cached.
fn lock(database: &Database) -> Outcome<Option<File>> {
    let Some(file) = database.file() else { return Ok(None) };
    let mut path = real_path(file).into_os_string();
    path.push("-serve.lock");
    let path = PathBuf::from(path);
    let failed = |error| {
        let path = path.display();
        let advice = "check that the directory exists and may be written (DATABASE_URL)";
        Failure::new(format!("The lock {path} of the database cannot be taken: {advice}.")).because(error)
    };
    let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "Another flowmastery serves {} already (it holds {}): stop it first, give this one another DATABASE_URL, or use \
             PostgreSQL, which several servers may share.",
            file.display(),
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The same file has one lock, whichever way leads to it; it may not be there yet.
fn real_path(file: &Path) -> PathBuf {
    let in_real_directory = || {
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(fs::canonicalize(parent).ok()?.join(file.file_name()?))
    };
    fs::canonicalize(file).ok().or_else(in_real_directory).unwrap_or_else(|| file.to_owned())
}

/// What the first signal cancels; the second ends the process.
///
/// # Errors
/// When signals cannot be listened for.
pub(crate) fn stop_on_signals() -> Outcome<CancellationToken> {
    let stop = CancellationToken::new();
    let (mut signals, cancelled) = (Signals::new()?, stop.clone());
    tokio::spawn(async move {
        let name = signals.next().await;
        tracing::info!(
            signal = name,
            "stopping: requests finish, ten seconds at most; a second signal ends at once"
        );
        cancelled.cancel();
        signals.next().await;
        std::process::exit(INTERRUPTED);
    });
    Ok(stop)
}

/// SIGTERM and SIGINT, or what the platform has of them.
struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::new("Signals cannot be listened for.").because(error))
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn new() -> Outcome<Self> {
        Ok(Self {})
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}

fn say_start(settings: &Settings, key: &SigningKey, address: SocketAddr) {
    let url = settings.links.public_url(address);
    let docs = if settings.docs { format!("{url}/docs") } else { "off (DOCS)".to_owned() };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        docs,
        debug = settings.debug,
        database = %settings.database.database.kind,
        "FlowMastery {} listens on http://{address}", env!("CARGO_PKG_VERSION")
    );
    if let Some(dashboard) = &settings.dashboard {
        tracing::info!("The dashboard is at {}{}", url.trim_end_matches('/'), dashboard.path());
    }
    tracing::info!("DEBUG is {}: {}", settings.debug, settings.debug_reason());
    if let Some(file) = &key.file {
        let file = file.display();
        tracing::info!(
            "SECRET_KEY is unset: the key is in {file}; keep it with your back-ups, for without it stored n8n keys cannot be opened"
        );
    }
    if settings.debug && settings.secrets.is_weak() {
        tracing::warn!(
            "SECRET_KEY is short or a sample: anybody can sign in as anybody; choose another before others can reach this"
        );
    }
    if settings.debug && !address.ip().is_loopback() {
        tracing::warn!("DEBUG is on and BIND is not loopback: set DEBUG=false where others can reach this");
    }
    if settings.mail.is_none() {
        tracing::info!(
            "E-mail is not configured (SMTP_HOST): invitations are not mailed, and their makers get the link to pass on; password \
             resets are not sent"
        );
    }
}

async fn say_first_steps(settings: &Settings, app: &Flowmastery) {
    match app.users().has_admin().await {
        Ok(true) => {}
        Ok(false) => tracing::warn!(
            "There is no admin yet: make one with `flowmastery create-admin` (`cargo run --release -- create-admin`)"
        ),
        Err(error) => tracing::warn!(
            error = %error, database = %settings.database.database.kind, "whether there is an admin cannot be told"
        ),
    }
}

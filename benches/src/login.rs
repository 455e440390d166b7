//! Signing in: whole sign-ins, with their sessions stored, against bare argon2 with the same parameters on as many threads.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version, password_hash::phc::PasswordHash};
use flowmastery_core::{
    Config, Flowmastery,
    access::password::{HashCost, PasswordHasher},
    entropy::OsEntropy,
    model::{email::Email, password::Password},
    request::RequestOrigin,
    store::sql::SqlStore,
};
use secrecy::ExposeSecret;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinSet,
};

use crate::{
    Fallible,
    measure::Pairs,
    program::SECRET,
    report::{Report, Row},
    tenants::{ADMIN, PASSWORD},
};

/// Callers for each thread that checks passwords, so that the next password is there when one is done.
const CALLERS: usize = 4;

/// The row `login`.
///
/// # Errors
/// When a sign-in is refused.
pub fn run(report: &mut Report) -> Fallible<()> {
    let threads = PasswordHasher::at_once();
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let directory = tempfile::tempdir()?;
    let flowmastery = runtime.block_on(host(&format!("sqlite://{}/store.db", directory.path().display())))?;
    let stored = runtime.block_on(stored_hash())?;
    let each = report.effort.pick(16, 32);
    let logins = each * threads;
    let pairs = Pairs::measure(
        Duration::from_secs(report.effort.pick(8, 30)),
        || bare(&stored, threads, each),
        || sign_in(&runtime, &flowmastery, (logins, threads * CALLERS)),
    )?;
    report.note(format!(
        "login: {logins} sign-ins of an account by {} callers at once, each verifies its password and stores a session in SQLite on the disk; bare: {each} \
         verifications on {threads} of {} cores; argon2id, 19 MiB, 2 passes; {} pairs after one of warm-up; quartiles {:.2} to {:.2}",
        threads * CALLERS,
        thread::available_parallelism()?,
        pairs.rounds,
        pairs.quartiles.0,
        pairs.quartiles.1,
    ));
    report.row(Row::rate("login", (logins as f64, "logins/s"), &pairs, 0.95));
    Ok(())
}

async fn host(url: &str) -> Fallible<Flowmastery> {
    let store = Arc::new(SqlStore::open(url).await?);
    let flowmastery =
        Flowmastery::builder(Config::new(SECRET.into(), "https://agency.example"), store).build()?;
    let email = Email::parse(ADMIN).map_err(|fault| fault.message)?;
    flowmastery.users().create_admin(email, &password()?).await?;
    Ok(flowmastery)
}

fn password() -> Fallible<Password> {
    Ok(Password::choose(PASSWORD.into()).map_err(|fault| fault.message)?)
}

/// What a sign-in verifies the password against.
async fn stored_hash() -> Fallible<String> {
    let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
    Ok(hasher.hash(&password()?).await?.expose_secret().to_owned())
}

/// So many verifications on each thread and nothing else.
fn bare(stored: &str, threads: usize, each: usize) -> Fallible<Duration> {
    let hash = PasswordHash::new(stored)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::try_from(&hash)?);
    let verify = || (0..each).all(|_| argon2.verify_password(PASSWORD.as_bytes(), &hash).is_ok());
    let begun = Instant::now();
    let verified = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(verify)).collect();
        threads.into_iter().all(|thread| thread.join().is_ok_and(|verified| verified))
    });
    if verified { Ok(begun.elapsed()) } else { Err("the password is not verified".into()) }
}

/// So many sign-ins, by so many callers at once.
fn sign_in(runtime: &Runtime, host: &Flowmastery, (logins, callers): (usize, usize)) -> Fallible<Duration> {
    runtime.block_on(async {
        let begun = Instant::now();
        let mut tasks = JoinSet::new();
        for caller in 0..callers {
            let sessions = host.sessions().clone();
            tasks.spawn(async move {
                for _ in (caller..logins).step_by(callers) {
                    sessions.sign_in(ADMIN, &PASSWORD.into(), RequestOrigin::default()).await?;
                }
                Ok::<_, flowmastery_core::error::Error>(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(begun.elapsed())
    })
}

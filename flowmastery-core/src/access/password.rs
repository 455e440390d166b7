//! Hashing and verifying passwords: argon2id for new ones, bcrypt for those that come from the Python FlowMastery.
//!
//! A computation takes tens of milliseconds and 19 MiB, so it is done on threads that yield to all others, and one core is left without any; 64 callers
//! may wait for their turn, and whoever comes then is told to come back. So a flood of sign-ins takes what requests leave over. What fails costs the same time whatever there is to verify against:
//! while any account still has a bcrypt hash, every failure pays both kinds, so that neither accounts nor those of a kind can be told. All that a Python
//! FlowMastery made are of one cost; where there are several, the time of each is its own.

#[cfg(test)]
mod tests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use argon2::{Algorithm, Argon2, Params, Version};
use password_hash::{
    PasswordHasher as _, PasswordVerifier as _,
    phc::{Output, ParamsString, PasswordHash, Salt},
};
use secrecy::{ExposeSecret, SecretString};
use thread_priority::ThreadPriority;
#[cfg(not(target_os = "linux"))]
use thread_priority::set_current_thread_priority;
#[cfg(target_os = "linux")]
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::sync::{Semaphore, oneshot};
use zeroize::Zeroizing;

use crate::{
    entropy::{Entropy, random},
    error::{Error, Kind, Result},
    model::password::Password,
};

/// Callers that may wait for a core.
const WAITING: usize = 64;

/// How much work a hash is.
#[derive(Clone, Debug)]
pub struct HashCost(Params);

impl HashCost {
    /// What OWASP recommends for argon2id: 19 MiB, two passes, one lane.
    pub const OWASP: Self = Self(Params::DEFAULT);

    /// As little as argon2 allows, for tests that hash by the way.
    #[cfg(any(test, feature = "testing"))]
    pub const FOR_TESTS: Self = match Params::new(Params::MIN_M_COST, 1, 1, None) {
        Ok(params) => Self(params),
        Err(_) => Self::OWASP,
    };
}

/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// It is the password.
    Match,
    /// It is the password, but the stored hash is bcrypt or of another cost: hash it anew.
    MatchNeedsRehash,
    /// It is not the password.
    Mismatch,
}

/// Hashes and verifies passwords.
#[derive(Clone, Debug)]
pub struct PasswordHasher {
    entropy: Arc<dyn Entropy>,
    cost: HashCost,
    /// One for each computation that runs or waits.
    places: Arc<Semaphore>,
    /// One for each that runs.
    cores: Arc<Semaphore>,
    workers: Arc<Workers>,
}

/// Something to compute.
type Job = Box<dyn FnOnce() + Send>;

/// The threads that compute, from the first computation on until the last hasher is gone. To make one for each would have whoever asks wait until
/// the system has taken back the memory of the last one.
#[derive(Debug, Default)]
struct Workers(Mutex<Option<mpsc::Sender<Job>>>);

impl Workers {
    /// Has something computed by the next thread that is free.
    fn give(&self, job: Job) -> Result<()> {
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.is_none() {
            *jobs = Some(Self::start()?);
        }
        let given = jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if given { Ok(()) } else { Err(Error::internal("the threads that check passwords are gone")) }
    }

    fn start() -> Result<mpsc::Sender<Job>> {
        let (sender, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(Mutex::new(receiver));
        for _ in 0..PasswordHasher::at_once() {
            let receiver = Arc::clone(&receiver);
            let work = move || {
                yield_to_others();
                let next = || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
                while let Some(job) = next() {
                    // Whoever waits for one that panics hears that nobody answers.
                    let _ = catch_unwind(AssertUnwindSafe(job));
                }
            };
            thread::Builder::new().name("password".to_owned()).spawn(work).map_err(Error::internal)?;
        }
        Ok(sender)
    }
}

impl PasswordHasher {
    /// How many computations run at once: one for each core but one. With all of two cores busy the slowest requests take twice as long, however low the
    /// threads' priority is. Where there is only one core, it is one.
    pub fn at_once() -> usize {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        cores.saturating_sub(1).max(1)
    }

    /// A hasher that makes hashes of this cost, with salts from `entropy`. Clones share the cores.
    pub fn new(entropy: Arc<dyn Entropy>, cost: HashCost) -> Self {
        let cores = Self::at_once();
        let places = Arc::new(Semaphore::new(cores + WAITING));
        Self { entropy, cost, places, cores: Arc::new(Semaphore::new(cores)), workers: Arc::default() }
    }

    /// The hash to store: an argon2id PHC string with its cost and a new salt.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when too many are waiting, with when to try again; as [`Entropy::fill`].
    pub async fn hash(&self, password: &Password) -> Result<SecretString> {
        let salt = random::<16>(self.entropy.as_ref())?;
        let (password, cost) = (password.secret().clone(), self.cost.clone());
        self.run(move || {
            let hash = argon2id(&cost).hash_password_with_salt(password.expose_secret().as_bytes(), &salt);
            hash.map(|hash| hash.to_string().into()).map_err(Error::internal)
        })
        .await
    }

    /// Whether a password is the one that was stored as argon2 PHC string or as bcrypt `$2a$`, `$2b$`, `$2y$`. One that is longer than any
    /// password may be is not, and is not hashed either.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when too many are waiting, with when to try again; [`Kind::Internal`] when what is stored is no hash.
    pub async fn verify(&self, password: &SecretString, stored: &SecretString) -> Result<Verification> {
        self.verify_evenly(password, Some(stored), None).await
    }

    /// The same where nobody is to learn from the time of a failure whether there is a stored hash, and of which kind: it costs what argon2 does,
    /// and what bcrypt does like the one that is given as `imported`, where any account has such a hash.
    ///
    /// # Errors
    /// As [`PasswordHasher::verify`].
    pub async fn verify_evenly(
        &self,
        password: &SecretString,
        stored: Option<&SecretString>,
        imported: Option<&SecretString>,
    ) -> Result<Verification> {
        let too_long = password.expose_secret().chars().count() > Password::MAX_CHARS;
        let password = if too_long { SecretString::default() } else { password.clone() };
        let (stored, cost) = (stored.cloned(), self.cost.clone());
        let imported = imported.map(nobodys_bcrypt);
        self.run(move || {
            let stored = stored.as_ref().map(ExposeSecret::expose_secret);
            let is_bcrypt = stored.is_some_and(|stored| stored.starts_with("$2"));
            let found = match stored {
                Some(bcrypt) if is_bcrypt => verify_bcrypt(&password, bcrypt)?,
                Some(phc) => {
                    verify_argon2(&password, &PasswordHash::new(phc).map_err(Error::internal)?, &cost)?
                }
                None => verify_argon2(&password, &nobodys_hash(&cost)?, &cost)?,
            };
            if found != Verification::Mismatch && !too_long {
                return Ok(found);
            }
            match imported {
                Some(_) if is_bcrypt => verify_argon2(&password, &nobodys_hash(&cost)?, &cost)?,
                Some(bcrypt) => verify_bcrypt(&password, &bcrypt)?,
                None => Verification::Mismatch,
            };
            Ok(Verification::Mismatch)
        })
        .await
    }

    /// Runs a computation when it is its turn. A caller that goes away while it runs does not free the core early.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Error::new(Kind::Unavailable, "Too many passwords are being checked; try again in a moment.")
                .with_retry_after(Duration::from_secs(1))
        })?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(Error::internal)?;
        let (answer, answered) = oneshot::channel();
        self.workers.give(Box::new(move || {
            let done = work();
            drop((place, core));
            // Nobody listens any more where the caller went away.
            let _ = answer.send(done);
        }))?;
        answered.await.map_err(Error::internal)?
    }
}

/// Gives this thread the lowest priority: others go first, but it comes on also where they never pause.
///
/// On Linux it is in the class of idle work, for others interrupt that at once; a niceness of 19 is let run until its slice is over.
fn yield_to_others() {
    // Where the system does not let it, passwords are checked all the same.
    #[cfg(target_os = "linux")]
    let _ = set_thread_priority_and_policy(
        thread_native_id(),
        ThreadPriority::Min,
        ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle),
    );
    #[cfg(not(target_os = "linux"))]
    let _ = set_current_thread_priority(ThreadPriority::Min);
}

fn argon2id(cost: &HashCost) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.0.clone())
}

/// A hash of this cost that no password has.
fn nobodys_hash(cost: &HashCost) -> Result<PasswordHash> {
    let parts = || {
        Ok(PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&cost.0)?,
            salt: Some(Salt::new(&[0; 16])?),
            hash: Some(Output::new(&[0; Params::DEFAULT_OUTPUT_LEN])?),
        })
    };
    parts().map_err(|error: password_hash::Error| Error::internal(error))
}

/// A bcrypt hash of the cost of this one that no password is known for.
fn nobodys_bcrypt(like: &SecretString) -> String {
    let (version_and_cost, salt_and_hash) =
        (like.expose_secret().get(..7).unwrap_or_default(), ".".repeat(53));
    format!("{version_and_cost}{salt_and_hash}")
}

fn verify_argon2(password: &SecretString, stored: &PasswordHash, cost: &HashCost) -> Result<Verification> {
    match argon2id(cost).verify_password(password.expose_secret().as_bytes(), stored) {
        Ok(()) if is_current(stored, cost) => Ok(Verification::Match),
        Ok(()) => Ok(Verification::MatchNeedsRehash),
        Err(password_hash::Error::PasswordInvalid) => Ok(Verification::Mismatch),
        Err(error) => Err(Error::internal(error)),
    }
}

fn is_current(stored: &PasswordHash, cost: &HashCost) -> bool {
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    stored.algorithm == Algorithm::Argon2id.ident()
        && stored.version == Some(Version::V0x13.into())
        && Params::try_from(stored).is_ok_and(|params| costs(&params) == costs(&cost.0))
}

/// The Python FlowMastery escaped what came over HTTP as for HTML before it hashed it, but not what came from its command line.
fn verify_bcrypt(password: &SecretString, stored: &str) -> Result<Verification> {
    let given = password.expose_secret();
    let escaped = Zeroizing::new(escape_html(given));
    let matches = |form: &str| bcrypt::verify(form, stored).map_err(Error::internal);
    let found = matches(given)? || (escaped.as_str() != given && matches(&escaped)?);
    Ok(if found { Verification::MatchNeedsRehash } else { Verification::Mismatch })
}

/// As `html.escape` of Python does; `&` comes first, or it would escape the entities.
fn escape_html(text: &str) -> String {
    let entities = [("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#x27;")];
    entities.into_iter().fold(text.to_owned(), |text, (character, entity)| {
        let text = Zeroizing::new(text);
        text.replace(character, entity)
    })
}

//! Throttles on what can be guessed or flooded: sign-ins, refreshes, invitations, password resets, and the password of who is signed in.
//!
//! What failed counts for five minutes: 10 of one account from one network, 100 from one network, and 100 of one account from everywhere. The
//! last one never holds up a network from which the account was signed in to within 30 days, so that failing on purpose keeps nobody
//! out. An account is whatever was given as one, so that accounts which do not exist look no different.
//!
//! Where a host does not say where requests come from, only the limit of an account holds: a limit of all callers together would let any of
//! them keep the others out.

use std::{fmt, sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{
    cache::{Attempt, Cache, Limit, Room},
    clock::Clock,
    entropy::{Entropy, random},
    error::{Error, Kind, Result},
    model::{
        email::Email,
        session::{NETWORK_KNOWN, TokenHash},
    },
    request::{Network, RequestOrigin},
    secret::Vault,
    store::Store,
};

/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Failures of one account from one network.
const FROM_ONE_NETWORK: u32 = 10;
/// Failures from one network, whatever was tried.
const OF_NETWORK: u32 = 100;
/// Failures of one account from everywhere.
const OF_ACCOUNT: u32 = 100;
/// The longest that an attempt waits for how those before it end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many may wait at once; one more comes again in a second, so that a flood does not pile up here.
const WAITING: usize = 1024;
/// The first of its waits, each of which is twice as long as the one before, and the longest.
const WAITS: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(160));

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tried<'t> {
    /// To sign in with this address, as it was given.
    SignIn(&'t str),
    /// To have a link mailed to this address. Each request counts.
    RequestReset(&'t Email),
    /// To set a password by this link.
    ConfirmReset(&'t TokenHash),
    /// To change the password of this user, who is signed in, for which the current one has to be given.
    ChangePassword(&'t Email),
    /// To accept this invitation.
    Accept(&'t TokenHash),
    /// To spend this refresh token.
    Refresh(&'t TokenHash),
}

impl Tried<'_> {
    fn action(self) -> &'static str {
        match self {
            Self::SignIn(_) => "sign-in",
            Self::RequestReset(_) => "request-reset",
            Self::ConfirmReset(_) => "confirm-reset",
            Self::ChangePassword(_) => "change-password",
            Self::Accept(_) => "accept",
            Self::Refresh(_) => "refresh",
        }
    }

    /// Whether it is about a password or a mailbox, which can be tried from many addresses; a token cannot be guessed.
    fn names_account(self) -> bool {
        matches!(self, Self::SignIn(_) | Self::RequestReset(_) | Self::ChangePassword(_))
    }

    /// The address of the account that it names, if it is one.
    fn email(self) -> Option<Email> {
        match self {
            Self::SignIn(text) => Email::parse(text).ok(),
            Self::RequestReset(email) | Self::ChangePassword(email) => Some(email.clone()),
            Self::ConfirmReset(_) | Self::Accept(_) | Self::Refresh(_) => None,
        }
    }

    /// What failures are counted of.
    fn account(self) -> String {
        match self {
            Self::SignIn(text) => self.email().map_or_else(|| text.to_owned(), |email| email.to_string()),
            Self::RequestReset(email) | Self::ChangePassword(email) => email.to_string(),
            Self::ConfirmReset(token) | Self::Accept(token) | Self::Refresh(token) => {
                token.as_str().to_owned()
            }
        }
    }

    /// Whether this is to count.
    fn counts<T>(self, outcome: &Result<T>) -> bool {
        let kind = outcome.as_ref().err().map(Error::kind);
        match self {
            Self::RequestReset(_) => true,
            Self::ChangePassword(_) => kind == Some(Kind::Invalid),
            _ => matches!(kind, Some(Kind::Unauthenticated | Kind::NotFound | Kind::Gone)),
        }
    }
}

/// Holds up whoever fails too often.
#[derive(Clone)]
pub(crate) struct Throttle {
    store: Arc<dyn Store>,
    cache: Arc<dyn Cache>,
    vault: Vault,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    waiting: Arc<Semaphore>,
}

impl Throttle {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        cache: Arc<dyn Cache>,
        vault: Vault,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self { store, cache, vault, clock, entropy, waiting: Arc::new(Semaphore::new(WAITING)) }
    }

    /// Makes an attempt, if there is room for it, and counts it if it failed.
    ///
    /// # Errors
    /// [`Kind::TooMany`] with when to come again, before anything of it was done; else its own.
    pub(crate) async fn attempt<T>(
        &self,
        tried: Tried<'_>,
        origin: RequestOrigin,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limits = self.limits(tried, origin.network())?;
        if limits.is_empty() {
            return work.await;
        }
        let attempt = self.begin(tried, origin.network(), limits).await?;
        let outcome = work.await;
        self.cache.end_attempt(&attempt, tried.counts(&outcome)).await;
        outcome
    }

    /// Notes an attempt once there is room for it. Where that depends on how others end which are under way, it waits for them: those that
    /// succeed must not hold up anybody.
    async fn begin(&self, tried: Tried<'_>, network: Option<Network>, limits: Vec<Limit>) -> Result<Attempt> {
        let id = u128::from_be_bytes(random(self.entropy.as_ref())?);
        let mut attempt = Attempt { id, at: self.clock.now(), window: WINDOW, limits };
        let (mut wait, mut waited, mut asked) = (WAITS.0, Duration::ZERO, false);
        let mut place = None;
        loop {
            attempt.at = self.clock.now();
            let rooms = self.cache.begin_attempt(&attempt).await;
            if rooms.iter().all(|room| *room == Room::Free) {
                return Ok(attempt);
            }
            // Asked once: it costs a look into the database.
            if rooms.last() != Some(&Room::Free)
                && !std::mem::replace(&mut asked, true)
                && self.may_pass(tried, network, &rooms).await?
            {
                attempt.limits.pop();
                continue;
            }
            let longest = rooms.iter().filter_map(|room| match room {
                Room::In(span) => Some(*span),
                Room::Free | Room::Soon => None,
            });
            match longest.max() {
                Some(longest) => return Err(too_many(longest)),
                None if waited >= PATIENCE => return Err(too_many(Duration::from_secs(1))),
                None => {
                    if place.is_none() {
                        let taken = self.waiting.try_acquire();
                        place = Some(taken.map_err(|_| too_many(Duration::from_secs(1)))?);
                    }
                    tokio::time::sleep(wait).await;
                    waited += wait;
                    wait = WAITS.1.min(wait * 2);
                }
            }
        }
    }

    /// Whether nothing but the limit of the account, which is the last one, is against an attempt from where the account is signed in to.
    async fn may_pass(&self, tried: Tried<'_>, network: Option<Network>, rooms: &[Room]) -> Result<bool> {
        let (Some(email), Some(network), [others @ .., Room::In(_) | Room::Soon]) =
            (tried.email(), network, rooms)
        else {
            return Ok(false);
        };
        let known = others.len() == 2 && !others.iter().any(|room| matches!(room, Room::In(_)));
        Ok(known && self.store.knows_network(&email, network, self.clock.now().minus(NETWORK_KNOWN)).await?)
    }

    fn limits(&self, tried: Tried<'_>, network: Option<Network>) -> Result<Vec<Limit>> {
        let account = tried.account();
        let mut limits = Vec::with_capacity(3);
        if let Some(network) = network {
            limits.push(self.limit(tried, &format!("{network} {account}"), FROM_ONE_NETWORK)?);
            limits.push(self.limit(tried, &network.to_string(), OF_NETWORK)?);
        }
        if tried.names_account() {
            limits.push(self.limit(tried, &format!("everywhere {account}"), OF_ACCOUNT)?);
        }
        Ok(limits)
    }

    /// A limit whose key tells nobody what it is of.
    fn limit(&self, tried: Tried<'_>, of: &str, most: u32) -> Result<Limit> {
        let digest = self.vault.digest("throttle", &format!("{} {of}", tried.action()))?;
        Ok(Limit { key: format!("throttle:{digest}"), most })
    }
}

fn too_many(again: Duration) -> Error {
    Error::new(Kind::TooMany, "Too many attempts; wait before the next one.").with_retry_after(again)
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle").field("cache", &self.cache).finish_non_exhaustive()
    }
}

//! The application's own sessions: a random name in a browser's cookie, and who is behind it in memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::http::HeaderMap;
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use flowmastery_core::{
    entropy::{OsEntropy, random},
    error::Result,
    model::email::Email,
};

const COOKIE: &str = "member_session";
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// Who is signed in.
#[derive(Debug)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    /// Whether browsers come over TLS.
    secure: bool,
}

#[derive(Debug)]
struct Session {
    stands_for: Email,
    until: Instant,
}

impl Sessions {
    pub(crate) fn new(secure: bool) -> Self {
        Self { open: Mutex::default(), secure }
    }

    /// Opens a session for somebody; the answer takes its cookie along.
    pub(crate) fn open(&self, stands_for: Email) -> Result<CookieJar> {
        let name = format!("{:032x}", u128::from_be_bytes(random(&OsEntropy)?));
        let now = Instant::now();
        let mut open = self.lock();
        open.retain(|_, session| session.until > now);
        open.insert(name.clone(), Session { stands_for, until: now + LIFETIME });
        Ok(CookieJar::new().add(self.cookie(name)))
    }

    /// Closes the session of a request.
    pub(crate) fn close(&self, mut cookies: CookieJar) -> CookieJar {
        if let Some(cookie) = cookies.get(COOKIE) {
            self.lock().remove(cookie.value());
            cookies = cookies.remove(self.cookie(String::new()));
        }
        cookies
    }

    /// Whom the session of a request stands for.
    pub(crate) fn find(&self, headers: &HeaderMap) -> Option<Email> {
        let cookies = CookieJar::from_headers(headers);
        let open = self.lock();
        let session = open.get(cookies.get(COOKIE)?.value())?;
        (session.until > Instant::now()).then(|| session.stands_for.clone())
    }

    /// No script reads it, and few requests that other sites' pages make have it; those are refused elsewhere.
    fn cookie(&self, name: String) -> Cookie<'static> {
        let cookie = Cookie::build((COOKIE, name)).path("/").http_only(true);
        cookie.secure(self.secure).same_site(SameSite::Lax).build()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One simulated server: its address, its state, and what it does with a request before it answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmastery_core::model::{client::Instance, instance::InstanceUrl};

use crate::{
    answer::{self, Answer, Asked},
    fault::Fault,
    quirks::Dialect,
    state::State,
};

/// The key that opens a new server.
pub(crate) const KEY: &str = "n8n_api_test_key";

/// One simulated server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct SimulatedN8n {
    url: InstanceUrl,
    state: Arc<Mutex<State>>,
}

/// What goes back to whoever asked.
#[derive(Debug)]
pub(crate) enum Reply {
    Answer(Answer),
    /// JSON that never ends.
    Endless,
    /// Nothing: the connection is closed.
    Closed,
}

impl SimulatedN8n {
    #[expect(clippy::expect_used, reason = "addresses are made here, from a host and a number")]
    pub(crate) fn new(base: &str, dialect: Dialect) -> Self {
        let url = InstanceUrl::parse(base).expect("a base address");
        Self { url, state: Arc::new(Mutex::new(State::new(dialect, KEY))) }
    }

    /// The address of its public API, as people paste it.
    pub fn url(&self) -> String {
        format!("{}{}", self.url, answer::API)
    }

    /// Its base address, as it is kept.
    pub fn base_url(&self) -> &InstanceUrl {
        &self.url
    }

    /// The key that it accepts.
    pub fn key(&self) -> String {
        self.state().key.clone()
    }

    /// Address and key, as a client of it has them.
    pub fn instance(&self) -> Instance {
        Instance { url: self.url.clone(), key: self.key().into() }
    }

    /// Its rows, faults and logs, to look at and to change. Answers wait while the guard is held, and
    /// so does whoever calls this again in the same statement: for ever.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Meets a request with the fault of the hour or the proper answer. The hook runs last before it, so that it finds the state that
    /// the answer is made from.
    pub(crate) async fn meet(&self, asked: &Asked<'_>) -> Reply {
        let _in_flight = InFlight::new(self);
        let target = asked.target();
        let fault = self.state().take_fault(target.clone());
        if let Fault::Slow(wait) = fault {
            tokio::time::sleep(wait).await;
        }
        let mut state = self.state();
        state.run_hook(&target);
        Reply::Answer(match fault {
            Fault::None | Fault::Slow(_) => answer::answer(&state, asked),
            Fault::Unauthorized => Answer::unauthorized(state.dialect),
            Fault::Forbidden => Answer::refusal(403, "Forbidden"),
            Fault::Status500 => Answer::refusal(500, "Internal Server Error"),
            Fault::Status503 => Answer::refusal(503, "Database is not ready!"),
            Fault::Html200 => Answer::starting_up(),
            Fault::Html404 => Answer::cannot(asked.method, asked.path),
            Fault::Truncated => {
                let mut answer = answer::answer(&state, asked);
                answer.body.truncate(answer.body.len() / 2);
                answer
            }
            Fault::Endless => return Reply::Endless,
            Fault::Closed => return Reply::Closed,
        })
    }
}

/// Counts a request as in flight until it is dropped.
struct InFlight<'a>(&'a SimulatedN8n);

impl<'a> InFlight<'a> {
    fn new(n8n: &'a SimulatedN8n) -> Self {
        n8n.state().enter();
        Self(n8n)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.state().leave();
    }
}

//! Histories from a seed: workflows that are triggered, run, sleep, fail, are retried and cancelled, on a server that crashes and prunes.
//!
//! A history is a queue of things that will happen. Advancing it lets them happen in the order of their time, and everything random is
//! drawn when its turn comes, so that the same seed gives the same rows however many steps the time is passed in.

mod events;
mod plan;

use std::time::Duration;

use flowmastery_core::clock::Timestamp;

pub use self::plan::Plan;
use self::{
    events::{End, Events, Happening},
    plan::Flow,
};
use crate::{
    random::Random,
    state::{Begin, State},
};

const CENTURY: Duration = Duration::from_secs(36_525 * 86_400);

/// What happens to one server, from a seed.
#[derive(Debug)]
pub struct History {
    random: Random,
    plan: Plan,
    flows: Vec<Flow>,
    events: Events,
    now: Timestamp,
    /// The life of the server that the workflows were made in; 0 is none.
    life: u32,
    begun: usize,
}

impl History {
    /// One that starts at an instant. The first advance makes the workflows.
    pub fn new(seed: u64, start: Timestamp, plan: Plan) -> Self {
        let (random, events) = (Random::new(seed), Events::default());
        Self { random, plan, flows: Vec::new(), events, now: start, life: 0, begun: 0 }
    }

    /// How far it is.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets happen whatever happens up to an instant.
    ///
    /// What a test does to the server in between is respected: a run that is gone or has ended stays so, a workflow that was deleted or
    /// switched off is not triggered, and after a reset the workflows are made anew.
    pub fn advance(&mut self, state: &mut State, to: Timestamp) {
        self.set_up(state);
        while let Some((at, happening)) = self.events.next_until(to) {
            self.happen(state, at, happening);
        }
        self.now = self.now.max(to);
        state.tick_to(self.now);
    }

    /// Lets time pass until so many more executions have begun; the last of them still run. Where nothing is triggered any more, it
    /// gives up after a hundred years.
    pub fn fill(&mut self, state: &mut State, executions: usize) {
        self.set_up(state);
        let (enough, end) = (self.begun + executions, self.now.plus(CENTURY));
        while self.begun < enough {
            let Some((at, happening)) = self.events.next_until(end) else {
                break;
            };
            self.happen(state, at, happening);
            self.now = at;
        }
        state.tick_to(self.now);
    }

    fn set_up(&mut self, state: &mut State) {
        let is_new = self.life != state.life();
        self.life = state.life();
        if !is_new || (!self.flows.is_empty() && !state.workflows().is_empty()) {
            return;
        }
        state.tick_to(self.now);
        let is_first = self.flows.is_empty();
        if is_first {
            self.flows = Flow::all(&self.plan, &mut self.random);
        }
        for (number, flow) in self.flows.iter_mut().enumerate() {
            flow.id = self.random.id16();
            state.add_workflow_as(&flow.id, &flow.name);
            state.save_successes(&flow.id, flow.saves_successes);
            if is_first {
                let at = flow.next(self.now, &mut self.random);
                self.events.push(at, Happening::Arrive(number));
            }
        }
        if is_first {
            self.schedule_crash(self.now);
            self.events.push(self.now, Happening::Prune);
        }
    }

    fn schedule_crash(&mut self, now: Timestamp) {
        if let Some(every) = self.plan.crash_every {
            let wait = self.random.exponential(every.as_secs_f64() * 1000.0);
            self.events.push(after(now, wait), Happening::Crash);
        }
    }

    fn happen(&mut self, state: &mut State, at: Timestamp, happening: Happening) {
        match happening {
            Happening::Arrive(number) => self.arrive(state, at, number),
            Happening::Sleep { serial, nap, rest, end } => {
                if let Some(id) = running(state, serial) {
                    let till = after(at, nap);
                    state.sleep(id, at, till);
                    self.events.push(till, Happening::Wake { serial, rest, end });
                }
            }
            Happening::Wake { serial, rest, end } => {
                if let Some(id) = present(state, serial, "waiting") {
                    state.resume(id, at);
                }
                self.events.push(after(at, rest), Happening::End { serial, end });
            }
            Happening::End { serial, end } => self.end(state, at, serial, end),
            Happening::Retry { serial } => self.retry(state, at, serial),
            Happening::Crash => {
                state.restart();
                self.schedule_crash(at);
            }
            Happening::Prune => {
                state.prune(at);
                let every = state.quirks().pruning.unwrap_or_default().every;
                self.events.push(at.plus(every.max(Duration::from_secs(1))), Happening::Prune);
            }
        }
        while let Some(id) = state.start_next(at) {
            self.started(state, at, id);
        }
    }

    fn arrive(&mut self, state: &mut State, at: Timestamp, number: usize) {
        let random = &mut self.random;
        let (Some(flow), manual) = (self.flows.get(number), random.happens(self.plan.manual)) else { return };
        let next = flow.next(at, random);
        let happens = flow.is_triggered_at(at, random);
        let mode = if manual { "manual" } else { flow.mode };
        let id = flow.id.clone();
        self.events.push(next, Happening::Arrive(number));
        let is_on = state.workflows().get(&id).is_some_and(|row| row.active);
        if happens && is_on {
            self.begin(state, at, &id, mode);
        }
    }

    fn begin(&mut self, state: &mut State, at: Timestamp, workflow: &str, mode: &str) {
        // The row is made some milliseconds before the run starts.
        let started_at = after(at, 2.0 + 10.0 * self.random.unit());
        let id = state.begin(Begin { workflow, mode, created_at: at, started_at });
        self.begun += 1;
        if state.find(id).is_some_and(|record| record.run.status == "running") {
            self.started(state, started_at, id);
        }
    }

    /// Draws how a run that has started goes on.
    fn started(&mut self, state: &State, at: Timestamp, id: i64) {
        let Some(record) = state.find(id) else { return };
        let (serial, mode) = (record.serial, record.run.mode.as_str());
        let Some(flow) = self.flows.iter().find(|flow| record.run.workflow_id == flow.id) else { return };
        let random = &mut self.random;
        let length = random.log_normal(flow.median_millis, self.plan.spread).max(1.0);
        let failures = if mode == "retry" { 0.3 } else { flow.failures };
        let end = if random.happens(self.plan.cancellations) {
            End::Canceled
        } else if random.happens(failures) {
            End::Error
        } else {
            End::Success
        };
        if flow.sleeps {
            let nap = random.log_normal(120_000.0, 1.0);
            let happening = Happening::Sleep { serial, nap, rest: length * 0.7, end };
            self.events.push(after(at, length * 0.3), happening);
        } else {
            self.events.push(after(at, length), Happening::End { serial, end });
        }
    }

    fn end(&mut self, state: &mut State, at: Timestamp, serial: usize, end: End) {
        let Some(id) = running(state, serial) else { return };
        let Some(workflow) = state.find(id).map(|record| record.run.workflow_id.clone()) else { return };
        state.end(id, end.word(), at);
        if end == End::Error {
            if self.random.happens(self.plan.retries) {
                let wait = self.random.log_normal(300_000.0, 1.0);
                self.events.push(after(at, wait), Happening::Retry { serial });
            }
            if self.random.happens(self.plan.error_runs) {
                self.begin(state, at, &workflow, "error");
            }
        } else if self.random.happens(self.plan.sub_runs) {
            self.begin(state, at, &workflow, "integrated");
        }
    }

    fn retry(&mut self, state: &mut State, at: Timestamp, serial: usize) {
        let Some(original) = present(state, serial, "error") else { return };
        let started_at = after(at, 5.0);
        if let Some(id) = state.retry(original, at, started_at) {
            self.begun += 1;
            self.started(state, started_at, id);
        }
    }
}

fn after(at: Timestamp, millis: f64) -> Timestamp {
    #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds, and far fewer than 2^63")]
    let millis = millis as i64;
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

fn running(state: &State, serial: usize) -> Option<i64> {
    present(state, serial, "running")
}

/// The id of a run that n8n still has, in this status.
fn present(state: &State, serial: usize, status: &str) -> Option<i64> {
    let record = state.log().get(serial)?;
    (record.gone.is_none() && record.run.status == status).then_some(record.id)
}

#[cfg(test)]
mod tests;

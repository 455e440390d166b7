//! The tenants' n8n servers: each with a history that goes on while it is collected, and what each must have counted.

use std::{collections::BTreeMap, time::Duration};

use flowmastery_core::{
    clock::{Clock, SystemClock, Timestamp},
    id::ClientId,
};
use n8n_simulator::{Dialect, Fault, History, Plan, SimulatedN8n, Simulator};

use crate::oracle::database::Row;

/// How far back histories begin: they must not come to the present.
const BEFORE: Duration = Duration::from_secs(2 * 86_400);
/// What each server has when it is first met.
const FIRST: usize = 60;
/// How long an answer takes, so that requests overlap if anything lets them.
const SLOW: Duration = Duration::from_millis(10);

/// Everything runs or has ended, and is listed: what is hidden or forgotten is for the oracle.
fn plan() -> Plan {
    Plan { sleepers: 0.0, unsaved: 0.0, crash_every: None, workflows: 5, ..Plan::default() }
}

/// One tenant's server.
pub(super) struct Tenant {
    pub(super) n8n: SimulatedN8n,
    history: History,
}

/// All servers.
pub(super) struct Fleet {
    simulator: Simulator,
    pub(super) tenants: Vec<Tenant>,
}

impl Fleet {
    /// So many servers; every tenth shares its address with the others of that kind.
    pub(super) async fn start(tenants: usize, seed: u64) -> Self {
        let simulator = Simulator::start().await.unwrap();
        let start = Timestamp::from_millis(SystemClock.now().as_millis() - BEFORE.as_millis() as i64);
        let mut all = Vec::new();
        for number in 0..tenants {
            let dialect = if number % 2 == 0 { Dialect::V2 } else { Dialect::V1 };
            let n8n = match number % 10 {
                0 => simulator.add_instance(dialect),
                _ => simulator.add_origin(dialect).await.unwrap(),
            };
            let mut history = History::new(seed + number as u64, start, plan());
            history.fill(&mut n8n.state(), FIRST);
            n8n.state().set_fault(Fault::Slow(SLOW));
            all.push(Tenant { n8n, history });
        }
        Self { simulator, tenants: all }
    }

    /// Lets a while pass on every server.
    pub(super) fn advance(&mut self, by: Duration) {
        for Tenant { n8n, history } in &mut self.tenants {
            let to = history.now().plus(by);
            history.advance(&mut n8n.state(), to);
        }
    }

    /// Requests so far, over all servers.
    pub(super) fn requests(&self) -> usize {
        self.tenants.iter().map(|tenant| tenant.n8n.state().requests().len()).sum()
    }

    /// The most requests that any address had to answer at one time.
    pub(super) fn max_in_flight(&self) -> usize {
        let own = self.tenants.iter().map(|tenant| tenant.n8n.state().max_in_flight());
        own.chain([self.simulator.max_in_flight()]).max().unwrap_or(0)
    }
}

impl Tenant {
    /// How many executions there were ever.
    pub(super) fn runs(&self) -> usize {
        self.n8n.state().log().len()
    }

    /// What stored rows have wrong.
    pub(super) fn compare(&self, client: ClientId, rows: &[Row]) -> Vec<String> {
        let state = self.n8n.state();
        let mut stored: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
        for row in rows {
            stored.entry(row.execution.id.0).or_default().push(row);
        }
        let mut problems = Vec::new();
        for record in state.log() {
            let run = &record.run;
            let rows = stored.remove(&record.id).unwrap_or_default();
            let is_it = |row: &&Row| {
                let execution = &row.execution;
                (execution.status.as_str(), execution.started_at, execution.stopped_at)
                    == (run.status.as_str(), run.started_at, run.stopped_at)
            };
            if rows.len() != 1 || !rows.iter().all(is_it) {
                problems.push(format!("client {client}: {record:?} is stored as {rows:?}"));
            }
        }
        problems.extend(stored.into_values().map(|rows| format!("client {client}: never ran: {rows:?}")));
        problems
    }
}

//! n8n servers to test, measure and demonstrate against: their public API, their histories and their quirks.
//!
//! A server does what real ones were seen doing, traps included: running executions are listed only under `status=running`, n8n 1
//! hides waiting ones altogether, cursors hold no filter, the two versions refuse different things. It is asked over HTTP
//! ([`FakeN8n`], [`Simulator`]) or, thousands of times a second, through the port of flowmastery-core without a socket
//! ([`InProcessN8n`]); the answers are the same bytes. Its rows come one by one from a test ([`State`]) or from a seed
//! ([`History`]), and its log ([`State::log`]) remembers every run that ever was, so that what a collector knows can be compared
//! with what happened.
//!
//! ```
//! use flowmastery_core::{clock::Timestamp, n8n::{ExecutionQuery, N8nApi}};
//! use n8n_simulator::{Dialect, History, InProcessN8n, Plan};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let api = InProcessN8n::new();
//! let n8n = api.add_instance(Dialect::V1);
//! let start = Timestamp::from_millis(1_795_000_000_000);
//! let mut history = History::new(7, start, Plan::default());
//! history.advance(&mut n8n.state(), start.plus(std::time::Duration::from_secs(86_400)));
//! let page = api.executions(&n8n.instance(), &ExecutionQuery::default()).await?;
//! assert_eq!(page.items.len(), 250);
//! # Ok(())
//! # }
//! ```
//!
//! Not simulated: compression, ETags, tags of workflows, projects, what writes.

mod answer;
mod fault;
mod history;
mod http;
mod in_process;
mod instant;
mod n8n;
mod quirks;
mod random;
mod run;
#[cfg(test)]
mod samples;
mod state;
mod table;

pub use self::{
    fault::Fault,
    history::{History, Plan},
    http::{FakeN8n, Simulator},
    in_process::InProcessN8n,
    n8n::SimulatedN8n,
    quirks::{Dialect, Pruning, Quirks},
    run::{Gone, Record, Run},
    state::{Begin, Snapshot, State, WorkflowRow},
};

#[cfg(test)]
mod tests;

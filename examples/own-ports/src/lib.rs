//! Ports of a host's own: what FlowMastery reaches the world through may be anything that keeps a port's contract.
//!
//! | port | here | in the place of |
//! |---|---|---|
//! | `Cache` | [`MapCache`]: a map, and a clock | moka and Redis |
//! | `Mailer` | [`EmlMailer`]: files in a directory, from where something else sends them | an SMTP server |
//! | `N8nApi` | [`RecordedN8n`]: what n8n once answered, from files | n8n over HTTP |
//!
//! Each is proven in `tests/contract.rs` by one line, `cache_contract!`, `mailer_contract!` and `n8n_api_contract!` of flowmastery-core's feature `testing`, and a
//! fixture that says how an empty one is made. [`flowmastery`] puts them together; the program serves it.

mod cache;
mod mailer;
mod n8n;

use std::{path::Path, sync::Arc};

use flowmastery_core::{Config, Flowmastery, error::Result, store::Store};

pub use self::{cache::MapCache, mailer::EmlMailer, n8n::RecordedN8n};

/// FlowMastery over a store, with everything else in a directory: mails go to `outbox`, and what n8n servers answer is in `n8n`.
///
/// # Errors
/// As [`flowmastery_core::Builder::build`].
pub fn flowmastery(config: Config, store: Arc<dyn Store>, directory: &Path) -> Result<Flowmastery> {
    Flowmastery::builder(config, store)
        .cache(Arc::new(MapCache::new(10_000)))
        .mailer(Arc::new(EmlMailer::new(directory.join("outbox"), "flowmastery@agency.com")))
        .n8n(Arc::new(RecordedN8n::new(directory.join("n8n"))))
        .build()
}

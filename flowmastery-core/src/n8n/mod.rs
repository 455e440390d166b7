//! The n8n port: the three reads of n8n's public API that collection needs, and what can be in their way.

mod gate;
#[cfg(feature = "n8n-http")]
pub mod http;
pub mod wire;

use std::{fmt, time::Duration};

use async_trait::async_trait;

pub use self::gate::GatedN8n;
#[cfg(feature = "n8n-http")]
pub use self::http::{HttpN8n, HttpN8nConfig, HttpN8nLimits};
use crate::{
    clock::Timestamp,
    error::BoxError,
    id::ExecutionId,
    model::{
        client::{Connection, Instance},
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        rollup::Range,
        workflow::Workflow,
    },
};

/// n8n's opaque cursor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct N8nCursor(pub String);

/// One page of one of n8n's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct N8nPage<T> {
    /// The rows, in n8n's order: executions newest first.
    pub items: Vec<T>,
    /// Where the next page starts; `None` on the last one.
    pub next: Option<N8nCursor>,
}

/// Which executions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionQuery {
    /// Only these (`Running` and `Waiting` are what collection asks for): n8n hides them from the plain list.
    pub status: Option<Status>,
    /// Only those that started then or later. Where n8n does not know this filter it refuses or ignores it; those that are queued are
    /// not listed with it.
    pub started_after: Option<Timestamp>,
    /// Where the page starts; the cursor holds no filter, so the others are sent with every page.
    pub cursor: Option<N8nCursor>,
}

/// What n8n itself counts of a span, by its own definition of a production execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insights {
    /// Executions that ended.
    pub total: i64,
    /// Of these, those that failed.
    pub failed: i64,
}

/// An execution that was asked for by its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SingleExecution {
    /// As in the list.
    pub execution: Execution,
    /// When its row was made, which never changes.
    pub created_at: Option<Timestamp>,
}

/// Why n8n gave no answer that can be used.
#[derive(Debug)]
pub struct N8nError {
    /// What is in the way; never [`ConnectionStatus::Ok`].
    pub status: ConnectionStatus,
    /// A sentence that may be shown: names neither key nor upstream body.
    pub message: String,
    /// How long n8n asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The cause, for the log.
    pub source: Option<BoxError>,
    /// Whether n8n was to blame. Where it was not asked, or the answer was not waited for, since it was not our turn, nothing is wrong with it.
    pub is_n8ns: bool,
}

impl N8nError {
    /// One without a cause.
    pub fn new(status: ConnectionStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None, source: None, is_n8ns: true }
    }
}

impl fmt::Display for N8nError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for N8nError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<&N8nError> for Connection {
    fn from(error: &N8nError) -> Self {
        Self { status: error.status, message: error.message.clone() }
    }
}

/// n8n's public API, as far as collection needs it. Services reach it through [`GatedN8n`], so that one request at a time reaches an origin.
/// One of your own is proven by `n8n_api_contract!` (feature `testing`).
#[async_trait]
pub trait N8nApi: Send + Sync + fmt::Debug {
    /// A page of the workflows, with 250 rows at most.
    ///
    /// # Errors
    /// [`N8nError`] when n8n gives no answer that can be used, after all tries.
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError>;

    /// A page of the executions, newest first, with 250 rows at most and never with payload.
    ///
    /// # Errors
    /// As [`N8nApi::workflows`].
    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError>;

    /// One execution; `None` when n8n says that it has none of this id.
    ///
    /// # Errors
    /// As [`N8nApi::workflows`].
    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError>;

    /// What n8n itself sums up of a span; `None` where it does not tell: n8n 1, and whatever stands in for n8n without it.
    ///
    /// # Errors
    /// As [`N8nApi::workflows`]; a key without the scope `insights:read` and a span beyond n8n's licence are
    /// [`ConnectionStatus::MissingScope`].
    async fn insights(&self, _: &Instance, _: Range) -> Result<Option<Insights>, N8nError> {
        Ok(None)
    }

    /// Tries what collection needs, once and without trying again: lists one workflow and one execution.
    ///
    /// # Errors
    /// What is in the way.
    async fn test(&self, instance: &Instance) -> Result<(), N8nError>;
}

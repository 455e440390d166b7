//! A way to n8n that needs none: what n8n once answered, from files, for demonstrations and for tests of a host.
//!
//! `<directory>/<host>/` has `workflows.json` and `executions.json`, which are answers of n8n's public API with as many rows as there are,
//! and `api-key`, which is the key that opens them.

use std::{io, path::PathBuf};

use async_trait::async_trait;
use flowmastery_core::{
    id::ExecutionId,
    model::{
        client::Instance,
        execution::{Execution, Status},
        freshness::ConnectionStatus,
        workflow::Workflow,
    },
    n8n::{
        ExecutionQuery, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution,
        wire::{self, WireError},
    },
};
use secrecy::ExposeSecret;

/// The most rows of a page.
const PAGE_ROWS: usize = 250;

/// Answers from files, as n8n did.
#[derive(Debug)]
pub struct RecordedN8n {
    directory: PathBuf,
}

impl RecordedN8n {
    /// From a directory that has one a host.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// All rows of a recorded list.
    async fn rows<T>(&self, instance: &Instance, list: &str, decode: Decode<T>) -> Result<Vec<T>, N8nError> {
        let origin = instance.url.origin();
        let host = origin.split_once("://").map_or(origin, |(_, host)| host);
        let recorded = self.directory.join(host);
        let key = tokio::fs::read_to_string(recorded.join("api-key")).await.map_err(nothing)?;
        if key.trim_end() != instance.key.expose_secret() {
            return Err(N8nError::new(ConnectionStatus::AuthFailed, "This is not the key of the recording."));
        }
        let bytes = tokio::fs::read(recorded.join(list)).await.map_err(nothing)?;
        let page = decode(&bytes).map_err(|error| N8nError {
            source: Some(error.into()),
            ..N8nError::new(ConnectionStatus::NotN8n, "The recording is not what n8n's public API sends.")
        })?;
        Ok(page.items)
    }

    /// All executions, newest first.
    async fn recorded(&self, instance: &Instance) -> Result<Vec<Execution>, N8nError> {
        let mut rows = self.rows(instance, "executions.json", wire::decode_executions).await?;
        rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
        Ok(rows)
    }
}

type Decode<T> = fn(&[u8]) -> Result<N8nPage<T>, WireError>;

fn nothing(error: io::Error) -> N8nError {
    let message = "Nothing was recorded of this n8n.";
    N8nError { source: Some(error.into()), ..N8nError::new(ConnectionStatus::Unreachable, message) }
}

/// The page that begins behind so many rows.
fn page<T>(rows: impl Iterator<Item = T>, cursor: Option<&N8nCursor>) -> Result<N8nPage<T>, N8nError> {
    let passed = match cursor {
        None => 0,
        Some(N8nCursor(text)) => {
            let unknown = |_| N8nError::new(ConnectionStatus::NotN8n, "The recording has no such page.");
            text.parse::<usize>().map_err(unknown)?
        }
    };
    let mut rows = rows.skip(passed);
    let items: Vec<T> = rows.by_ref().take(PAGE_ROWS).collect();
    let next = rows.next().map(|_| N8nCursor((passed + PAGE_ROWS).to_string()));
    Ok(N8nPage { items, next })
}

#[async_trait]
impl N8nApi for RecordedN8n {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        let rows = self.rows(instance, "workflows.json", wire::decode_workflows).await?;
        page(rows.into_iter(), cursor)
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        let rows = self.recorded(instance).await?.into_iter();
        // Those that run are listed only where they are asked for, as n8n has it.
        let has_status = |row: &Execution| match query.status {
            Some(status) => row.status == status,
            None => row.status != Status::Running,
        };
        let has_start =
            |row: &Execution| query.started_after.is_none_or(|after| row.started_at >= Some(after));
        page(rows.filter(|row| has_status(row) && has_start(row)), query.cursor.as_ref())
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        let found = self.recorded(instance).await?.into_iter().find(|row| row.id == id);
        Ok(found.map(|execution| SingleExecution { execution, created_at: None }))
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.workflows(instance, None).await?;
        self.executions(instance, &ExecutionQuery::default()).await?;
        Ok(())
    }
}

//! Retention: single executions go when they are old enough; what they add up to stays.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Collector;
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    error::{Result, causes},
    model::rollup::Width,
    page::PageRequest,
};

/// How often it is looked for executions that are old enough.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// How many executions go at once.
const BATCH: u32 = 1000;

impl Collector {
    /// Removes executions that are old enough, now and every hour, until `stop` is cancelled.
    pub(super) async fn age_out(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.sweep(stop).await {
                let cause = causes(&error);
                tracing::warn!(error = %error, cause, "old executions could not be removed");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    /// Removes the executions of every client that are old enough, a batch at a time.
    ///
    /// # Errors
    /// When the clients cannot be listed; what could not go of one is logged, and goes the next time.
    pub async fn sweep(&self, stop: &CancellationToken) -> Result<()> {
        let before = Width::Quarter.floor(self.0.clock.now().minus(self.0.retention));
        let mut page = PageRequest::default();
        loop {
            let clients = self.0.store.list_clients(TenantScope::ALL, page).await?;
            for client in clients.items {
                if let Err(error) = self.sweep_client(client.id, before, stop).await {
                    let cause = causes(&error);
                    tracing::warn!(client.id = client.id.0, error = %error, cause, "a client's old executions stay");
                }
            }
            let (Some(cursor), false) = (clients.next, stop.is_cancelled()) else { return Ok(()) };
            page = page.after(cursor);
        }
    }

    async fn sweep_client(
        &self,
        client: crate::id::ClientId,
        before: Timestamp,
        stop: &CancellationToken,
    ) -> Result<()> {
        let scope = TenantScope::client(client);
        while !stop.is_cancelled() {
            let gone = self.0.store.age_out(scope, client, before, BATCH).await?;
            if gone < u64::from(BATCH) {
                break;
            }
        }
        Ok(())
    }
}

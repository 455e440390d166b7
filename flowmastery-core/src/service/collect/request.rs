//! Collections on request: who asks for a client joins the collection that is under way, here or on another host.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Collector, pull::End};
use crate::{access::scope::TenantScope, id::ClientId, store::Due, sync::CollectionRequests};

/// How often it is looked whether the collection of another host has ended.
const LOOK: Duration = Duration::from_millis(250);

impl Collector {
    /// Waits for the end of a collection, wherever it is under way; where that host is gone, collects here.
    async fn join(&self, client: ClientId, mut done: watch::Receiver<End>) {
        loop {
            while done.changed().await.is_ok() {}
            let ended = *done.borrow();
            if ended == End::Noted || self.0.stop.is_cancelled() || self.ends_elsewhere(client).await {
                return;
            }
            done = self.start(client, None, Due::Sound);
        }
    }

    /// Waits while another one has leased a client; whether its collection came to an end.
    async fn ends_elsewhere(&self, client: ClientId) -> bool {
        let scope = TenantScope::client(client);
        let mut held = false;
        loop {
            match self.0.store.leased_until(scope, client).await {
                Ok(Some(until)) if until > self.0.clock.now() => held = true,
                Ok(Some(_)) => return false,
                Ok(None) => return held,
                // Whoever waits reads next, and is told then.
                Err(_) => return true,
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[async_trait]
impl CollectionRequests for Collector {
    async fn collect_now(&self, client: ClientId, patience: Duration) {
        let done = self.start(client, None, Due::Sound);
        if !patience.is_zero() {
            let _ = tokio::time::timeout(patience, self.join(client, done)).await;
        }
    }

    fn restart(&self, client: ClientId) {
        self.0.under_way.cancel(client);
        self.start(client, None, Due::Sound);
    }

    fn is_running(&self) -> bool {
        self.0.running.load(Ordering::Relaxed)
    }
}

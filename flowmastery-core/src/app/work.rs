//! What goes on beside requests, as a task that its host stops.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Flowmastery;

/// Collecting, sending mails and keeping the audit log, started by [`Flowmastery::start`]. It goes on until it is stopped, also where this is dropped.
#[derive(Debug)]
#[must_use = "stop it before the store is closed"]
pub struct Work {
    flowmastery: Flowmastery,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Work {
    pub(super) fn start(flowmastery: Flowmastery) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(flowmastery.clone().run(stop.clone()));
        Self { flowmastery, stop, task }
    }

    /// Stops it in order, once no request is under way: a collection ends behind its page, a mail that is being sent goes out, and what was noted
    /// beside requests is stored. Whoever cannot wait for a slow mail server drops this future.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(error = %error, "what goes on beside requests broke off");
        }
        self.flowmastery.settle().await;
    }
}

//! What goes on beside requests, as a task that its host stops.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt;
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
        let work = AssertUnwindSafe(flowmastery.clone().run(stop.clone())).catch_unwind();
        let task = tokio::spawn(async move {
            // The panic itself was written by the host's hook.
            if work.await.is_err() {
                tracing::error!(
                    "what goes on beside requests broke off: nothing is collected and no mail sent until the host starts again"
                );
            }
        });
        Self { flowmastery, stop, task }
    }

    /// Whether it is over, though nobody stopped it: it broke off.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Stops it in order, once no request is under way: a collection ends behind its page, a mail that is being sent goes out, and what was noted
    /// beside requests is stored. What takes longer than `patience` is broken off, which loses nothing: it is begun again by whoever comes next.
    pub async fn stop(self, patience: Duration) {
        let Self { flowmastery, stop, mut task } = self;
        stop.cancel();
        if tokio::time::timeout(patience, &mut task).await.is_err() {
            task.abort();
            tracing::warn!(
                "a collection did not come to the end of its page in time, or a mail server did not answer"
            );
        }
        if tokio::time::timeout(patience, flowmastery.settle()).await.is_err() {
            tracing::warn!("the audit log may lack the last attempts that were refused");
        }
    }
}

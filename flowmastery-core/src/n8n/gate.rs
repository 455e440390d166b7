//! The gate in front of n8n servers: one request at a time reaches an origin, over all hosts that share a store.
//!
//! Callers of this process queue first; the head of a queue takes the origin's slot in the store, holds it while n8n is asked, tries
//! again included, and frees it, also when it is dropped. The slot of a host that is gone runs out.

mod queue;

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    sync::OwnedMutexGuard,
    time::{Instant, sleep},
};

use self::queue::Queues;
use super::{ExecutionQuery, Insights, N8nApi, N8nCursor, N8nError, N8nPage, SingleExecution};
use crate::{
    clock::Clock,
    entropy::{Entropy, random},
    error::Result,
    id::ExecutionId,
    model::{
        client::Instance, execution::Execution, freshness::ConnectionStatus, rollup::Range,
        workflow::Workflow,
    },
    store::{OriginStore, StoreError, Term},
};

/// How long a slot is held, unless it is held on to.
const HELD: Duration = Duration::from_secs(10);
/// How long a host takes a slot to be its own that it could not hold on to: less than it is, since clocks of hosts differ.
const TRUSTED: Duration = Duration::from_secs(9);
/// How often a slot is held on to.
const KEEP: Duration = Duration::from_secs(3);
/// How long the head of a queue waits for the slot.
const PATIENCE: Duration = Duration::from_secs(30);
/// The shortest wait before a taken slot is tried again, and how much is added at most, so that hosts do not try in step.
const RETRY: Duration = Duration::from_millis(50);
const JITTER: Duration = Duration::from_millis(100);

/// An n8n port behind the gate.
pub struct GatedN8n {
    n8n: Arc<dyn N8nApi>,
    queues: Queues,
    store: Arc<dyn OriginStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// This host.
    holder: Arc<str>,
}

impl GatedN8n {
    /// Puts the gate before `n8n`.
    ///
    /// # Errors
    /// [`crate::error::Kind::Unavailable`] without randomness for the name of this host.
    pub fn new(
        n8n: Arc<dyn N8nApi>,
        store: Arc<dyn OriginStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self> {
        let holder = format!("{:032x}", u128::from_le_bytes(random(entropy.as_ref())?)).into();
        Ok(Self { n8n, queues: Queues::default(), store, clock, entropy, holder })
    }

    /// Asks n8n when it is this one's turn.
    async fn ask<T>(
        &self,
        instance: &Instance,
        request: impl Future<Output = Result<T, N8nError>>,
    ) -> Result<T, N8nError> {
        let (slot, held_from) = self.enter(instance.url.origin()).await?;
        // A host that was paused finds out that its slot has run out before it asks or asks again.
        tokio::select! {
            biased;
            () = self.lose(&slot, held_from) => {
                Err(not_our_turn("This host was held up while it asked n8n, and lost its turn."))
            }
            answer = request => answer,
        }
    }

    /// The slot, and the instant from which on it is held.
    async fn enter(&self, origin: &str) -> Result<(Slot, Instant), N8nError> {
        let place = self.queues.enter(origin).await;
        // Before it is taken: a caller that is dropped meanwhile frees it.
        let slot = Slot {
            store: self.store.clone(),
            origin: origin.to_owned(),
            holder: self.holder.clone(),
            place: Some(place),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let held_from = Instant::now();
            let taken = self.store.take_origin(origin, &self.holder, self.term()).await;
            // One that was paused meanwhile holds a slot that is about to run out, and takes it again.
            if matches!(taken, Ok(true)) && held_from.elapsed() < KEEP {
                return Ok((slot, held_from));
            }
            if Instant::now() >= deadline {
                return Err(given_up(taken.err()));
            }
            sleep(RETRY + JITTER.mul_f64(self.share())).await;
        }
    }

    /// Holds on to a slot while n8n is asked; ends when another one has it, or may have it.
    async fn lose(&self, slot: &Slot, mut held_from: Instant) {
        loop {
            sleep(KEEP.min(TRUSTED.saturating_sub(held_from.elapsed()))).await;
            let now = Instant::now();
            if now.duration_since(held_from) >= TRUSTED {
                return;
            }
            match self.store.keep_origin(&slot.origin, &slot.holder, self.term().until).await {
                Ok(true) => held_from = now,
                Ok(false) => return,
                // A store that is away says nothing; the slot runs out when its time comes.
                Err(_) => {}
            }
        }
    }

    fn term(&self) -> Term {
        let now = self.clock.now();
        Term { now, until: now.plus(HELD) }
    }

    fn share(&self) -> f64 {
        random(self.entropy.as_ref()).map_or(1.0, |[byte]| f64::from(byte) / f64::from(u8::MAX))
    }
}

fn not_our_turn(message: &str) -> N8nError {
    N8nError { is_n8ns: false, ..N8nError::new(ConnectionStatus::Unreachable, message) }
}

fn given_up(fault: Option<StoreError>) -> N8nError {
    match fault {
        None => not_our_turn("Another request to this n8n is under way, and does not end."),
        Some(fault) => N8nError {
            source: Some(fault.into()),
            ..not_our_turn(
                "n8n was not asked, since the database that says whose turn it is does not answer.",
            )
        },
    }
}

/// The slot of an origin, and the head of its queue here.
struct Slot {
    store: Arc<dyn OriginStore>,
    origin: String,
    holder: Arc<str>,
    place: Option<OwnedMutexGuard<()>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Without a runtime the slot runs out.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (store, holder, place) = (self.store.clone(), self.holder.clone(), self.place.take());
        let origin = std::mem::take(&mut self.origin);
        runtime.spawn(async move {
            if let Err(error) = store.free_origin(&origin, &holder).await {
                tracing::debug!(error = %error, "the slot of an n8n was not freed, and runs out");
            }
            // The next one here would take a slot that is freed behind its back.
            drop(place);
        });
    }
}

#[async_trait]
impl N8nApi for GatedN8n {
    async fn workflows(
        &self,
        instance: &Instance,
        cursor: Option<&N8nCursor>,
    ) -> Result<N8nPage<Workflow>, N8nError> {
        self.ask(instance, self.n8n.workflows(instance, cursor)).await
    }

    async fn executions(
        &self,
        instance: &Instance,
        query: &ExecutionQuery,
    ) -> Result<N8nPage<Execution>, N8nError> {
        self.ask(instance, self.n8n.executions(instance, query)).await
    }

    async fn execution(
        &self,
        instance: &Instance,
        id: ExecutionId,
    ) -> Result<Option<SingleExecution>, N8nError> {
        self.ask(instance, self.n8n.execution(instance, id)).await
    }

    async fn insights(&self, instance: &Instance, range: Range) -> Result<Option<Insights>, N8nError> {
        self.ask(instance, self.n8n.insights(instance, range)).await
    }

    async fn test(&self, instance: &Instance) -> Result<(), N8nError> {
        self.ask(instance, self.n8n.test(instance)).await
    }
}

impl fmt::Debug for GatedN8n {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GatedN8n").field(&self.n8n).finish()
    }
}

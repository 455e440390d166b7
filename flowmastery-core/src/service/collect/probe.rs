//! Reading executions by their ids: those that are unfinished, and ids that were in no list.
//!
//! n8n 1 shows no list of what waits, but answers for it by id. Most missing ids are of workflows that do not save their successes, so
//! each is asked for once, a bounded number in a collection.

use std::collections::HashSet;

use super::pull::{Halt, Pull};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{client::Instance, epoch::Evidence},
    n8n::SingleExecution,
    store::{CollectionState, Turn},
};

/// How many unfinished executions are considered for that.
const OPEN_LISTED: u16 = 10_000;
/// How far below the newest id the search for missing ones begins.
const PROBED_BELOW: i64 = 1000;

/// Whether n8n gave the number of a run that we know to another one, made at another time.
fn is_another(single: &SingleExecution, first_start: Option<Timestamp>) -> bool {
    let times = first_start.zip(single.created_at).filter(|_| first_start != single.execution.started_at);
    times.is_some_and(|(start, created)| {
        Evidence::of_creation(start, created, &single.execution) == Evidence::Other
    })
}

impl Pull<'_> {
    /// Reads by id what was unfinished and in no list; of many, another part in each collection.
    pub(super) async fn open(
        &self,
        instance: &Instance,
        turn: Turn,
        seen: &HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        let mut open = self.store.open_executions(self.scope(), self.client, OPEN_LISTED).await?;
        open.retain(|(id, _)| !seen.contains(id));
        let reads = self.limits.open_reads.max(1);
        let parts = open.len().div_ceil(reads).max(1);
        let part = usize::try_from(turn.number).unwrap_or(0) % parts;
        for (id, first_start) in open.into_iter().skip(part * reads).take(reads) {
            let single = self.between_pages(self.n8n.execution(instance, id)).await?;
            match single.filter(|single| !is_another(single, first_start)) {
                Some(single) => self.store_page(turn, vec![single.execution]).await?,
                None => self.store.miss_execution(self.scope(), turn, id, self.clock.now()).await?,
            }
        }
        Ok(())
    }

    /// Asks for the ids behind the newest one that was seen: the newest run of all may be one that n8n hides.
    async fn look_ahead(
        &self,
        instance: &Instance,
        state: &CollectionState,
        seen: &HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        let open = self.store.open_executions(self.scope(), self.client, OPEN_LISTED).await?;
        let newest =
            open.iter().map(|(id, _)| *id).chain(seen.iter().copied()).chain(state.complete_to).max();
        let first = newest.map_or(1, |newest| newest.0 + 1);
        for id in (first..).map(ExecutionId).take(self.limits.probes) {
            match self.between_pages(self.n8n.execution(instance, id)).await? {
                Some(single) => self.store_page(state.turn, vec![single.execution]).await?,
                None => break,
            }
        }
        Ok(())
    }

    /// Asks for ids that were in no list up to the newest one of the collection before.
    pub(super) async fn probe(
        &self,
        instance: &Instance,
        state: &CollectionState,
        seen: &HashSet<ExecutionId>,
    ) -> Result<(), Halt> {
        self.look_ahead(instance, state, seen).await?;
        let Some(to) = state.complete_to.filter(|to| state.probed_to < Some(*to)) else { return Ok(()) };
        let above = state.probed_to.unwrap_or(ExecutionId(0)).max(ExecutionId(to.0 - PROBED_BELOW));
        let mut missing = self.store.missing_executions(self.scope(), self.client, above, to).await?;
        missing.retain(|id| !seen.contains(id));
        let mut probed = above;
        let all = missing.len();
        let (mut asked, mut reached) = (0, Ok(()));
        for id in missing.into_iter().take(self.limits.probes) {
            // One at least, or a slow n8n would never be asked.
            if asked > 0 && self.is_due_again() {
                break;
            }
            match self.between_pages(self.n8n.execution(instance, id)).await {
                Ok(Some(single)) => self.store_page(state.turn, vec![single.execution]).await?,
                Ok(None) => {}
                Err(halt) => {
                    reached = Err(halt);
                    break;
                }
            }
            (asked, probed) = (asked + 1, id);
        }
        let probed = if asked == all { to } else { probed };
        self.store.note_probed(self.scope(), state.turn, probed).await?;
        reached
    }
}

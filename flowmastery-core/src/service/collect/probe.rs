//! Reading executions by their ids: those that are unfinished, and ids that were in no list.
//!
//! n8n 1 shows no list of what waits, but answers for it by id. Most missing ids are of workflows that do not save their successes, so a
//! bounded number is asked for in a collection, and none once the next collection is due: below the newest id of the collection before
//! each is asked for once, above it as long as nothing has ended there.

use std::collections::HashSet;

use super::pull::{Halt, Pull};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{client::Instance, epoch::Evidence},
    n8n::SingleExecution,
    store::{CollectionState, Turn},
};

/// How many unfinished executions are considered in one collection.
const OPEN_LISTED: u16 = 10_000;

/// What came of asking for an id.
enum Asked {
    /// n8n has it, and it is stored.
    There,
    /// n8n has it not, or not any more.
    Missing,
    /// It was not asked for: the next collection is due.
    Late,
}

/// Whether n8n gave the number of a run that we know to another one, made at another time.
fn is_another(single: &SingleExecution, first_start: Option<Timestamp>) -> bool {
    let times = first_start.zip(single.created_at).filter(|_| first_start != single.execution.started_at);
    times.is_some_and(|(start, created)| {
        Evidence::of_creation(start, created, &single.execution) == Evidence::Other
    })
}

/// Where in a ring of `all` the reads of a turn begin. The turns go around it, and begin one further in each round, so that those that end
/// after their first read still come to everything.
fn first_of_turn(turn: Turn, all: usize, reads: usize) -> usize {
    let parts = all.div_ceil(reads).max(1);
    let number = usize::try_from(turn.number).unwrap_or(0);
    ((number % parts) * reads + number / parts) % all.max(1)
}

impl Pull<'_> {
    /// Reads by id what was unfinished and in no list; of many, another part in each collection, and no more once the next is due. Gives
    /// the newest that was unfinished.
    pub(super) async fn open(
        &self,
        instance: &Instance,
        turn: Turn,
        seen: &HashSet<ExecutionId>,
    ) -> Result<Option<ExecutionId>, Halt> {
        let mut open = self.store.open_executions(self.scope(), self.client, OPEN_LISTED).await?;
        let newest = open.last().map(|(id, _)| *id);
        open.retain(|(id, _)| !seen.contains(id));
        let reads = self.limits.open_reads.max(1);
        let first = first_of_turn(turn, open.len(), reads);
        open.rotate_left(first);
        for (read, (id, first_start)) in open.into_iter().take(reads).enumerate() {
            if read > 0 && self.is_due_again() {
                break;
            }
            let single = self.between_pages(self.n8n.execution(instance, id)).await?;
            match single.filter(|single| !is_another(single, first_start)) {
                Some(single) => self.store_page(turn, vec![single.execution]).await?,
                None => self.store.miss_execution(self.scope(), turn, id, self.clock.now()).await?,
            }
        }
        Ok(newest)
    }

    /// Asks for the ids that no list had since the last collection, and for those behind the newest one: the newest runs of all may be
    /// some that n8n hides.
    async fn look_ahead(
        &self,
        instance: &Instance,
        state: &CollectionState,
        (seen, newest_open): (&HashSet<ExecutionId>, Option<ExecutionId>),
    ) -> Result<(), Halt> {
        let known_to = state.complete_to.unwrap_or(ExecutionId(0));
        let newest = newest_open.into_iter().chain(seen.iter().copied()).fold(known_to, Ord::max);
        // What runs can stand above others that are hidden: these are in no list, and not yet below the newest that was listed.
        let mut holes = self.store.missing_executions(self.scope(), self.client, known_to, newest).await?;
        holes.retain(|id| !seen.contains(id));
        for (asked, id) in holes.into_iter().take(self.limits.probes).enumerate() {
            if let Asked::Late = self.ask((instance, state.turn), id, asked).await? {
                break;
            }
        }
        for (asked, id) in (newest.0 + 1..).map(ExecutionId).take(self.limits.probes).enumerate() {
            match self.ask((instance, state.turn), id, asked).await? {
                Asked::There => {}
                Asked::Missing | Asked::Late => break,
            }
        }
        Ok(())
    }

    /// Asks for an id, unless so many were `asked` for before it that the next collection is due. The first is always asked for, or a
    /// slow n8n would never be.
    async fn ask(
        &self,
        (instance, turn): (&Instance, Turn),
        id: ExecutionId,
        asked: usize,
    ) -> Result<Asked, Halt> {
        if asked > 0 && self.is_due_again() {
            return Ok(Asked::Late);
        }
        match self.between_pages(self.n8n.execution(instance, id)).await? {
            Some(single) => {
                self.store_page(turn, vec![single.execution]).await?;
                Ok(Asked::There)
            }
            None => Ok(Asked::Missing),
        }
    }

    /// Asks for ids that were in no list up to the newest one of the collection before.
    pub(super) async fn probe(
        &self,
        instance: &Instance,
        state: &CollectionState,
        (seen, newest_open): (&HashSet<ExecutionId>, Option<ExecutionId>),
    ) -> Result<(), Halt> {
        self.look_ahead(instance, state, (seen, newest_open)).await?;
        let Some(to) = state.complete_to.filter(|to| state.probed_to < Some(*to)) else { return Ok(()) };
        let above = state.probed_to.unwrap_or(ExecutionId(0));
        let mut missing = self.store.missing_executions(self.scope(), self.client, above, to).await?;
        missing.retain(|id| !seen.contains(id));
        let all = missing.len();
        let (mut asked, mut probed, mut reached) = (0, above, Ok(()));
        for id in missing.into_iter().take(self.limits.probes) {
            match self.ask((instance, state.turn), id, asked).await {
                Ok(Asked::There | Asked::Missing) => (asked, probed) = (asked + 1, id),
                Ok(Asked::Late) => break,
                Err(halt) => {
                    reached = Err(halt);
                    break;
                }
            }
        }
        let probed = if asked == all { to } else { probed };
        self.store.note_probed(self.scope(), state.turn, probed).await?;
        reached
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::id::ClientId;

    /// What each of the turns reads, when it reads so many.
    fn read(turns: i64, all: usize, reads: usize, reached: usize) -> HashSet<usize> {
        let first = |number| first_of_turn(Turn { client: ClientId(1), number }, all, reads);
        (0..turns).flat_map(|number| (0..reached).map(move |read| (first(number) + read) % all)).collect()
    }

    #[test]
    fn turns_that_read_all_they_may_come_to_everything_in_one_round() {
        for (all, turns) in [(1, 1), (50, 1), (51, 2), (120, 3)] {
            assert_eq!(read(turns, all, 50, 50.min(all)).len(), all, "{all}");
        }
    }

    #[test]
    fn turns_that_end_after_one_read_come_to_everything() {
        for (all, turns) in [(1, 1), (50, 50), (120, 150)] {
            assert_eq!(read(turns, all, 50, 1).len(), all, "{all}");
        }
    }

    #[test]
    fn nothing_to_read_begins_nowhere() {
        assert_eq!(first_of_turn(Turn { client: ClientId(1), number: 7 }, 0, 50), 0);
    }
}

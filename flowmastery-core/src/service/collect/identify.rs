//! Finding out of which life of an instance executions are, before any of them is stored.

use std::collections::VecDeque;

use super::pull::{Halt, Pull, lowest_of};
use crate::{
    id::ExecutionId,
    model::{
        client::Instance,
        epoch::{Evidence, Hearing, Verdict},
        execution::Execution,
    },
    n8n::{ExecutionQuery, N8nPage},
    store::{CollectionState, Turn},
};

/// How many executions are asked for by id to learn when they were created.
const MAX_ASKED: usize = 10;
/// How many pages are kept that were read on the way; of more, all but the first are read again.
const MAX_PAGES: usize = 40;

/// Pages of the list from its beginning, read and not stored yet.
pub(super) type Pages = VecDeque<N8nPage<Execution>>;

impl Pull<'_> {
    /// Goes on with the epoch that what runs and the list belong to. Nearly always the first page has a run that is known; else the list is
    /// read down to the newest that is. What was read is in the pages.
    pub(super) async fn identify(
        &self,
        instance: &Instance,
        mut state: CollectionState,
        (active, pages): (&[Execution], &mut Pages),
    ) -> Result<CollectionState, Halt> {
        let Some(first) = pages.front() else { return Ok(state) };
        let seen: Vec<_> = active.iter().chain(&first.items).cloned().collect();
        if seen.is_empty() {
            return Ok(state);
        }
        let (mut next, mut lowest) = (first.next.clone(), lowest_of(&first.items));
        let mut hearing = self.hear(instance, (state.turn, &mut state.proven), &seen).await?;
        while !hearing.is_clear() && next.is_some() {
            let query = ExecutionQuery { cursor: next, ..ExecutionQuery::default() };
            let page = self.page(instance, &query, lowest).await?;
            hearing.join(self.hear(instance, (state.turn, &mut state.proven), &page.items).await?);
            lowest = lowest_of(&page.items).or(lowest);
            next = page.next.clone();
            pages.push_back(page);
        }
        if pages.len() > MAX_PAGES {
            pages.truncate(1);
        }
        let verdict = hearing.verdict();
        if state.identified && verdict == Verdict::Line(hearing.current) {
            return Ok(state);
        }
        if verdict != Verdict::Line(hearing.current) {
            tracing::warn!(client.id = self.client.0, ?verdict, "n8n has another database than before");
        }
        let settled = self.store.settle(self.scope(), state.turn, verdict, self.clock.now()).await?;
        let settled = settled.ok_or(Halt::Quiet)?;
        Ok(CollectionState { proven: state.proven, ..settled })
    }

    /// What executions say. Of those that can be another run under a known number, or one whose start moved, the creation tells; the ones
    /// that turn out to be the same go into `proven`.
    async fn hear(
        &self,
        instance: &Instance,
        (turn, proven): (Turn, &mut Vec<ExecutionId>),
        seen: &[Execution],
    ) -> Result<Hearing, Halt> {
        let hearing = self.store.hear(self.scope(), turn, seen).await?;
        let mut hearing = hearing.ok_or(Halt::Quiet)?;
        let current = hearing.current;
        let Some((_, witness)) = hearing.witnesses.iter_mut().find(|(tip, _)| *tip == current) else {
            return Ok(hearing);
        };
        witness.unclear.sort_unstable_by_key(|run| std::cmp::Reverse(run.id));
        let asked = witness.unclear.len().min(MAX_ASKED);
        for run in witness.unclear.drain(..asked).collect::<Vec<_>>() {
            let single = self.between_pages(self.n8n.execution(instance, run.id)).await?;
            let evidence = single.and_then(|single| {
                Some(Evidence::of_creation(run.first_start, single.created_at?, &single.execution))
            });
            witness.hear(run.id, evidence.unwrap_or(run.presumed));
            if evidence == Some(Evidence::Same) {
                proven.push(run.id);
            }
        }
        Ok(hearing)
    }
}

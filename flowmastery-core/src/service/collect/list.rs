//! Reading n8n's list: from the newest execution down to what is known, and, a part at a time, over everything that n8n has.
//!
//! The walk over everything is the back-fill of a client at first, and once a day a reconciliation. It goes from new to old, so that the
//! numbers of now are right at once, and its place is stored with whatever was read, so that it goes on after a kill: of several pages
//! at once, since a bucket is written once for all of them, and what was not stored yet is read again. While one part is stored the next
//! one is read.

use std::{collections::HashSet, time::Duration};

use super::{
    identify::Pages,
    pull::{Halt, Pull, lowest_of},
};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        client::{Instance, Progress},
        execution::Execution,
        freshness::ConnectionStatus,
    },
    n8n::{ExecutionQuery, N8nCursor, N8nPage},
    store::{Batch, CollectionState, Pruned, Walk},
};

/// How often everything that n8n has is read again.
const RECONCILE: Duration = Duration::from_secs(24 * 60 * 60);

/// What was read is stored with the page during which so long has passed, so that progress is seen of an n8n that is slow.
const GATHER: Duration = Duration::from_secs(2);

/// How far a collection has read of a walk.
#[derive(Clone)]
struct Course {
    walk: Walk,
    /// How many pages.
    pages: usize,
    /// What stands below has aged out.
    floor: Option<ExecutionId>,
}

/// Executions of a walk that are stored together.
struct Part {
    executions: Vec<Execution>,
    /// How far it was read with them.
    course: Course,
    /// How the reading ended, where it goes no further in this collection.
    end: Option<Result<(), Halt>>,
}

/// Where the reading of the list stopped.
pub(super) struct Tail {
    lowest: Option<ExecutionId>,
    next: Option<N8nCursor>,
    rows: i64,
}

impl Tail {
    /// The walk that goes on from here.
    fn walk(&self) -> Walk {
        let below = self.lowest.unwrap_or(ExecutionId(0));
        Walk { cursor: self.next.as_ref().map(|cursor| cursor.0.clone()), below, rows: self.rows }
    }
}

impl Pull<'_> {
    /// Reads the list down to what is known; of an instance that was never read, the first page, with which its back-fill begins.
    pub(super) async fn list(
        &self,
        instance: &Instance,
        state: &mut CollectionState,
        mut pages: Pages,
        seen: &mut HashSet<ExecutionId>,
    ) -> Result<Tail, Halt> {
        let empty = || N8nPage { items: Vec::new(), next: None };
        let mut page = pages.pop_front().unwrap_or_else(empty);
        let Some(complete_to) = state.complete_to else { return self.begin_walk(state, page, seen).await };
        let walked = state.walk.as_ref().filter(|_| !state.back_filled).map(|walk| walk.below);
        // After a reset the newest can stand below what was read.
        let known_to = page.items.first().map_or(complete_to, |newest| newest.id.min(complete_to));
        let floor =
            ExecutionId(known_to.0 - self.limits.overlap).max(walked.unwrap_or(ExecutionId(i64::MIN)));
        let mut tail = Tail { lowest: None, next: None, rows: 0 };
        loop {
            seen.extend(page.items.iter().map(|execution| execution.id));
            tail.rows += count(&page.items);
            tail.lowest = lowest_of(&page.items).or(tail.lowest);
            tail.next = page.next;
            self.store_listed(state, page.items).await?;
            if tail.next.is_none() || tail.lowest.is_some_and(|lowest| lowest <= floor) {
                break;
            }
            page = match pages.pop_front() {
                Some(read) => read,
                None => {
                    let query = ExecutionQuery { cursor: tail.next.clone(), ..ExecutionQuery::default() };
                    self.page(instance, &query, tail.lowest).await?
                }
            };
        }
        self.note_pruned(state, complete_to, &tail).await?;
        Ok(tail)
    }

    /// A list that ends above what was read before has lost something in between.
    async fn note_pruned(
        &self,
        state: &CollectionState,
        complete_to: ExecutionId,
        tail: &Tail,
    ) -> Result<(), Halt> {
        let ends_above = tail.lowest.filter(|lowest| tail.next.is_none() && lowest.0 > complete_to.0 + 1);
        if let (Some(below), true) = (ends_above, complete_to > ExecutionId(0)) {
            let span = Pruned { above: complete_to, below };
            self.store.note_pruned(self.scope(), state.turn, span, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn begin_walk(
        &self,
        state: &mut CollectionState,
        first: N8nPage<Execution>,
        seen: &mut HashSet<ExecutionId>,
    ) -> Result<Tail, Halt> {
        seen.extend(first.items.iter().map(|execution| execution.id));
        let newest = first.items.first().map_or(ExecutionId(0), |execution| execution.id);
        let (lowest, rows) = (lowest_of(&first.items), count(&first.items));
        let tail = Tail { lowest, next: first.next, rows };
        state.complete_to = Some(newest);
        self.store_walk(state, first.items, tail.walk()).await?;
        Ok(tail)
    }

    /// Reads a part of the walk that is under way, or of one that is due.
    pub(super) async fn walk(
        &self,
        instance: &Instance,
        state: &mut CollectionState,
        tail: Tail,
    ) -> Result<(), Halt> {
        let is_due = || state.walked_at.is_none_or(|at| self.begun.since(at) >= RECONCILE);
        let (walk, fallback) = match state.walk.take() {
            Some(walk) => (walk, Some(tail)),
            None if state.back_filled && is_due() => (tail.walk(), None),
            None => return Ok(()),
        };
        let course = Course { walk, pages: 0, floor: state.back_filled.then_some(state.aged_to) };
        let mut part = self.read_part(instance, course, fallback).await;
        loop {
            let Part { executions, course, end } = part;
            let walk = course.walk.clone();
            let Some(end) = end else {
                // In order: the next part is stored when this one is, and nothing of it if this one is not.
                let storing = self.store_walk(state, executions, walk);
                let (stored, next) = tokio::join!(storing, self.read_part(instance, course, None));
                stored?;
                part = next;
                continue;
            };
            // What was read before counts, whatever is in the way now.
            if end.is_ok() || !executions.is_empty() {
                self.store_walk(state, executions, walk).await?;
            }
            return end;
        }
    }

    /// Reads pages of a walk until there is enough to be stored, or no more to be read for now.
    async fn read_part(&self, instance: &Instance, mut course: Course, mut fallback: Option<Tail>) -> Part {
        let (since, mut executions) = (self.clock.now(), Vec::new());
        let end = loop {
            let walk = &mut course.walk;
            let page = match self.next_of_walk(instance, walk, fallback.take()).await {
                Ok(Some(page)) => page,
                Ok(None) => {
                    walk.cursor = None;
                    break Some(Ok(()));
                }
                Err(halt) => break Some(Err(halt)),
            };
            course.pages += 1;
            walk.below = lowest_of(&page.items).unwrap_or(walk.below);
            walk.rows += count(&page.items);
            let is_enough = course.floor.is_some_and(|floor| walk.below <= floor);
            walk.cursor = page.next.map(|cursor| cursor.0).filter(|_| !is_enough);
            executions.extend(page.items);
            if walk.cursor.is_none() || course.pages >= self.limits.walk_pages || self.is_late() {
                break Some(Ok(()));
            }
            if executions.len() >= self.limits.walk_batch || self.clock.now().since(since) >= GATHER {
                break None;
            }
        };
        Part { executions, course, end }
    }

    /// The next page of a walk. A cursor of n8n that was kept may mean nothing to a newer n8n: then the walk starts over.
    async fn next_of_walk(
        &self,
        instance: &Instance,
        walk: &mut Walk,
        fallback: Option<Tail>,
    ) -> Result<Option<N8nPage<Execution>>, Halt> {
        let Some(cursor) = walk.cursor.clone() else { return Ok(None) };
        let query = |cursor| ExecutionQuery { cursor: Some(N8nCursor(cursor)), ..ExecutionQuery::default() };
        match (self.page(instance, &query(cursor), Some(walk.below)).await, fallback) {
            (Err(Halt::N8n(error)), Some(tail)) if error.status == ConnectionStatus::NotN8n => {
                *walk = tail.walk();
                let Some(cursor) = walk.cursor.clone() else { return Ok(None) };
                self.page(instance, &query(cursor), Some(walk.below)).await.map(Some)
            }
            (page, _) => page.map(Some),
        }
    }

    /// Stores executions of a walk with its place.
    async fn store_walk(
        &self,
        state: &mut CollectionState,
        executions: Vec<Execution>,
        walk: Walk,
    ) -> Result<(), Halt> {
        if !state.back_filled {
            let before = state.progress.and_then(|progress| progress.oldest);
            let oldest: Option<Timestamp> =
                executions.iter().filter_map(|execution| execution.started_at).chain(before).min();
            state.progress = Some(Progress { executions: walk.rows, oldest });
        }
        let batch = Batch {
            executions,
            read_at: self.clock.now(),
            complete_to: state.complete_to.filter(|_| !state.back_filled),
            progress: state.progress.filter(|_| !state.back_filled && walk.cursor.is_some()),
            walk: Some(walk.clone()),
            proven: state.proven.clone(),
        };
        let progress = batch.progress;
        self.store_batch(state.turn, batch).await?;
        match progress {
            Some(progress) => self.said.progress(self.client, progress, self.clock.now()),
            None if !state.back_filled => self.said.end(self.client, walk.rows),
            None => {}
        }
        if walk.cursor.is_none() {
            (state.back_filled, state.walked_at) = (true, Some(self.begun));
        }
        state.walk = walk.cursor.is_some().then_some(walk);
        Ok(())
    }
}

fn count(page: &[Execution]) -> i64 {
    i64::try_from(page.len()).unwrap_or(i64::MAX)
}

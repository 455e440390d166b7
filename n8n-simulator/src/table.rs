//! The rows of the executions table: newest first, filtered, and without looking at rows that cannot match.
//!
//! Rows lie in blocks of [`BLOCK`] ids. A block knows how many of its rows have which status, which workflows they can be of, and bounds
//! of when they started and stopped, so that a page costs the rows it shows and not the rows it passes, however rare the ones that match are.

use std::collections::BTreeMap;

use flowmastery_core::{clock::Timestamp, model::execution::Status};

use crate::run::{Record, Run};

/// How many ids a block spans.
const BLOCK: i64 = 256;

/// Where a run lies in the log.
pub(crate) type Serial = usize;

/// Which rows are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// Only ids below this.
    pub(crate) below: i64,
    /// One of these statuses; empty is any.
    pub(crate) statuses: &'a [&'a str],
    pub(crate) workflow: Option<&'a str>,
    pub(crate) started_after: Option<Timestamp>,
    pub(crate) started_before: Option<Timestamp>,
}

impl Filter<'_> {
    /// Every row.
    pub(crate) const ALL: Self =
        Self { below: i64::MAX, statuses: &[], workflow: None, started_after: None, started_before: None };

    fn matches(&self, run: &Run) -> bool {
        let started = |holds: &dyn Fn(Timestamp) -> bool| run.started_at.is_some_and(holds);
        (self.statuses.is_empty() || self.statuses.contains(&run.status.as_str()))
            && self.workflow.is_none_or(|workflow| run.workflow_id == workflow)
            && self.started_after.is_none_or(|after| started(&|start| start >= after))
            && self.started_before.is_none_or(|before| started(&|start| start <= before))
    }
}

/// Every row that n8n has, by id.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    blocks: BTreeMap<i64, Block>,
}

impl Table {
    /// Puts a row in, in place of one of the same id.
    pub(crate) fn insert(&mut self, id: i64, serial: Serial, run: &Run) {
        self.blocks.entry(id.div_euclid(BLOCK)).or_default().insert(id, serial, run);
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, id: i64, run: &Run) {
        let key = id.div_euclid(BLOCK);
        let Some(block) = self.blocks.get_mut(&key) else { return };
        block.remove(id, run);
        if block.rows.is_empty() {
            self.blocks.remove(&key);
        }
    }

    /// Notes that a row is another now.
    pub(crate) fn change(&mut self, id: i64, before: &Run, after: &Run) {
        if let Some(block) = self.blocks.get_mut(&id.div_euclid(BLOCK)) {
            block.forget(before);
            block.note(after);
        }
    }

    /// Where the row with this id lies in the log.
    pub(crate) fn find(&self, id: i64) -> Option<Serial> {
        let block = self.blocks.get(&id.div_euclid(BLOCK))?;
        let at = block.place(id).ok()?;
        block.rows.get(at).map(|(_, serial)| *serial)
    }

    /// Every row, oldest first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (i64, Serial)> {
        self.blocks.values().flat_map(|block| block.rows.iter().copied())
    }

    /// The rows that match, newest first.
    pub(crate) fn newest_first<'a>(
        &'a self,
        log: &'a [Record],
        filter: &'a Filter<'a>,
    ) -> impl Iterator<Item = &'a Record> {
        let last = filter.below.saturating_sub(1).div_euclid(BLOCK);
        self.blocks
            .range(..=last)
            .rev()
            .filter(|(_, block)| block.may_match(filter))
            .flat_map(|(_, block)| block.rows.iter().rev())
            .filter(|(id, _)| *id < filter.below)
            .filter_map(|(_, serial)| log.get(*serial))
            .filter(|record| filter.matches(&record.run))
    }

    /// The id of the row that exactly `count` rows stand above.
    pub(crate) fn id_below_newest(&self, count: usize) -> Option<i64> {
        let mut left = count;
        for block in self.blocks.values().rev() {
            let rows = block.rows.len();
            if left < rows {
                return block.rows.get(rows - 1 - left).map(|(id, _)| *id);
            }
            left -= rows;
        }
        None
    }

    /// Rows that may have stopped at or before `until` or have an id up to `up_to`: all that do, and some more.
    pub(crate) fn old(&self, until: Timestamp, up_to: i64) -> impl Iterator<Item = (i64, Serial)> {
        self.blocks
            .iter()
            .filter(move |(key, block)| block.first_stop <= until.as_millis() || **key * BLOCK <= up_to)
            .flat_map(|(_, block)| block.rows.iter().copied())
    }

    /// Measures the bounds of the oldest blocks again, after rows were taken out of them.
    pub(crate) fn measure(&mut self, log: &[Record], until: Timestamp) {
        for block in self.blocks.values_mut().filter(|block| block.first_stop <= until.as_millis()) {
            let stops = block.rows.iter().filter_map(|(_, serial)| log.get(*serial)?.run.stopped_at);
            block.first_stop = stops.map(Timestamp::as_millis).min().unwrap_or(i64::MAX);
        }
    }
}

/// The rows of some neighbouring ids, oldest first. Bounds are never too narrow, and too wide after rows have changed.
#[derive(Clone, Debug)]
struct Block {
    rows: Vec<(i64, Serial)>,
    /// How many rows have which status, by [`Status::index`]; words that are not n8n's are together.
    statuses: [u16; Status::ALL.len()],
    /// A bit for each workflow that a row has been of, some sharing one.
    workflows: u128,
    first_start: i64,
    last_start: i64,
    first_stop: i64,
}

/// The bit of a workflow: its FNV-1a hash.
fn bit(workflow: &str) -> u128 {
    let hash = workflow
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    1 << (hash >> 25)
}

impl Default for Block {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            statuses: [0; Status::ALL.len()],
            workflows: 0,
            first_start: i64::MAX,
            last_start: i64::MIN,
            first_stop: i64::MAX,
        }
    }
}

impl Block {
    fn place(&self, id: i64) -> Result<usize, usize> {
        // Nearly every row is newer than all others.
        if self.rows.last().is_none_or(|(last, _)| *last < id) {
            return Err(self.rows.len());
        }
        self.rows.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn insert(&mut self, id: i64, serial: Serial, run: &Run) {
        match self.place(id) {
            Ok(at) => self.rows.splice(at..=at, [(id, serial)]).for_each(drop),
            Err(at) => self.rows.insert(at, (id, serial)),
        }
        self.note(run);
    }

    fn remove(&mut self, id: i64, run: &Run) {
        if let Ok(at) = self.place(id) {
            self.rows.remove(at);
            self.forget(run);
        }
    }

    fn count(&mut self, run: &Run) -> Option<&mut u16> {
        self.statuses.get_mut(Status::from_n8n(&run.status).index())
    }

    fn note(&mut self, run: &Run) {
        if let Some(count) = self.count(run) {
            *count = count.saturating_add(1);
        }
        self.workflows |= bit(&run.workflow_id);
        if let Some(start) = run.started_at.map(Timestamp::as_millis) {
            self.first_start = self.first_start.min(start);
            self.last_start = self.last_start.max(start);
        }
        if let Some(stop) = run.stopped_at.map(Timestamp::as_millis) {
            self.first_stop = self.first_stop.min(stop);
        }
    }

    fn forget(&mut self, run: &Run) {
        if let Some(count) = self.count(run) {
            *count = count.saturating_sub(1);
        }
    }

    fn may_match(&self, filter: &Filter<'_>) -> bool {
        let has = |status: &&str| {
            self.statuses.get(Status::from_n8n(status).index()).is_some_and(|count| *count > 0)
        };
        (filter.statuses.is_empty() || filter.statuses.iter().any(has))
            && filter.workflow.is_none_or(|workflow| self.workflows & bit(workflow) != 0)
            && filter.started_after.is_none_or(|after| self.last_start >= after.as_millis())
            && filter.started_before.is_none_or(|before| self.first_start <= before.as_millis())
    }
}

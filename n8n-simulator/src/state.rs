//! What a server holds: workflows, executions, the fault that it shows, and logs of what ran and of what it was asked.

mod life;
mod prune;
mod requests;
mod runs;
mod workflows;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use flowmastery_core::clock::Timestamp;

use self::requests::Requests;
pub use self::{life::Snapshot, runs::Begin, workflows::WorkflowRow};
use crate::{
    quirks::{Dialect, Quirks},
    run::{Gone, Record, Run},
    table::{Serial, Table},
};

/// The instant of a server whose rows have none yet.
const FIRST_NOW: Timestamp = Timestamp::from_millis(1_795_389_462_000);

/// What is called before every answer, with path and query of what was asked.
pub(crate) type Hook = Box<dyn FnMut(&mut State, &str) + Send>;

/// What a server holds. Ids start at 1 and are not used again, until a reset or a restored back-up.
pub struct State {
    pub(crate) dialect: Dialect,
    pub(crate) key: String,
    quirks: Quirks,
    workflows: BTreeMap<String, WorkflowRow>,
    table: Table,
    /// Ids that the process holds in memory: its lists leave them out.
    memory: BTreeSet<i64>,
    /// Ids that wait for their turn, in their order.
    queue: BTreeSet<i64>,
    log: Vec<Record>,
    life: u32,
    last_execution: i64,
    /// Ever made, over all lives: n8n's workflow ids are random and never come again.
    made_workflows: u64,
    now: Timestamp,
    requests: Requests,
    hook: Option<Hook>,
}

impl State {
    pub(crate) fn new(dialect: Dialect, key: &str) -> Self {
        Self {
            dialect,
            key: key.to_owned(),
            quirks: Quirks::of(dialect),
            workflows: BTreeMap::new(),
            table: Table::default(),
            memory: BTreeSet::new(),
            queue: BTreeSet::new(),
            log: Vec::new(),
            life: 1,
            last_execution: 0,
            made_workflows: 0,
            now: FIRST_NOW,
            requests: Requests::default(),
            hook: None,
        }
    }

    /// Which version it behaves like.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Behaves like another version from now on, as after an upgrade: with the quirks of a fresh server of it.
    pub fn set_dialect(&mut self, dialect: Dialect) {
        (self.dialect, self.quirks) = (dialect, Quirks::of(dialect));
    }

    /// Accepts this key and no other.
    pub fn set_key(&mut self, key: &str) {
        key.clone_into(&mut self.key);
    }

    /// What it does beside what its dialect fixes.
    pub fn quirks(&self) -> &Quirks {
        &self.quirks
    }

    /// The same, to be changed.
    pub fn quirks_mut(&mut self) -> &mut Quirks {
        &mut self.quirks
    }

    /// The latest instant that any row or call has named: a simulated server has no other clock.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets time pass up to an instant; nothing happens by itself.
    pub fn tick_to(&mut self, at: Timestamp) {
        self.tick([Some(at)]);
    }

    /// Every run that ever was, by serial: those that are gone too, and those of earlier lives.
    pub fn log(&self) -> &[Record] {
        &self.log
    }

    /// In which life the database is; it starts with 1.
    pub fn life(&self) -> u32 {
        self.life
    }

    /// The highest id given so far in this life; 0 is none.
    pub fn last_id(&self) -> i64 {
        self.last_execution
    }

    /// The run that n8n has under this id now.
    pub fn find(&self, id: i64) -> Option<&Record> {
        self.log.get(self.table.find(id)?)
    }

    /// How many executions n8n has now.
    pub fn rows(&self) -> usize {
        self.table.rows().count()
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// Whether the process holds a run in memory, so that lists leave it out.
    pub(crate) fn is_in_memory(&self, id: i64) -> bool {
        self.memory.contains(&id)
    }

    /// Does this before every answer, with path and query of what was asked: things happen in n8n between two requests. The request
    /// log already has the request.
    pub fn on_request(&mut self, hook: impl FnMut(&mut Self, &str) + Send + 'static) {
        self.hook = Some(Box::new(hook));
    }

    /// Forgets what [`State::on_request`] said.
    pub fn clear_hook(&mut self) {
        self.hook = None;
    }

    pub(crate) fn run_hook(&mut self, asked: &str) {
        if let Some(mut hook) = self.hook.take() {
            hook(self, asked);
            // A hook may have put another in its place.
            self.hook.get_or_insert(hook);
        }
    }

    fn tick(&mut self, instants: impl IntoIterator<Item = Option<Timestamp>>) {
        self.now = instants.into_iter().flatten().fold(self.now, Ord::max);
    }

    /// Changes the row of a run, in the log and in every index.
    fn change(&mut self, serial: Serial, change: impl FnOnce(&mut Run)) {
        let Some(record) = self.log.get_mut(serial) else { return };
        let before = record.run.clone();
        change(&mut record.run);
        let (id, after) = (record.id, record.run.clone());
        if before == after {
            return;
        }
        self.table.change(id, &before, &after);
        self.place(id, &after, before.status != after.status);
        self.tick([after.started_at, after.stopped_at]);
    }

    /// Notes who holds a run: the process while it runs, and while it waits on n8n 1; the queue before it starts.
    fn place(&mut self, id: i64, run: &Run, has_changed: bool) {
        if !has_changed {
            return;
        }
        let waits_in_memory = self.quirks.waiting_hidden && run.status == "waiting";
        if waits_in_memory || (self.quirks.running_hidden && run.status == "running") {
            self.memory.insert(id);
        } else {
            self.memory.remove(&id);
        }
        if run.status == "new" {
            self.queue.insert(id);
        } else {
            self.queue.remove(&id);
        }
    }

    fn take_away(&mut self, id: i64, gone: Gone) {
        let Some(serial) = self.table.find(id) else { return };
        if let Some(record) = self.log.get_mut(serial) {
            record.gone = Some(gone);
            self.table.remove(id, &record.run);
        }
        self.memory.remove(&id);
        self.queue.remove(&id);
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State")
            .field("dialect", &self.dialect)
            .field("quirks", &self.quirks)
            .field("life", &self.life)
            .field("last_id", &self.last_execution)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

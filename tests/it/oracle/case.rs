//! One case: a client, its n8n with its history, and what happens to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use flowmastery_core::{
    Config, Flowmastery,
    access::scope::TenantScope,
    clock::Timestamp,
    entropy::OsEntropy,
    id::ClientId,
    model::{
        client::{ClientName, NewClient, SealedInstance},
        instance::InstanceUrl,
    },
    secret::{Place, Vault, VaultKey},
    service::collect::CollectionLimits,
    testing::clock::FixedClock,
};
use flowmastery_tests::kill::Killed;
use n8n_simulator::{Dialect, Fault, History, InProcessN8n, Plan, Pruning, SimulatedN8n, Snapshot};

use super::{
    database::{Row, Shared},
    n8n::Killable,
};

const SECRET: &str = "a signing secret for tests, long enough";
/// 2026-11-23T00:00:00Z, which no clock of a fresh simulator has reached.
const START: Timestamp = Timestamp::from_millis(1_795_392_000_000);
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

/// A small generator of its own, so that a seed says the same for ever.
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound.max(1) as u64) as i64
    }

    fn one_in(&mut self, n: i64) -> bool {
        self.below(n) == 0
    }

    /// Mostly short, sometimes long, at most `longest`.
    fn span(&mut self, longest: i64) -> i64 {
        let part = 1 << self.below(12);
        1 + self.below((longest / part).max(1))
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as i64) as usize].clone()
    }
}

/// What a run looked like at some time.
pub(super) type Look = (String, Option<Timestamp>, Option<Timestamp>);

pub(super) struct Case<'a> {
    pub(super) shared: &'a Shared,
    pub(super) app: Flowmastery,
    pub(super) n8n: SimulatedN8n,
    pub(super) client: ClientId,
    dice: Dice,
    servers: InProcessN8n,
    history: Arc<Mutex<History>>,
    clock: Arc<FixedClock>,
    vault: Vault,
    /// How far our clock is ahead of n8n's.
    skew: i64,
    backup: Option<Snapshot>,
    may_restore: bool,
    overlap: i64,
    /// Polls of the last collection that came to its end.
    polls: u32,
    addresses: u32,
    /// By serial, how each run has looked.
    pub(super) looks: BTreeMap<usize, BTreeSet<Look>>,
    /// Serials that a collection must have stored.
    pub(super) met: BTreeSet<usize>,
    /// Executions that aged out.
    pub(super) aged: Vec<Row>,
    retention: Duration,
    /// What happened, for whoever reads of a failure.
    pub(super) told: Vec<String>,
}

impl<'a> Case<'a> {
    pub(super) async fn new(seed: u64, shared: &'a Shared) -> Self {
        let mut dice = Dice(seed);
        let servers = InProcessN8n::new();
        let dialect = dice.of(&[Dialect::V1, Dialect::V2]);
        let n8n = servers.add_instance(dialect);
        let may_restore = set_quirks(&mut dice, &n8n);
        let plan = Plan {
            workflows: 1 + dice.below(4) as usize,
            per_day: 20.0 + dice.below(120) as f64,
            cancellations: 0.05,
            failures: 0.2,
            sleepers: 0.4,
            unsaved: if dice.one_in(3) { 0.3 } else { 0.0 },
            crash_every: dice.one_in(2).then_some(Duration::from_secs(12 * 3600)),
            ..Plan::default()
        };
        let history = Arc::new(Mutex::new(History::new(seed, START, plan)));
        let skew = dice.of(&[0, 0, 90_000, -90_000, 7 * MINUTE, -20 * MINUTE]);
        let clock = Arc::new(FixedClock::at(Timestamp::from_millis(START.as_millis() + skew)));
        let retention = Duration::from_secs(dice.of(&[90, 90, 2, 1]) * 24 * 3600);
        let overlap = 1 + dice.below(12);
        let limits = CollectionLimits {
            overlap,
            walk_pages: 1 + dice.below(4) as usize,
            // Of the seed and not of the dice, so that everything else stays what the seed has always said.
            walk_batch: 1 + (seed % 30) as usize,
            open_reads: 8 + dice.below(20) as usize,
            probes: 10 + dice.below(20) as usize,
        };
        let mut config = Config::new(SECRET.into(), "https://agency.com");
        config.execution_retention = retention;
        let pages = Killable(servers.clone().with_page_rows(2 + dice.below(12) as u8));
        let app = Flowmastery::builder(config, shared.store.clone())
            .clock(clock.clone())
            .n8n(Arc::new(pages))
            .collection_limits(limits)
            .build()
            .unwrap();
        let vault =
            Vault::new(VaultKey::ring(Vec::new(), [&SECRET.into()]).unwrap(), Arc::new(OsEntropy)).unwrap();
        let name = ClientName::parse(&format!("case {seed}")).unwrap();
        let new = NewClient { name, created_by_admin_id: None, created_at: START };
        let client = shared.store.create_client(None, new).await.unwrap().id;
        let told = vec![format!("{dialect:?} {limits:?} skew {skew} retention {retention:?}")];
        let case = Self {
            shared,
            app,
            n8n,
            client,
            dice,
            servers,
            history,
            clock,
            vault,
            skew,
            backup: None,
            may_restore,
            overlap,
            polls: 200,
            addresses: 0,
            looks: BTreeMap::new(),
            met: BTreeSet::new(),
            aged: Vec::new(),
            retention,
            told,
        };
        case.configure(case.n8n.base_url().clone()).await;
        case
    }

    /// Everything that happens, and the check of what it made.
    pub(super) async fn run(mut self) {
        for _ in 0..12 + self.dice.below(25) {
            self.step().await;
        }
        self.come_to_rest().await;
        super::check::check(&self).await;
    }

    async fn step(&mut self) {
        match self.dice.below(100) {
            0..34 => self.pass_time(6 * HOUR),
            34..64 => self.collect().await,
            64..78 => self.collect_and_kill().await,
            78..82 => self.collect_meanwhile().await,
            82..85 => self.collect_with_fault().await,
            85..88 => self.happen("n8n restarts", |state, _| state.restart()),
            88..90 => self.happen("some are deleted", delete_some),
            90..91 => self.happen("a workflow is deleted", delete_workflow),
            91..92 => self.happen("a workflow is renamed or archived", change_workflow),
            92..94 => {
                self.told.push("back-up".to_owned());
                self.backup = Some(self.n8n.state().backup());
            }
            94..96 => self.restore(),
            96 => {
                self.happen("n8n is reset", |state, _| state.reset());
                self.backup = self.backup.take().filter(|_| self.may_restore);
            }
            97 => self.move_n8n().await,
            98 => self.sweep().await,
            _ => self.skew = self.dice.of(&[0, 60_000, -60_000]),
        }
    }

    /// Both clocks go on, and what is due happens in n8n.
    fn pass_time(&mut self, longest: i64) {
        let span = self.dice.span(longest);
        let to = Timestamp::from_millis(self.n8n.state().now().as_millis() + span);
        self.told.push(format!("{} s pass", span / 1000));
        self.history.lock().unwrap().advance(&mut self.n8n.state(), to);
        self.observe();
        self.set_clock();
    }

    fn set_clock(&self) {
        let now = self.n8n.state().now().as_millis() + self.skew;
        self.clock.set(Timestamp::from_millis(now));
    }

    /// Lets something happen in n8n.
    fn happen(&mut self, what: &str, event: impl FnOnce(&mut n8n_simulator::State, &mut Dice)) {
        self.told.push(what.to_owned());
        event(&mut self.n8n.state(), &mut self.dice);
        self.observe();
    }

    fn restore(&mut self) {
        let Some(backup) = self.backup.clone().filter(|_| self.may_restore) else { return };
        self.happen("the back-up is restored", |state, _| state.restore(&backup));
    }

    /// Notes how every run looks.
    fn observe(&mut self) {
        for record in self.n8n.state().log() {
            let looks = self.looks.entry(record.serial).or_default();
            for run in std::iter::once(&record.run).chain(record.undone.as_deref()) {
                looks.insert((run.status.to_string(), run.started_at, run.stopped_at));
            }
        }
    }

    /// A collection that comes to its end.
    async fn collect(&mut self) {
        let before = self.visible();
        let state = self.shared.store.reach(TenantScope::client(self.client), self.client).await.unwrap();
        let collection = self.app.collector().collect_in_place(self.client);
        let (polls, collected) = Killed::after(u32::MAX, collection).await;
        collected.unwrap().unwrap();
        self.polls = polls;
        let record = self.record().await;
        self.told.push(format!("collected: {:?}, back-filled {}", record.failure, record.back_filled));
        if record.failure.is_none() && record.back_filled {
            // What has ended and stands above the floor of the list is read now at the latest.
            let floor = state.map_or(i64::MAX, |reach| reach.complete_to.0 - self.overlap);
            let floor = if state.is_some_and(|reach| reach.back_filled) { floor } else { i64::MIN };
            self.met.extend(before.into_iter().filter(|(_, id)| *id > floor).map(|(serial, _)| serial));
        }
        self.pass_time(2 * MINUTE);
    }

    async fn record(&self) -> flowmastery_core::store::CollectionRecord {
        let scope = TenantScope::client(self.client);
        self.shared.store.find_client(scope, self.client).await.unwrap().unwrap().collection
    }

    /// Serial and id of what n8n has and has ended.
    fn visible(&self) -> Vec<(usize, i64)> {
        let state = self.n8n.state();
        let ended = state.log().iter().filter(|record| record.gone.is_none() && !record.run.is_open());
        ended.map(|record| (record.serial, record.id)).collect()
    }

    async fn collect_and_kill(&mut self) {
        let polls = 1 + self.dice.below(i64::from(self.polls)) as u32;
        let (_, collected) = Killed::after(polls, self.app.collector().collect_in_place(self.client)).await;
        self.told.push(format!("killed after {polls} polls: {}", collected.is_none()));
        self.pass_time(10 * MINUTE);
    }

    /// A collection during which time passes in n8n, between its requests.
    async fn collect_meanwhile(&mut self) {
        let (history, clock, skew) = (self.history.clone(), self.clock.clone(), self.skew);
        let mut dice = Dice(self.dice.next());
        self.n8n.state().on_request(move |state, _| {
            let to = Timestamp::from_millis(state.now().as_millis() + dice.span(20 * MINUTE));
            history.lock().unwrap().advance(state, to);
            clock.set(Timestamp::from_millis(to.as_millis() + skew));
        });
        let collected = self.app.collector().collect_in_place(self.client).await;
        self.n8n.state().clear_hook();
        collected.unwrap();
        self.told.push("collected while things happened".to_owned());
        self.observe();
        self.set_clock();
    }

    async fn collect_with_fault(&mut self) {
        let faults = [Fault::Status500, Fault::Html404, Fault::Truncated, Fault::Closed, Fault::Unauthorized];
        let (fault, requests) = (self.dice.of(&faults), 1 + self.dice.below(6) as usize);
        self.told.push(format!("{fault:?} meets {requests} requests"));
        self.n8n.state().fail_next(fault, requests);
        self.app.collector().collect_in_place(self.client).await.unwrap();
        self.n8n.state().set_fault(Fault::None);
    }

    async fn move_n8n(&mut self) {
        self.addresses += 1;
        let address = format!("https://moved-{}-{}.simulator.invalid", self.client, self.addresses);
        let url = InstanceUrl::parse(&address).unwrap();
        self.servers.alias(&url, &self.n8n);
        self.told.push("n8n moves".to_owned());
        self.configure(url).await;
    }

    async fn configure(&self, url: InstanceUrl) {
        let key = self.vault.seal(Place::n8n_key(self.client), &self.n8n.key().into()).unwrap();
        let sealed = SealedInstance { url, key };
        let scope = TenantScope::client(self.client);
        self.shared.store.set_instance(scope, self.client, Some(&sealed), START).await.unwrap().unwrap();
    }

    /// Retention, of this client alone: others have their own.
    async fn sweep(&mut self) {
        let before = self.shared.rows(self.client).await;
        let scope = TenantScope::client(self.client);
        let (now, rows) = (self.n8n.state().now(), 1 + self.dice.below(40) as u32);
        let gone =
            self.shared.store.age_out(scope, self.client, now.minus(self.retention), rows).await.unwrap();
        let kept: BTreeSet<_> =
            self.shared.rows(self.client).await.iter().map(|row| (row.epoch, row.execution.id)).collect();
        let aged = before.into_iter().filter(|row| !kept.contains(&(row.epoch, row.execution.id)));
        self.aged.extend(aged);
        self.told.push(format!("{gone} age out"));
    }

    /// Collects until nothing more can be found out, with a reconciliation of everything among it.
    async fn come_to_rest(&mut self) {
        self.told.push("the rest".to_owned());
        let (mut version, mut quiet) = (0, 0);
        for round in 0..80 {
            let day = if round == 1 { 25 * HOUR } else { 2 * MINUTE };
            self.clock.advance(Duration::from_millis(day as u64));
            self.app.collector().collect_in_place(self.client).await.unwrap();
            let record = self.record().await;
            assert!(record.failure.is_none() || round < 5, "{:?} {:#?}", record.failure, self.told);
            quiet = if record.data_version == version && record.back_filled { quiet + 1 } else { 0 };
            version = record.data_version;
            // Three answers of 404 in a few parts, and some missing ids a round, take so long without a change.
            if quiet == 12 {
                return;
            }
        }
    }
}

/// Draws the quirks of an n8n; whether back-ups may be restored. A queued run tells nothing by which it could be told from
/// another one of the same workflow under its number, so that those n8ns are not restored.
fn set_quirks(dice: &mut Dice, n8n: &SimulatedN8n) -> bool {
    let mut state = n8n.state();
    state.tick_to(START);
    let quirks = state.quirks_mut();
    quirks.number_ids = dice.one_in(4);
    quirks.running_hidden = !dice.one_in(5);
    quirks.concurrency_limit = dice.one_in(4).then_some(2);
    if dice.one_in(2) {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        quirks.pruning = Some(Pruning {
            max_age: dice.of(&[hours(336), hours(30), hours(8)]),
            max_count: dice.of(&[0, 200, 60, 12]),
            every: dice.of(&[hours(1), Duration::from_secs(300)]),
        });
    }
    quirks.concurrency_limit.is_none()
}

fn delete_some(state: &mut n8n_simulator::State, dice: &mut Dice) {
    let ids: Vec<i64> =
        state.log().iter().filter(|record| record.gone.is_none()).map(|record| record.id).collect();
    for _ in 0..1 + dice.below(5) {
        if let Some(id) = ids.get(dice.below(ids.len() as i64) as usize) {
            state.delete(*id);
        }
    }
}

fn delete_workflow(state: &mut n8n_simulator::State, dice: &mut Dice) {
    let ids: Vec<String> = state.workflows().keys().cloned().collect();
    if ids.len() > 1 {
        state.delete_workflow(&dice.of(&ids));
    }
}

fn change_workflow(state: &mut n8n_simulator::State, dice: &mut Dice) {
    let ids: Vec<String> = state.workflows().keys().cloned().collect();
    if !ids.is_empty() {
        let id = dice.of(&ids);
        state.rename_workflow(&id, "Another name");
        if dice.one_in(4) {
            state.archive_workflow(&id);
        }
    }
}

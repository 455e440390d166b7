//! The gate before an n8n that waits until it is told to answer, with slots in memory.

use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use tokio::{sync::Semaphore, task::yield_now};

use super::*;
use crate::{
    clock::{SystemClock, Timestamp},
    entropy::OsEntropy,
    model::instance::InstanceUrl,
    store::StoreResult,
};

/// Answers as often as it is let.
#[derive(Debug)]
struct Busy {
    lets: Semaphore,
    asked: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

impl Busy {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            lets: Semaphore::new(0),
            asked: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        })
    }

    async fn answer(&self) {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        self.lets.acquire().await.unwrap().forget();
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
    }

    async fn asked(&self, times: usize) {
        while self.asked.load(Ordering::SeqCst) < times {
            yield_now().await;
        }
    }
}

#[async_trait]
impl N8nApi for Busy {
    async fn workflows(&self, _: &Instance, _: Option<&N8nCursor>) -> Result<N8nPage<Workflow>, N8nError> {
        self.answer().await;
        Ok(N8nPage { items: Vec::new(), next: None })
    }

    async fn executions(&self, _: &Instance, _: &ExecutionQuery) -> Result<N8nPage<Execution>, N8nError> {
        self.answer().await;
        Ok(N8nPage { items: Vec::new(), next: None })
    }

    async fn execution(&self, _: &Instance, _: ExecutionId) -> Result<Option<SingleExecution>, N8nError> {
        self.answer().await;
        Ok(None)
    }

    async fn insights(&self, _: &Instance, _: Range) -> Result<Option<Insights>, N8nError> {
        self.answer().await;
        Ok(Some(Insights { total: 1, failed: 0 }))
    }

    async fn test(&self, _: &Instance) -> Result<(), N8nError> {
        self.answer().await;
        Ok(())
    }
}

/// The slots of some hosts.
#[derive(Default)]
struct Slots {
    holders: Mutex<HashMap<String, String>>,
    away: AtomicBool,
}

impl Slots {
    fn check(&self) -> StoreResult<()> {
        match self.away.load(Ordering::SeqCst) {
            true => Err(StoreError::Unavailable("it is away".into())),
            false => Ok(()),
        }
    }

    fn holder(&self, origin: &str) -> Option<String> {
        self.holders.lock().unwrap().get(origin).cloned()
    }

    fn hand_to(&self, origin: &str, holder: &str) {
        self.holders.lock().unwrap().insert(origin.to_owned(), holder.to_owned());
    }
}

#[async_trait]
impl OriginStore for Slots {
    async fn take_origin(&self, origin: &str, holder: &str, _: Term) -> StoreResult<bool> {
        self.check()?;
        let mut holders = self.holders.lock().unwrap();
        Ok(holders.entry(origin.to_owned()).or_insert_with(|| holder.to_owned()) == holder)
    }

    async fn keep_origin(&self, origin: &str, holder: &str, _: Timestamp) -> StoreResult<bool> {
        self.check()?;
        Ok(self.holder(origin).as_deref() == Some(holder))
    }

    async fn free_origin(&self, origin: &str, holder: &str) -> StoreResult<()> {
        self.check()?;
        let mut holders = self.holders.lock().unwrap();
        if holders.get(origin).is_some_and(|held| held == holder) {
            holders.remove(origin);
        }
        Ok(())
    }
}

const ORIGIN: &str = "https://n8n.acme.com";

fn instance(path: &str) -> Instance {
    Instance { url: InstanceUrl::parse(&format!("{ORIGIN}/{path}")).unwrap(), key: "a key".into() }
}

fn gate(n8n: &Arc<Busy>, slots: &Arc<Slots>) -> Arc<GatedN8n> {
    let gate = GatedN8n::new(n8n.clone(), slots.clone(), Arc::new(SystemClock), Arc::new(OsEntropy));
    Arc::new(gate.unwrap())
}

/// Waits until the slot was freed, which happens behind the caller.
async fn freed(slots: &Slots) {
    while slots.holder(ORIGIN).is_some() {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_at_a_time_reaches_an_origin_over_all_hosts() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    let (ours, theirs) = (gate(&n8n, &slots), gate(&n8n, &slots));
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..3 {
        for gate in [ours.clone(), theirs.clone()] {
            let instance = instance(&number.to_string());
            calls.spawn(async move {
                gate.workflows(&instance, None).await.unwrap();
                gate.executions(&instance, &ExecutionQuery::default()).await.unwrap();
                gate.execution(&instance, ExecutionId(1)).await.unwrap();
            });
        }
    }
    n8n.asked(1).await;
    // Another origin does not wait for the busy one.
    let free = Busy::new();
    free.lets.add_permits(1);
    gate(&free, &Arc::new(Slots::default())).test(&instance("free")).await.unwrap();
    n8n.lets.add_permits(18);
    while calls.join_next().await.is_some_and(|call| call.is_ok()) {}
    assert_eq!(n8n.asked.load(Ordering::SeqCst), 18);
    assert_eq!(n8n.most_in_flight.load(Ordering::SeqCst), 1);
    freed(&slots).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_dropped_frees_the_slot() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    let (ours, theirs) = (gate(&n8n, &slots), gate(&n8n, &slots));
    let dropped = tokio::time::timeout(Duration::from_secs(60), ours.test(&instance(""))).await;
    assert!(dropped.is_err(), "it was held on to for a minute");
    n8n.lets.add_permits(1);
    theirs.test(&instance("")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_for_another_host_says_so() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    slots.hand_to(ORIGIN, "another host");
    let error =
        gate(&n8n, &slots).insights(&instance(""), Range { from: at(0), to: at(1) }).await.unwrap_err();
    assert!(!error.is_n8ns);
    assert!(error.message.contains("Another request to this n8n"), "{error}");
    assert_eq!(n8n.asked.load(Ordering::SeqCst), 0);
    assert_eq!(slots.holder(ORIGIN).as_deref(), Some("another host"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_in_time_is_waited_for() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    slots.away.store(true, Ordering::SeqCst);
    let (gate, instance) = (gate(&n8n, &slots), instance(""));
    let error = gate.test(&instance).await.unwrap_err();
    assert!(error.message.contains("database") && error.source.is_some(), "{error:?}");
    n8n.lets.add_permits(1);
    let back = async {
        sleep(Duration::from_secs(5)).await;
        slots.away.store(false, Ordering::SeqCst);
    };
    let (asked, ()) = tokio::join!(gate.test(&instance), back);
    asked.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_slot_another_host_has_is_given_up() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    let gate = gate(&n8n, &slots);
    let held = tokio::spawn(async move { gate.test(&instance("")).await });
    n8n.asked(1).await;
    // A store that is away tells nothing.
    slots.away.store(true, Ordering::SeqCst);
    sleep(KEEP * 2).await;
    assert!(!held.is_finished());
    slots.away.store(false, Ordering::SeqCst);
    slots.hand_to(ORIGIN, "another host");
    let error = held.await.unwrap().unwrap_err();
    assert!(!error.is_n8ns, "{error}");
    assert_eq!(slots.holder(ORIGIN).as_deref(), Some("another host"));
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_slot_may_have_run_out_is_given_up() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    let gate = gate(&n8n, &slots);
    let held = tokio::spawn(async move { gate.test(&instance("")).await });
    n8n.asked(1).await;
    slots.away.store(true, Ordering::SeqCst);
    sleep(TRUSTED).await;
    let error = tokio::time::timeout(Duration::from_millis(1), held).await.unwrap().unwrap().unwrap_err();
    assert!(!error.is_n8ns, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_host_that_was_paused_asks_nothing_with_a_slot_that_may_have_run_out() {
    let (n8n, slots) = (Busy::new(), Arc::new(Slots::default()));
    let gate = gate(&n8n, &slots);
    let held = tokio::spawn(async move { gate.test(&instance("")).await });
    n8n.asked(1).await;
    // All of its timers are over at once, as after a pause.
    tokio::time::advance(HELD * 2).await;
    n8n.lets.add_permits(1);
    assert!(!held.await.unwrap().unwrap_err().is_n8ns);
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

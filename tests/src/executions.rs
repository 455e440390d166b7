//! Executions that are put straight into a world's store, as a complete collection would, and the chance that makes them.

use std::time::Duration;

use flowmastery_core::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    id::{ClientId, ExecutionId},
    model::{
        execution::{Execution, Status},
        workflow::WorkflowId,
    },
    store::{Applied, Batch, CollectionOutcome, Finished, Lease, Term, Walk},
};

use crate::world::World;

/// Numbers that look random and are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Any number.
    pub fn roll(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 on and below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    /// A number from 0 on and below 1.
    pub fn share(&mut self) -> f64 {
        (self.roll() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A number of a normal distribution around 0 with deviation 1.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.share()).ln()).sqrt() * (std::f64::consts::TAU * self.share()).cos()
    }

    /// One of these.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A production run that succeeded.
pub fn success(id: i64, workflow: &str, started_at: Timestamp, millis: u64) -> Execution {
    Execution {
        id: ExecutionId(id),
        workflow_id: WorkflowId::from(workflow),
        status: Status::Success,
        mode: "webhook".into(),
        started_at: Some(started_at),
        stopped_at: Some(started_at.plus(Duration::from_millis(millis))),
        retry_of: None,
        retry_success_id: None,
    }
}

impl World {
    /// Stores executions of a client as its first collection, which succeeds. The client gets an n8n that is never asked.
    pub async fn store_executions(&self, client: i64, executions: Vec<Execution>) {
        self.configure_unheard(client, "https://n8n.example.com", "a key").await;
        let (now, client) = (self.clock.now(), ClientId(client));
        let scope = TenantScope::client(client);
        let next_attempt = now.plus(Duration::from_secs(60));
        let term = Term { now, until: next_attempt };
        let lease = self.store.lease_client(scope, client, term).await.unwrap();
        let Lease::Leased(turn) = lease else { panic!("{lease:?}") };
        self.store.begin_collection(scope, turn, now, next_attempt).await.unwrap().unwrap();
        let walk = Walk { cursor: None, below: ExecutionId(1), rows: 1 };
        let batch = Batch { walk: Some(walk), ..Batch::of(executions, now) };
        let applied = self.store.apply_executions(scope, turn, batch).await.unwrap();
        assert!(matches!(applied, Applied::Stored { .. }), "{applied:?}");
        let outcome = CollectionOutcome::Complete(None);
        self.store.finish_collection(scope, turn, &outcome, Finished { now, next_attempt }).await.unwrap();
        self.store.give_back(scope, turn, None).await.unwrap();
    }
}

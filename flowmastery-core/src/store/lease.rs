//! Leases: which host collects from a client, where several share one database.
//!
//! A lease is a promise among hosts that work; what keeps the numbers right is the [`Turn`] that comes with it. Instants are those of the
//! host's clock: where clocks differ, a lease lasts shorter or longer, and nothing is counted twice.

use async_trait::async_trait;

use super::{StoreResult, Turn};
use crate::{access::scope::TenantScope, clock::Timestamp, id::ClientId};

/// How long something is held that runs out by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// What ran out by then is free.
    pub now: Timestamp,
    /// When it runs out, unless it is renewed.
    pub until: Timestamp,
}

/// Which clients are to be leased because it is time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Those whose lease ran out without being given back: their host is gone.
    Abandoned,
    /// Those whose time has come, and whose last collection went well, or that have had none.
    Sound,
    /// Those whose time has come, and whose last collection failed.
    Failing,
}

/// What became of the wish to collect from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is leased, with the next turn.
    Leased(Turn),
    /// Another lease has not run out, or somebody is just writing the client's numbers.
    Elsewhere,
    /// The client is outside of the scope, deleted or without an n8n.
    Gone,
}

/// Leases of clients. Each comes with the next [`Turn`], so that whoever held the one before stores nothing more.
#[async_trait]
pub trait LeaseStore: Send + Sync {
    /// Leases at most `limit` clients with a configured n8n that are due, those first that are due longest. What another host just leases
    /// or writes is passed over. In no order.
    async fn lease_due(&self, scope: TenantScope, term: Term, due: Due, limit: u16)
    -> StoreResult<Vec<Turn>>;

    /// Leases one client, due or not.
    async fn lease_client(&self, scope: TenantScope, client: ClientId, term: Term) -> StoreResult<Lease>;

    /// When the lease of a client runs out or ran out; `None` when it was given back, or there is no such client.
    async fn leased_until(&self, scope: TenantScope, client: ClientId) -> StoreResult<Option<Timestamp>>;

    /// Renews the leases of some turns; those of them that are still leased. What is just being written stays as it is, so that nobody waits.
    async fn renew_leases(
        &self,
        scope: TenantScope,
        turns: &[Turn],
        until: Timestamp,
    ) -> StoreResult<Vec<Turn>>;

    /// Gives a lease back, with the instant from which the client is due where its collection did not come to an end. Nothing when the
    /// turn is over.
    async fn give_back(&self, scope: TenantScope, turn: Turn, due: Option<Timestamp>) -> StoreResult<()>;
}

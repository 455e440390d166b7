//! The store ports: one object-safe trait per aggregate, and [`Store`], which is all of them.
//!
//! Rules: every method on tenant data takes a [`TenantScope`] first and neither sees nor changes anything outside of it. A fact of
//! several rows is one method with its transaction inside. `find` answers `None` where there is nothing; `list` answers a page.
//!
//! # A store of your own
//!
//! [`Store`] is seventeen traits with some eighty methods, and nothing in this library knows what is behind them: whoever implements all of them has a
//! store. It is weeks of work and not days, since most of what keeps tenants apart and numbers right is promised here. Ours has some 6,700 lines for two
//! databases. `store_contract!` (feature `testing`) proves one by more than two hundred cases, and a suite of its own does for each
//! trait while it grows, as `user_contract!` or `lease_contract!`. The order in which it goes best is users, sessions, invitations, clients, leases, executions,
//! metrics, and then the rest; cases of a trait make their rows through those before it.
//!
//! What the documentation of a method says is what it does. What holds of all of them:
//!
//! - **All or nothing.** A method is one transaction: others see what was before it or what is after it, and a method that is dropped half-way has
//!   changed everything or nothing, and leaves neither a lock nor an open transaction behind.
//! - **Once, however many race.** What is spent (refresh tokens, invitations, resets), leased or replaced is read and written under one lock, or by
//!   a statement that changes the row only as it was read. Read-committed isolation and locked rows are enough; snapshots that do not lock are not.
//! - **A [`Turn`] is looked at inside of the transaction that writes.** A host that was stopped for a minute comes back and writes under a turn
//!   that another one has taken meanwhile: its write must find that out and store nothing.
//! - **One instant a read.** A method that answers several rows, sums and rows, or several clients reads all of them as they were at one instant.
//! - **The scope is a condition of every statement.** A row outside of it is one that does not exist: not found, not listed, not counted, not changed.
//! - **The feed misses nothing** ([`ChangeStore`]). Whoever reads it after a change was committed gets that change once, whatever the order in
//!   which transactions commit, or hears that it must forget everything.
//! - **What changes something writes its audit entry in the same transaction**, with the author of its scope ([`NewAuditEntry`]).
//! - **Ids are never used again**, not even those of rows that are gone: tokens, cache keys and sealed texts are bound to them.
//! - **An outage is [`StoreError::Unavailable`]** and nothing else is, since callers are told to come again. Nothing is tried again inside, and
//!   nothing waits for longer than a caller would.
//!
//! Migrations, roles and connections are the store's own matter: no trait knows of them. What was checked before it was stored, such as names and addresses, is
//! read with the constructor that checked it, and comes out as it went in.

mod audit;
mod change;
mod client;
mod error;
mod execution;
mod import;
mod invitation;
mod lease;
mod listing;
mod metrics;
mod origin;
mod outbox;
mod password_reset;
mod sealed;
mod session;
mod sign_in;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub mod sql;
mod user;
mod verification;

use std::fmt;

use async_trait::async_trait;

pub use self::{
    audit::{AuditStore, KEPT_AT_LEAST_DAYS, NewAuditEntry},
    change::{Change, ChangeStore, Changes, FeedPosition},
    client::{ClientStore, Configured},
    error::{StoreError, StoreResult},
    execution::{
        Applied, Batch, CollectionOutcome, CollectionState, ExecutionStore, Finished, Pruned, Turn, Walk,
    },
    import::{AddressUse, HistoryBatch, ImportSource, ImportStanding, ImportStore, Imported},
    invitation::{Accepted, InvitationStore, Revocation, StoredInvitation},
    lease::{Due, Lease, LeaseStore, Term},
    listing::ListingStore,
    metrics::{ClientSnapshot, DayCount, MetricsQuery, MetricsStore, SeriesSnapshot},
    origin::OriginStore,
    outbox::OutboxStore,
    password_reset::{PasswordResetStore, Reset},
    sealed::{SealedColumn, SealedRow, SealedStore},
    session::SessionStore,
    sign_in::SignInStore,
    user::{PasswordChange, UserRemoval, UserStore, UserUpdate},
    verification::{Kept, Recount, VerificationStore},
};
#[expect(unused_imports, reason = "named in the documentation above")]
use crate::access::scope::TenantScope;
pub use crate::model::collection::{CollectionRecord, Failure};

/// A whole store.
#[async_trait]
pub trait Store:
    UserStore
    + SessionStore
    + SignInStore
    + InvitationStore
    + OutboxStore
    + PasswordResetStore
    + ClientStore
    + LeaseStore
    + ExecutionStore
    + MetricsStore
    + ListingStore
    + VerificationStore
    + ImportStore
    + OriginStore
    + SealedStore
    + ChangeStore
    + AuditStore
    + fmt::Debug
{
    /// Asks the store for a trivial answer.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it gives none.
    async fn ping(&self) -> StoreResult<()>;
}

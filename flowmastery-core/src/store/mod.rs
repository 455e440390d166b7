//! The store ports: one object-safe trait per aggregate, and [`Store`], which is all of them.
//!
//! Rules: every method on tenant data takes a [`TenantScope`] first and neither sees nor changes anything outside of it. A fact of
//! several rows is one method with its transaction inside. `find` answers `None` where there is nothing; `list` answers a page.

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
    metrics::{ClientSnapshot, MetricsQuery, MetricsStore, SeriesSnapshot},
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

//! Taking over what another FlowMastery has: where it is read from, and how it is stored, once each.
//!
//! What was made of a record is remembered with it in one transaction, for good: a record that was changed or deleted here since stays
//! so. A client's history goes only into a client that has never had an n8n here, so that it is whole before the first collection.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;

use super::{Applied, StoreResult};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::{ClientId, UserId},
    model::{
        client::{NewClient, SealedInstance},
        email::Email,
        execution::Execution,
        import::source::{
            ImportedUser, ImportedWorkflow, SourceClient, SourceExecution, SourceHistory, SourceInvitation,
            SourceUser, SourceWorkflow,
        },
        invitation::NewInvitation,
    },
};

/// The database of a Python FlowMastery, as it stood when it was opened.
#[async_trait]
pub trait ImportSource: Send + Sync {
    /// Users, oldest first.
    async fn users(&self) -> StoreResult<Vec<SourceUser>>;

    /// Clients, oldest first.
    async fn clients(&self) -> StoreResult<Vec<SourceClient>>;

    /// Invitations that nobody has accepted, oldest first; some may have expired.
    async fn pending_invitations(&self) -> StoreResult<Vec<SourceInvitation>>;

    /// The workflows of a client.
    async fn workflows(&self, client: &str) -> StoreResult<Vec<SourceWorkflow>>;

    /// How many executions a client has.
    async fn history(&self, client: &str) -> StoreResult<SourceHistory>;

    /// From now on [`ImportSource::more_executions`] reads those of this client, from the beginning.
    async fn open_history(&self, client: &str) -> StoreResult<()>;

    /// The next executions, ascending by their numbers, those without one first; none at the end.
    async fn more_executions(&self, rows: u32) -> StoreResult<Vec<SourceExecution>>;
}

/// What of another FlowMastery a stored record was made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Imported {
    /// A client.
    Client,
    /// A user.
    User,
    /// An invitation.
    Invitation,
    /// All executions of a client.
    History,
}

impl Imported {
    /// As stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::User => "user",
            Self::Invitation => "invitation",
            Self::History => "history",
        }
    }
}

/// Whose an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressUse {
    /// Nobody's.
    Free,
    /// It has an account.
    Account,
    /// It has a pending invitation.
    Invited,
}

/// What a client here has that an import must not touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportStanding {
    /// Whether it has never had an n8n here.
    pub is_untouched: bool,
    /// n8n's ids of its workflows.
    pub workflows: HashSet<String>,
}

/// Executions of a history.
#[derive(Clone, Debug)]
pub struct HistoryBatch {
    /// In any order.
    pub executions: Vec<Execution>,
    /// When they were read.
    pub read_at: Timestamp,
    /// The id of the client there, when these are the last ones.
    pub end_of: Option<String>,
}

/// Storing what another FlowMastery has.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// What was made of the records of a kind, by their ids there; it may be gone by now.
    async fn imported(&self, scope: TenantScope, what: Imported) -> StoreResult<HashMap<String, i64>>;

    /// Whose an address is; an account comes before an invitation.
    async fn address_use(&self, email: &Email, now: Timestamp) -> StoreResult<AddressUse>;

    /// What a client has; `None` when it is outside of the scope or gone.
    async fn import_standing(
        &self,
        scope: TenantScope,
        client: ClientId,
    ) -> StoreResult<Option<ImportStanding>>;

    /// Stores a client; `None` when it was imported before.
    async fn import_client(&self, source_id: &str, client: NewClient) -> StoreResult<Option<ClientId>>;

    /// Stores a user; `None` when it was imported before, the address has an account, or the client is outside of the scope or gone.
    async fn import_user(
        &self,
        scope: TenantScope,
        source_id: &str,
        user: ImportedUser,
    ) -> StoreResult<Option<UserId>>;

    /// Stores an invitation; whether it did: not when it was imported before, the address has an account or a pending invitation, or the
    /// client is outside of the scope or gone.
    async fn import_invitation(
        &self,
        scope: TenantScope,
        source_id: &str,
        invitation: NewInvitation,
    ) -> StoreResult<bool>;

    /// Stores workflows of a client that it does not have; how many. None when the client is outside of the scope or gone.
    async fn import_workflows(
        &self,
        scope: TenantScope,
        client: ClientId,
        workflows: &[ImportedWorkflow],
        now: Timestamp,
    ) -> StoreResult<usize>;

    /// Stores executions of a client with their rollups, in one transaction; those that are stored are left alone. One
    /// without a start counts where it ended. [`Applied::Superseded`] when the client has had an n8n, is outside of the scope or gone.
    async fn import_executions(
        &self,
        scope: TenantScope,
        client: ClientId,
        batch: HistoryBatch,
    ) -> StoreResult<Applied>;

    /// Sets the n8n of a client that has never had one; whether it did.
    async fn import_instance(
        &self,
        scope: TenantScope,
        client: ClientId,
        instance: &SealedInstance,
        now: Timestamp,
    ) -> StoreResult<bool>;
}

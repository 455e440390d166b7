//! Clients and their n8n configuration.

use async_trait::async_trait;

use super::{CollectionRecord, StoreResult};
use crate::{
    access::scope::{Author, TenantScope},
    clock::Timestamp,
    id::ClientId,
    model::{
        client::{ClientName, NewClient, SealedInstance},
        instance::InstanceUrl,
    },
    page::{Page, PageRequest},
};

/// A client as stored, with how its collection goes.
#[derive(Clone, Debug)]
pub struct Configured {
    /// Never used again, not even after deletion.
    pub id: ClientId,
    /// Its name.
    pub name: ClientName,
    /// Base address of its n8n.
    pub n8n_api_url: Option<InstanceUrl>,
    /// Whether a key is stored.
    pub has_n8n_api_key: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When name or configuration last changed.
    pub updated_at: Timestamp,
    /// How collection goes.
    pub collection: CollectionRecord,
}

/// Clients. A deleted one is gone for every method at once; [`ClientStore::purge_deleted`] clears up behind it.
#[async_trait]
pub trait ClientStore: Send + Sync {
    /// Stores a client, for somebody or for the host itself.
    async fn create_client(&self, author: Option<Author>, client: NewClient) -> StoreResult<Configured>;

    /// A client by id.
    async fn find_client(&self, scope: TenantScope, id: ClientId) -> StoreResult<Option<Configured>>;

    /// Clients ascending by id.
    async fn list_clients(&self, scope: TenantScope, page: PageRequest) -> StoreResult<Page<Configured>>;

    /// Renames a client; `None` when there is none.
    async fn rename_client(
        &self,
        scope: TenantScope,
        id: ClientId,
        name: &ClientName,
        now: Timestamp,
    ) -> StoreResult<Option<Configured>>;

    /// Sets URL and key together, or clears both; forgets the last failure, ends the [`super::Turn`] and the lease of a collection under way, and
    /// makes the client due at once. Behind another URL may be another instance, whose ids collide with those we know: the next collection finds
    /// out ([`super::ExecutionStore::hear`]). The numbers stay. `None` when there is no such client.
    async fn set_instance(
        &self,
        scope: TenantScope,
        id: ClientId,
        instance: Option<&SealedInstance>,
        now: Timestamp,
    ) -> StoreResult<Option<Configured>>;

    /// The n8n and sealed key of a client; `None` when there is none.
    async fn find_instance(&self, scope: TenantScope, id: ClientId) -> StoreResult<Option<SealedInstance>>;

    /// Deletes a client for every reader at once, with its key, its users, their sessions and its invitations; whether there was one.
    async fn delete_client(&self, scope: TenantScope, id: ClientId, now: Timestamp) -> StoreResult<bool>;

    /// Removes at most about `rows` rows of deleted clients (executions, rollups, workflows, at last the client); how many went.
    /// Zero means that nothing is left to purge, or that another purges.
    async fn purge_deleted(&self, scope: TenantScope, rows: u32) -> StoreResult<u64>;
}

//! Clients: making, naming, removing them, and connecting them to their n8n.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::Serialize;

use crate::{
    access::{actor::Actor, permission::Permission, scope::TenantScope},
    clock::Clock,
    error::{Error, Faults, FieldError, Kind, Result, causes},
    feed::ChangeFeed,
    id::ClientId,
    model::{
        client::{Client, ClientName, Connection, Instance, NewClient, SealedInstance},
        freshness::ConnectionStatus,
        instance::InstanceUrl,
        outbound::OutboundPolicy,
    },
    n8n::{N8nApi, N8nError},
    page::{Page, PageRequest},
    secret::{Place, Vault},
    store::{Change, Configured, Store},
    sync::CollectionRequests,
};

/// The longest that the test of an n8n takes, waiting for its turn at that server included.
const TEST_TIMEOUT: Duration = Duration::from_secs(10);

/// An n8n address with its key, as an admin sends them: always together, so that a stored key never goes to a new address.
#[derive(Clone, Debug)]
pub struct InstanceConfig(Instance);

impl InstanceConfig {
    /// Checks address and key.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault of `n8n_api_url` and `n8n_api_key`; the key is not repeated.
    pub fn parse(url: &str, key: SecretString) -> Result<Self> {
        let mut faults = Faults::default();
        let url = faults.check(InstanceUrl::parse(url));
        faults.check(Instance::check_key(&key));
        faults.finish(url.map(|url| Self(Instance { url, key })))
    }
}

/// A client with what the test of its n8n found.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ConnectedClient {
    /// The client.
    #[serde(flatten)]
    pub client: Client,
    /// What the test found.
    pub connection: Connection,
}

/// Clients.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) feed: Arc<ChangeFeed>,
    pub(crate) n8n: Arc<dyn N8nApi>,
    pub(crate) vault: Vault,
    pub(crate) collection: Arc<dyn CollectionRequests>,
    pub(crate) outbound: OutboundPolicy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sync_interval: Duration,
}

impl Clients {
    /// Makes a client.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins.
    pub async fn create(&self, actor: Actor, name: ClientName) -> Result<Client> {
        actor.require(Permission::ManageClients)?;
        let created_at = self.clock.now();
        let new = NewClient { name, created_by_admin_id: Some(actor.user_id()), created_at };
        let client = self.store.create_client(actor.scope().author(), new).await?;
        self.feed.forget(Change::Client(client.id));
        Ok(self.shown(client))
    }

    /// Clients, ascending by id.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins.
    pub async fn list(&self, actor: Actor, page: PageRequest) -> Result<Page<Client>> {
        actor.require(Permission::ManageClients)?;
        let page = self.store.list_clients(actor.scope(), page).await?;
        Ok(page.map(|client| self.shown(client)))
    }

    /// A client: any for admins, the own one for client users.
    ///
    /// # Errors
    /// [`Kind::NotFound`], also for another tenant's.
    pub async fn get(&self, actor: Actor, id: ClientId) -> Result<Client> {
        let scope = actor.require_client(Permission::ViewClient, id)?;
        found(self.store.find_client(scope, id).await?).map(|client| self.shown(client))
    }

    /// Renames a client.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`].
    pub async fn rename(&self, actor: Actor, id: ClientId, name: &ClientName) -> Result<Client> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        let renamed = self.store.rename_client(scope, id, name, self.clock.now()).await?;
        self.feed.forget(Change::Client(id));
        found(renamed).map(|client| self.shown(client))
    }

    /// Tests an n8n, saves its address and sealed key, and starts a collection. What is wrong with a reachable address or an unreachable
    /// one is said and does not keep it from being saved; a key that n8n refuses is not saved.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`], [`Kind::Invalid`] when the outbound guard refuses the
    /// address or n8n refuses the key.
    pub async fn configure(
        &self,
        actor: Actor,
        id: ClientId,
        config: InstanceConfig,
    ) -> Result<ConnectedClient> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        let InstanceConfig(instance) = config;
        found(self.store.find_client(scope, id).await?)?;
        self.outbound.check(&instance.url).map_err(|fault| Error::invalid(vec![fault]))?;
        let connection = self.test(&instance).await?;
        if connection.status == ConnectionStatus::AuthFailed {
            return Err(Error::invalid(vec![FieldError::new("n8n_api_key", connection.message)]));
        }
        let key = self.vault.seal(Place::n8n_key(id), &instance.key)?;
        let sealed = SealedInstance { url: instance.url, key };
        let stored = self.store.set_instance(scope, id, Some(&sealed), self.clock.now()).await?;
        self.feed.forget(Change::Client(id));
        let client = self.shown(found(stored)?);
        self.collection.restart(id);
        Ok(ConnectedClient { client, connection })
    }

    /// Forgets a client's n8n address and key. What was collected stays.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`].
    pub async fn unconfigure(&self, actor: Actor, id: ClientId) -> Result<()> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        let stored = self.store.set_instance(scope, id, None, self.clock.now()).await?;
        self.feed.forget(Change::Client(id));
        found(stored).map(|_| ())
    }

    /// Tests the n8n that is configured. A stored key that does not open is said as one that n8n refuses: it has to be set again.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`], [`Kind::Conflict`] when none is configured.
    pub async fn test_connection(&self, actor: Actor, id: ClientId) -> Result<Connection> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        let sealed = self.configured_instance(scope, id).await?;
        match self.vault.open(Place::n8n_key(id), &sealed.key) {
            Ok(key) => self.test(&Instance { url: sealed.url, key }).await,
            Err(error) => {
                Ok(Connection { status: ConnectionStatus::AuthFailed, message: error.message().to_owned() })
            }
        }
    }

    /// Starts a collection now.
    ///
    /// # Errors
    /// As [`Clients::test_connection`].
    pub async fn collect(&self, actor: Actor, id: ClientId) -> Result<()> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        self.configured_instance(scope, id).await?;
        self.collection.collect_now(id, Duration::ZERO).await;
        Ok(())
    }

    /// Deletes a client: gone at once for every reader, its rows are purged behind it.
    ///
    /// # Errors
    /// [`Kind::Forbidden`] for all but admins, [`Kind::NotFound`].
    pub async fn remove(&self, actor: Actor, id: ClientId) -> Result<()> {
        let scope = actor.require_client(Permission::ManageClients, id)?;
        let deleted = self.store.delete_client(scope, id, self.clock.now()).await?;
        // Its users' sessions are gone as well.
        self.feed.forget_all();
        if deleted { Ok(()) } else { Err(Error::not_found("client")) }
    }

    async fn configured_instance(&self, scope: TenantScope, id: ClientId) -> Result<SealedInstance> {
        if let Some(instance) = self.store.find_instance(scope, id).await? {
            return Ok(instance);
        }
        found(self.store.find_client(scope, id).await?)?;
        Err(Error::new(
            Kind::Conflict,
            "No n8n is configured for this client; set its address and key first.",
        ))
    }

    async fn test(&self, instance: &Instance) -> Result<Connection> {
        let late = || {
            let message = format!("n8n did not answer within {} seconds.", TEST_TIMEOUT.as_secs());
            N8nError::new(ConnectionStatus::Unreachable, message)
        };
        let tested = tokio::time::timeout(TEST_TIMEOUT, self.n8n.test(instance)).await;
        match tested.unwrap_or_else(|_| Err(late())) {
            Ok(()) => Ok(Connection {
                status: ConnectionStatus::Ok,
                message: "n8n answers and accepts the key.".to_owned(),
            }),
            Err(error) if !error.is_n8ns => {
                Err(Error::new(Kind::Unavailable, error.message.clone()).with_source(error))
            }
            Err(error) => {
                tracing::info!(connection = error.status.as_str(), error = %error, causes = causes(&error), "the test of an n8n connection failed");
                Ok(Connection::from(&error))
            }
        }
    }

    fn shown(&self, client: Configured) -> Client {
        let configured = client.n8n_api_url.is_some();
        Client {
            id: client.id,
            name: client.name,
            n8n_api_url: client.n8n_api_url,
            has_n8n_api_key: client.has_n8n_api_key,
            created_at: client.created_at,
            updated_at: client.updated_at,
            sync: client.collection.sync(configured, self.clock.now(), self.sync_interval),
        }
    }
}

fn found<T>(client: Option<T>) -> Result<T> {
    client.ok_or_else(|| Error::not_found("client"))
}

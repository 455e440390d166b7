//! Databases with many tenants, each with an n8n of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use flowmastery_core::{
    Config, Flowmastery,
    access::scope::TenantScope,
    clock::{Clock, SystemClock},
    entropy::OsEntropy,
    id::ClientId,
    model::{
        client::{ClientName, Instance, NewClient, SealedInstance},
        email::Email,
        password::Password,
    },
    secret::{Place, Vault, VaultKey},
    store::{Store, sql::SqlStore},
};

use crate::{Fallible, n8n_process::N8nProcess, program::SECRET};

/// The address of the admin that every such database has.
pub const ADMIN: &str = "admin@agency.example";
/// The admin's password.
pub const PASSWORD: &str = "correct horse battery";
/// The name that the standalone server gives a database.
pub const DATABASE: &str = "flowmastery.db";
/// A file system in memory, where Linux has it: tens of thousands of commits need not wait for a disk that measures nothing here.
const MEMORY: &str = "/dev/shm";

/// Makes the database of a standalone server in a directory, with an admin and so many tenants.
///
/// # Errors
/// Those of the store.
pub async fn make(directory: &Path, tenants: u32, n8n: &N8nProcess) -> Fallible<()> {
    let memory = PathBuf::from(MEMORY);
    let made_in = tempfile::tempdir_in(if memory.is_dir() { &memory } else { directory })?;
    let file = made_in.path().join(DATABASE);
    let store = SqlStore::open(format!("sqlite://{}", file.display())).await?;
    let shared: Arc<dyn Store> = Arc::new(store.clone());
    let flowmastery =
        Flowmastery::builder(Config::new(SECRET.into(), "https://agency.example"), shared).build()?;
    let password = Password::choose(PASSWORD.into()).map_err(|fault| fault.message)?;
    let email = Email::parse(ADMIN).map_err(|fault| fault.message)?;
    flowmastery.users().create_admin(email, &password).await?;
    for tenant in 0..tenants {
        configure(&store, &format!("Tenant {tenant}"), &n8n.instance(tenant)?).await?;
    }
    drop(flowmastery);
    store.close().await;
    for file in fs::read_dir(made_in.path())? {
        let file = file?;
        fs::copy(file.path(), directory.join(file.file_name()))?;
    }
    Ok(())
}

/// A client with an n8n whose key is sealed, which nothing has collected yet.
///
/// # Errors
/// Those of the store.
pub async fn configure(store: &dyn Store, name: &str, instance: &Instance) -> Fallible<ClientId> {
    let now = SystemClock.now();
    let name = ClientName::parse(name).map_err(|fault| fault.message)?;
    let new = NewClient { name, created_by_admin_id: None, created_at: now };
    let client = store.create_client(None, new).await?.id;
    let vault = Vault::new(vec![VaultKey::derive(&SECRET.into())?], Arc::new(OsEntropy))?;
    let key = vault.seal(Place::n8n_key(client), &instance.key)?;
    let sealed = SealedInstance { url: instance.url.clone(), key };
    store.set_instance(TenantScope::client(client), client, Some(&sealed), now).await?;
    Ok(client)
}

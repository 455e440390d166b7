//! What is known before anybody has signed in, in SQL: networks that users signed in from, and hashes that were imported.

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    SqlStore,
    pool::{Tx, execute, fetch_one, fetch_optional},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::UserId,
    model::{
        email::Email,
        session::{NETWORK_KNOWN, NewSession},
    },
    request::Network,
    store::{SignInStore, StoreResult},
};

/// Notes from where a user opens a session, and forgets from where none was opened for long.
pub(super) async fn note_network(tx: &mut Tx, user: UserId, session: &NewSession) -> StoreResult<()> {
    let Some(network) = session.origin.network() else { return Ok(()) };
    execute!(
        tx.db(),
        "INSERT INTO known_addresses (user_id, network, last_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id, network) DO UPDATE SET last_at = excluded.last_at",
        user,
        network.to_string(),
        session.created_at,
    )?;
    execute!(
        tx.db(),
        "DELETE FROM known_addresses WHERE user_id = $1 AND last_at <= $2",
        user,
        session.created_at.minus(NETWORK_KNOWN),
    )?;
    Ok(())
}

#[async_trait]
impl SignInStore for SqlStore {
    async fn knows_network(&self, email: &Email, network: Network, since: Timestamp) -> StoreResult<bool> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let (known,): (bool,) = fetch_one!(
            conn.db(),
            "SELECT EXISTS (SELECT 1 FROM known_addresses k JOIN users u ON u.id = k.user_id
                            WHERE u.email = $1 AND k.network = $2 AND k.last_at > $3)",
            email.as_str(),
            network.to_string(),
            since,
        )?;
        Ok(known)
    }

    async fn imported_hash(&self) -> StoreResult<Option<SecretString>> {
        let mut conn = self.pool.read(TenantScope::ALL).await?;
        let row: Option<(String,)> = fetch_optional!(
            conn.db(),
            // As the condition of the index says it.
            "SELECT hashed_password FROM users WHERE is_active AND substr(hashed_password, 1, 2) = '$2' LIMIT 1",
        )?;
        Ok(row.map(|(hash,)| hash.into()))
    }
}

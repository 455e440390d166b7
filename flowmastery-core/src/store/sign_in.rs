//! What is known before anybody has signed in.

use async_trait::async_trait;
use secrecy::SecretString;

use super::StoreResult;
use crate::{clock::Timestamp, model::email::Email, request::Network};

/// What is known before anybody has signed in. There is no scope yet.
#[async_trait]
pub trait SignInStore: Send + Sync {
    /// Whether a session of the account of this address was opened from the network after `since`: by a sign-in, or by accepting its invitation.
    async fn knows_network(&self, email: &Email, network: Network, since: Timestamp) -> StoreResult<bool>;

    /// One of the bcrypt hashes that active users still have, who were imported and have not signed in since.
    async fn imported_hash(&self) -> StoreResult<Option<SecretString>>;
}

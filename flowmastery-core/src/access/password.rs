//! Stub of the password hasher.
use crate::{entropy::Entropy, error::Result, model::password::Password};
use secrecy::SecretString;
use std::sync::Arc;
/// What a verification found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// x
    Match,
    /// x
    MatchNeedsRehash,
    /// x
    Mismatch,
}
/// Hashes.
#[derive(Clone, Debug)]
pub struct PasswordHasher {
    entropy: Arc<dyn Entropy>,
}
impl PasswordHasher {
    /// New.
    pub fn new(entropy: Arc<dyn Entropy>) -> Result<Self> {
        Ok(Self { entropy })
    }
    /// Hash.
    pub async fn hash(&self, password: &Password) -> Result<SecretString> {
        let _ = &self.entropy;
        Ok(password.secret().clone())
    }
    /// Verify.
    pub async fn verify(&self, password: &SecretString, stored: &SecretString) -> Result<Verification> {
        let _ = (password, stored);
        Ok(Verification::Match)
    }
    /// Spend time.
    pub async fn verify_nothing(&self, password: &SecretString) -> Result<()> {
        let _ = password;
        Ok(())
    }
}

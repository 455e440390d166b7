//! The application's own users, who are there before FlowMastery is: each stands for one of its users.

use std::{collections::HashMap, sync::Arc};

use flowmastery_core::{
    access::password::{HashCost, PasswordHasher, Verification},
    entropy::OsEntropy,
    error::{BoxError, Result},
    model::{email::Email, password::Password},
};
use secrecy::SecretString;

/// Everybody who may sign in. An application has them in a table of its own; this one has them from a setting.
#[derive(Debug)]
pub(crate) struct Members {
    by_name: HashMap<String, Member>,
    hasher: PasswordHasher,
}

#[derive(Debug)]
struct Member {
    hashed_password: SecretString,
    stands_for: Email,
}

impl Members {
    /// Reads `NAME:PASSWORD:E-MAIL` of each, with commas between them.
    pub(crate) async fn read(setting: &str) -> Result<Self, BoxError> {
        let hasher = PasswordHasher::new(Arc::new(OsEntropy), HashCost::OWASP);
        let mut by_name = HashMap::new();
        for member in setting.split(',').filter(|member| !member.is_empty()) {
            let parts = member.split_once(':').and_then(|(name, rest)| Some((name, rest.rsplit_once(':')?)));
            let (name, (password, email)) = parts.ok_or("A member is NAME:PASSWORD:E-MAIL.")?;
            let password = Password::choose(password.into())?;
            let hashed_password = hasher.hash(&password).await?;
            let stands_for = Email::parse(email)?;
            by_name.insert(name.to_owned(), Member { hashed_password, stands_for });
        }
        Ok(Self { by_name, hasher })
    }

    /// For which of FlowMastery's users the member with this name and password stands.
    pub(crate) async fn verify(&self, name: &str, password: &SecretString) -> Result<Option<Email>> {
        let member = self.by_name.get(name);
        // A name that nobody has takes as long.
        let stored = member.map(|member| &member.hashed_password);
        let verified = self.hasher.verify_evenly(password, stored, None).await? != Verification::Mismatch;
        Ok(member.filter(|_| verified).map(|member| member.stands_for.clone()))
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.by_name.keys().map(String::as_str).collect();
        names.sort_unstable();
        names
    }
}

//! Rewrapping: seals everything that is stored under an older key of the ring anew, under the newest.
//!
//! It may run beside servers that serve. Each text is replaced alone, and only while it is the one that was read, so that nobody's newer
//! one is lost. Servers that do not hold the newest key yet cannot open what was sealed anew: they get it first.

use std::sync::Arc;

use crate::{
    access::scope::TenantScope,
    clock::Clock,
    error::Result,
    id::{ClientId, MailId},
    model::audit::AuditAction,
    page::{Cursor, PageRequest},
    secret::Vault,
    store::{NewAuditEntry, SealedColumn, SealedRow, Store},
};

/// Seals what is stored anew.
#[derive(Clone, Debug)]
pub struct Rewraps {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What became of the texts of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rewrapped<Id> {
    /// So many were sealed under an older key and are now under the newest.
    pub rewrapped: u64,
    /// So many were under the newest already.
    pub new_already: u64,
    /// These do not open: their key is not in the ring, or they were changed or moved.
    pub lost: Vec<Id>,
}

/// What a rewrapping did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RewrapReport {
    /// The n8n keys of clients.
    pub keys: Rewrapped<ClientId>,
    /// Mails that wait.
    pub mails: Rewrapped<MailId>,
}

impl RewrapReport {
    /// Whether everything that is stored opens under the newest key.
    pub fn is_complete(&self) -> bool {
        self.keys.lost.is_empty() && self.mails.lost.is_empty()
    }
}

/// What became of one text.
enum Fate {
    Rewrapped,
    NewAlready,
    Lost,
    Gone,
}

impl Rewraps {
    /// Walks everything that the vault sealed: for the host's own command. It may be repeated, and goes on where it was interrupted.
    ///
    /// # Errors
    /// [`crate::error::Kind::Unavailable`] when the store is away; what was replaced until then stays so.
    pub async fn run(&self) -> Result<RewrapReport> {
        // Before the first text, so that none is sealed anew without it.
        self.store.note(NewAuditEntry::new(AuditAction::RewrapBegun, self.clock.now())).await?;
        Ok(RewrapReport {
            keys: self.walk(SealedColumn::N8nKeys, ClientId).await?,
            mails: self.walk(SealedColumn::Mails, MailId).await?,
        })
    }

    async fn walk<Id>(&self, column: SealedColumn, name: fn(i64) -> Id) -> Result<Rewrapped<Id>> {
        let mut done = Rewrapped { rewrapped: 0, new_already: 0, lost: Vec::new() };
        let mut page = PageRequest::default();
        loop {
            let rows = self.store.list_sealed(TenantScope::ALL, column, page).await?;
            for row in rows.items {
                let id = row.id;
                match self.rewrap(column, row).await? {
                    Fate::Rewrapped => done.rewrapped += 1,
                    Fate::NewAlready => done.new_already += 1,
                    Fate::Lost => done.lost.push(name(id)),
                    Fate::Gone => {}
                }
            }
            let Some(next) = rows.next else { return Ok(done) };
            page = page.after(next);
        }
    }

    async fn rewrap(&self, column: SealedColumn, mut row: SealedRow) -> Result<Fate> {
        loop {
            let Ok(secret) = self.vault.open(row.place, &row.sealed) else { return Ok(Fate::Lost) };
            if self.vault.is_newest(&row.sealed) {
                return Ok(Fate::NewAlready);
            }
            let anew = self.vault.seal(row.place, &secret)?;
            if self.store.replace_sealed(TenantScope::ALL, column, &row, &anew).await? {
                return Ok(Fate::Rewrapped);
            }
            // Somebody stored another one, or took it away, since it was read.
            let Some(now) = self.find(column, row.id).await? else { return Ok(Fate::Gone) };
            row = now;
        }
    }

    async fn find(&self, column: SealedColumn, id: i64) -> Result<Option<SealedRow>> {
        let first = PageRequest::default().after(Cursor(id.saturating_sub(1)));
        let rows = self.store.list_sealed(TenantScope::ALL, column, first).await?;
        Ok(rows.items.into_iter().find(|row| row.id == id))
    }
}

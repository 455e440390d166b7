//! What the vault sealed, wherever it is stored, for whoever seals it anew.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    access::scope::TenantScope,
    page::{Page, PageRequest},
    secret::{Place, Sealed},
};

/// A column with sealed texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealedColumn {
    /// The n8n keys of clients; a row is known by the client's id.
    N8nKeys,
    /// Mails that wait.
    Mails,
}

/// One sealed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// The row's number.
    pub id: i64,
    /// Where it opens.
    pub place: Place,
    /// The text.
    pub sealed: Sealed,
}

/// Sealed texts, one column at a time.
#[async_trait]
pub trait SealedStore: Send + Sync {
    /// The sealed texts of a column, ascending by id.
    async fn list_sealed(
        &self,
        scope: TenantScope,
        column: SealedColumn,
        page: PageRequest,
    ) -> StoreResult<Page<SealedRow>>;

    /// Puts another text in the place of this one; whether this one was still there. Nothing else of the row changes.
    async fn replace_sealed(
        &self,
        scope: TenantScope,
        column: SealedColumn,
        row: &SealedRow,
        anew: &Sealed,
    ) -> StoreResult<bool>;
}

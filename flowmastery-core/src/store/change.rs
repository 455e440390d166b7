//! The feed of changes: what a host may no longer remember.

use async_trait::async_trait;

use super::StoreResult;
use crate::{
    clock::Timestamp,
    id::{ClientId, SessionId, UserId},
};

/// What was changed or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Change {
    /// A user: role, client, password, or whether it may sign in.
    User(UserId),
    /// A session was closed.
    Session(SessionId),
    /// A client: name, n8n, numbers, or what is said of their freshness; also one that is new.
    Client(ClientId),
}

/// How far the feed was read; only the store knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The last of what was seen.
    pub seen: String,
    /// The life of the database in which that means something.
    pub life: String,
}

/// What a read of the feed found.
#[derive(Clone, Debug)]
pub struct Changes {
    /// Where the next read goes on.
    pub position: FeedPosition,
    /// Everything that was committed since the read before, in no order.
    pub changes: Vec<Change>,
    /// Whether that is all of it. If not, the reader was away for so long that changes were removed meanwhile, the database crashed or
    /// failed over and may have lost what was seen, or it never read before: it must forget everything.
    pub complete: bool,
}

/// The feed of changes. It is for the host itself, which remembers rows of every tenant, so it takes no scope; it holds ids and nothing else.
#[async_trait]
pub trait ChangeStore: Send + Sync {
    /// The changes since a read; with `None`, only from where to go on.
    async fn read_changes(&self, since: Option<&FeedPosition>) -> StoreResult<Changes>;

    /// Removes about `rows` changes from before an instant, oldest first; whether there may be more. While another removes some, nothing is done.
    async fn prune_changes(&self, before: Timestamp, rows: u32) -> StoreResult<bool>;
}

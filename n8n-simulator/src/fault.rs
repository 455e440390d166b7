//! What a server can do in place of its proper answer.

use std::time::Duration;

/// What a server does in place of its proper answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers properly.
    None,
    /// 401, as for a wrong key.
    Unauthorized,
    /// 403, as for a key that lacks a scope.
    Forbidden,
    /// 500 with a JSON message.
    Status500,
    /// 503 with a JSON message, as when n8n has lost its database.
    Status503,
    /// 200 with a page, as while n8n migrates its database.
    Html200,
    /// 404 with a page, as while n8n starts or when its public API is switched off.
    Html404,
    /// The proper JSON, cut in the middle.
    Truncated,
    /// JSON that never ends.
    Endless,
    /// The proper answer after a while.
    Slow(Duration),
    /// Closes the connection without an answer.
    Closed,
}

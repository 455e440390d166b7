//! Examples of what is sent and answered. They are real: a test asks every operation once and keeps `examples.json` as what came of it.

use flowmastery_core::error::{Error, Result};
use serde_json::Value;

const EXAMPLES: &str = include_str!("examples.json");

/// Examples by operation, and of problems by status.
pub(super) struct Examples(Value);

impl Examples {
    /// Those that are kept.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Internal`] never in practice: a test reads them.
    pub(super) fn kept() -> Result<Self> {
        serde_json::from_str(EXAMPLES).map(Self).map_err(Error::internal)
    }

    pub(super) fn request(&self, operation: &str) -> Option<&Value> {
        self.0.get("operations")?.get(operation)?.get("request")
    }

    pub(super) fn response(&self, operation: &str) -> Option<&Value> {
        self.0.get("operations")?.get(operation)?.get("response")
    }

    pub(super) fn problem(&self, status: &str) -> Option<&Value> {
        self.0.get("problems")?.get(status)
    }
}

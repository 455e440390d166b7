//! Whether the parts that answers need are there.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{cache::Cache, error::BoxError, store::Store, sync::CollectionRequests};

/// The longest that a check waits for a part.
const PATIENCE: Duration = Duration::from_secs(2);

/// State of a part, or of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// It answers.
    Ok,
    /// It does not, and answers come without it, slower or older.
    Degraded,
    /// It does not, and answers cannot do without it.
    Down,
}

/// State of one part.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartHealth {
    /// The state.
    pub status: HealthStatus,
    /// How long the part took to answer, in milliseconds; null when it did not, and for the collector, which is not asked.
    pub latency_ms: Option<f64>,
}

/// State of the whole: the worst of its parts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HealthReport {
    /// The worst of the parts.
    pub status: HealthStatus,
    /// Without it nothing is answered.
    pub database: PartHealth,
    /// Without it answers are slower.
    pub cache: PartHealth,
    /// Without it numbers grow old.
    pub collector: PartHealth,
}

/// Checks the parts.
#[derive(Clone, Debug)]
pub struct Health {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) collection: Arc<dyn CollectionRequests>,
}

impl Health {
    /// Asks every part, at the same time; takes 2 s at most.
    pub async fn check(&self) -> HealthReport {
        let store = async { self.store.ping().await.map_err(|error| Box::new(error) as BoxError) };
        let (database, cache) = tokio::join!(
            timed("database", HealthStatus::Down, store),
            timed("cache", HealthStatus::Degraded, self.cache.ping())
        );
        let running = self.collection.is_running();
        let status = if running { HealthStatus::Ok } else { HealthStatus::Degraded };
        let collector = PartHealth { status, latency_ms: None };
        let status = database.status.max(cache.status).max(collector.status);
        HealthReport { status, database, cache, collector }
    }
}

async fn timed(
    part: &'static str,
    otherwise: HealthStatus,
    check: impl Future<Output = Result<(), BoxError>>,
) -> PartHealth {
    let start = tokio::time::Instant::now();
    let error = match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => {
            let latency_ms = (start.elapsed().as_secs_f64() * 1e6).round() / 1e3;
            return PartHealth { status: HealthStatus::Ok, latency_ms: Some(latency_ms) };
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(part, error, "a health check failed");
    PartHealth { status: otherwise, latency_ms: None }
}

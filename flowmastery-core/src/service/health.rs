//! Whether the parts that answers need are there.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::{cache::Cache, error::BoxError, outage::Outage, store::Store, sync::CollectionRequests};

/// The longest that a check waits for a part.
const PATIENCE: Duration = Duration::from_secs(2);

/// State of a part, or of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
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
#[non_exhaustive]
pub struct PartHealth {
    /// The state.
    pub status: HealthStatus,
    /// How long the part took to answer, in milliseconds; null when it did not, and for the collector, which is not asked.
    pub latency_ms: Option<f64>,
}

/// State of the whole: the worst of its parts.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
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
    pub(crate) outages: Arc<Outages>,
}

/// What was said of the parts.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    database: Outage,
    cache: Outage,
}

impl Health {
    /// Asks every part, at the same time; takes 2 s at most.
    pub async fn check(&self) -> HealthReport {
        let store = async { self.store.ping().await.map_err(|error| Box::new(error) as BoxError) };
        let (database, cache) = tokio::join!(timed(store), timed(self.cache.ping()));
        let database = part("database", database, (HealthStatus::Down, &self.outages.database));
        let cache = part("cache", cache, (HealthStatus::Degraded, &self.outages.cache));
        let running = self.collection.is_running();
        let status = if running { HealthStatus::Ok } else { HealthStatus::Degraded };
        let collector = PartHealth { status, latency_ms: None };
        let status = database.status.max(cache.status).max(collector.status);
        HealthReport { status, database, cache, collector }
    }
}

/// How long a check took in milliseconds, or what is wrong.
async fn timed(check: impl Future<Output = Result<(), BoxError>>) -> Result<f64, String> {
    let start = tokio::time::Instant::now();
    match tokio::time::timeout(PATIENCE, check).await {
        Ok(Ok(())) => Ok((start.elapsed().as_secs_f64() * 1e6).round() / 1e3),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// The state of a part, `otherwise` where its check failed. Checks come every few seconds, so an outage is said once a minute.
fn part(
    part: &'static str,
    checked: Result<f64, String>,
    (otherwise, outage): (HealthStatus, &Outage),
) -> PartHealth {
    match checked {
        Ok(latency_ms) => {
            if outage.ends() {
                tracing::info!(part, "health checks succeed again");
            }
            return PartHealth { status: HealthStatus::Ok, latency_ms: Some(latency_ms) };
        }
        Err(error) if outage.begins() => tracing::warn!(part, error, "a health check failed"),
        Err(error) => tracing::debug!(part, error, "a health check failed"),
    }
    PartHealth { status: otherwise, latency_ms: None }
}

//! Settings of collection.

use std::time::Duration;

use super::{reader::Reader, table::Setting};

const SYNC_INTERVAL_SECONDS: Setting = Setting {
    name: "SYNC_INTERVAL_SECONDS",
    default: "60",
    accepts: "a whole number from 1 to 86400",
    meaning: "the longest that a healthy client waits for its next collection",
    secret: false,
};
const EXECUTION_RETENTION_DAYS: Setting = Setting {
    name: "EXECUTION_RETENTION_DAYS",
    default: "90",
    accepts: "a whole number from 1 to 3650",
    meaning: "how long single executions are kept; what they add up to is kept for good",
    secret: false,
};

pub(super) static TABLE: [Setting; 2] = [SYNC_INTERVAL_SECONDS, EXECUTION_RETENTION_DAYS];

/// How collection goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CollectionSettings {
    /// The longest that a healthy client waits for its next collection.
    pub(crate) sync_interval: Duration,
    /// How long single executions are kept.
    pub(crate) execution_retention: Duration,
}

pub(super) fn read(reader: &mut Reader<'_>) -> Option<CollectionSettings> {
    let seconds = reader.number(&SYNC_INTERVAL_SECONDS, 1..=86_400);
    let days = reader.number::<u64>(&EXECUTION_RETENTION_DAYS, 1..=3650);
    Some(CollectionSettings {
        sync_interval: Duration::from_secs(seconds?),
        execution_retention: Duration::from_secs(days? * 24 * 60 * 60),
    })
}

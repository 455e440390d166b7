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
    meaning: "how long single executions are meant to be kept; this version checks the value and keeps them all",
    secret: false,
};

pub(super) static TABLE: [Setting; 2] = [SYNC_INTERVAL_SECONDS, EXECUTION_RETENTION_DAYS];

/// The longest that a healthy client waits.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Duration> {
    let seconds = reader.number(&SYNC_INTERVAL_SECONDS, 1..=86_400);
    // Nothing is removed by age yet; a value that could not mean anything is a fault all the same.
    reader.number::<u16>(&EXECUTION_RETENTION_DAYS, 1..=3650);
    seconds.map(Duration::from_secs)
}

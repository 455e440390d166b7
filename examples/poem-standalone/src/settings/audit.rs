//! Settings of the audit log.

use std::time::Duration;

use flowmastery_core::store::KEPT_AT_LEAST_DAYS;

use super::{reader::Reader, table::Setting};

const AUDIT_RETENTION_DAYS: Setting = Setting {
    name: "AUDIT_RETENTION_DAYS",
    default: "365",
    accepts: "a whole number from 30 to 3650",
    meaning: "how long entries of the audit log are kept; they hold e-mail and IP addresses",
    secret: false,
};

pub(super) static TABLE: [Setting; 1] = [AUDIT_RETENTION_DAYS];

/// How long entries are kept.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Duration> {
    let days = reader.number::<u64>(&AUDIT_RETENTION_DAYS, KEPT_AT_LEAST_DAYS..=3650)?;
    Some(Duration::from_secs(days * 24 * 60 * 60))
}

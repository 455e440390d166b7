//! Settings of tokens: how long they live.

use std::time::Duration;

use flowmastery_core::model::session::TokenLifetimes;

use super::{reader::Reader, table::Setting};

const ACCESS_TOKEN_EXPIRE_MINUTES: Setting = Setting {
    name: "ACCESS_TOKEN_EXPIRE_MINUTES",
    default: "30",
    accepts: "a whole number from 1 to 525600",
    meaning: "how long an access token lives",
    secret: false,
};
const REFRESH_TOKEN_EXPIRE_DAYS: Setting = Setting {
    name: "REFRESH_TOKEN_EXPIRE_DAYS",
    default: "7",
    accepts: "a whole number from 1 to 365",
    meaning: "how long a refresh token lives",
    secret: false,
};

const SESSION_EXPIRE_DAYS: Setting = Setting {
    name: "SESSION_EXPIRE_DAYS",
    default: "30",
    accepts: "a whole number from 1 to 365",
    meaning: "how long a session lasts at most, however often it is refreshed; never shorter than a refresh token",
    secret: false,
};

pub(super) static TABLE: [Setting; 3] =
    [ACCESS_TOKEN_EXPIRE_MINUTES, REFRESH_TOKEN_EXPIRE_DAYS, SESSION_EXPIRE_DAYS];

pub(super) fn read(reader: &mut Reader<'_>) -> Option<TokenLifetimes> {
    let minutes = reader.number::<u64>(&ACCESS_TOKEN_EXPIRE_MINUTES, 1..=525_600);
    let days = reader.number::<u64>(&REFRESH_TOKEN_EXPIRE_DAYS, 1..=365);
    let session = reader.number::<u64>(&SESSION_EXPIRE_DAYS, 1..=365);
    let of_days = |days: u64| Duration::from_secs(days * 24 * 3600);
    let refresh = of_days(days?);
    Some(TokenLifetimes {
        access: Duration::from_secs(minutes? * 60),
        refresh,
        session: of_days(session?).max(refresh),
    })
}

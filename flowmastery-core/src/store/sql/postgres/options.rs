//! How connections to Postgres are made: what a URL may say, and the limits that the server keeps for every session.

use std::{fs::File, str::FromStr, time::Duration};

use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use url::Url;

use super::super::{SqlConfig, dialect, fault::fault};
use crate::store::{StoreError, StoreResult};

/// What a URL may say behind its `?`. sqlx would log what it does not know, with its value, and go on without it.
const PARAMETERS: [&str; 14] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// When the server's side of a connection gives up on a host that is gone without a word, in seconds. sqlx does not let us say the same
/// for our side.
const KEEPALIVE: [(&str, &str); 4] = [
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "60s"),
];

/// How every connection is made, and what holds in its session.
pub(super) fn connect_options(config: &SqlConfig) -> StoreResult<PgConnectOptions> {
    let url = read_url(config.url.expose_secret())?;
    let options = PgConnectOptions::from_str(url.as_str()).map_err(fault)?;
    let millis = |limit: Duration| limit.as_millis().to_string();
    Ok(options
        .application_name("flowmastery")
        .options([("search_path", dialect::SCHEMA)])
        .options(KEEPALIVE)
        .options([
            ("statement_timeout", millis(config.statement_timeout)),
            ("lock_timeout", millis(config.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(config.idle_in_transaction_timeout)),
        ]))
}

/// The same for migrations, which may take long, and wait for others who migrate. Between two of them a session has nothing to wait for:
/// one that does belongs to a host that was stopped, and its lock must not keep the others.
pub(super) fn without_limits(options: &PgConnectOptions) -> PgConnectOptions {
    options.clone().options([
        ("statement_timeout", "0"),
        ("lock_timeout", "0"),
        ("idle_session_timeout", "30s"),
    ])
}

/// The URL as sqlx takes it; what it says is never repeated in an error, save for names.
pub(in super::super) fn read_url(text: &str) -> StoreResult<Url> {
    let refuse = |why: String| StoreError::Internal(why.into());
    let rest = text.split_once(':').map_or("", |(_, rest)| rest);
    let mut url = Url::parse(&format!("postgres:{rest}")).map_err(|error| refuse(error.to_string()))?;
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    if pairs.is_empty() {
        return Ok(url);
    }
    let mut query = url.query_pairs_mut();
    query.clear();
    for (name, value) in &pairs {
        if !PARAMETERS.contains(&name.as_str()) && !name.starts_with("options[") {
            return Err(refuse(format!("the database URL has a parameter that is not known: {name}")));
        }
        if name == "sslrootcert"
            && let Err(error) = File::open(value)
        {
            return Err(refuse(format!("sslrootcert cannot be read: {value}: {error}")));
        }
        // asyncpg's name of it.
        query.append_pair(if name == "ssl" { "sslmode" } else { name }, value);
    }
    drop(query);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;

    use super::*;

    fn options(url: &str) -> StoreResult<PgConnectOptions> {
        connect_options(&SqlConfig::new(url))
    }

    #[test]
    fn tls_is_asked_for_in_either_spelling() {
        for url in
            ["postgres://u@h/d?sslmode=verify-full", "postgresql+asyncpg://u@h/d?ssl=verify-full&port=5433"]
        {
            assert!(matches!(options(url).unwrap().get_ssl_mode(), PgSslMode::VerifyFull), "{url}");
        }
    }

    #[test]
    fn what_a_url_says_in_vain_is_refused_by_name_and_without_its_value() {
        for (url, named) in [
            ("postgres://u:hunter2@h/d?pasword=hunter2", "pasword"),
            ("postgres://u:hunter2@h/d?sslmode=sometimes", "sometimes"),
            ("postgres://u:hunter2@h/d?sslrootcert=/nowhere/ca.pem", "/nowhere/ca.pem"),
            ("postgres://u:hunter2@h:port/d", "port"),
        ] {
            let refused = options(url).unwrap_err();
            let source = std::error::Error::source(&refused).unwrap().to_string();
            assert!(source.contains(named) && !source.contains("hunter2"), "{source}");
            assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
        }
    }
}

//! The settings of the host: one file a concern, read from [`Vars`], checked all at once before anything starts.

mod audit;
mod collection;
mod dashboard;
mod database;
mod links;
mod logging;
mod mail;
mod outbound;
mod reader;
mod secrets;
mod server;
mod table;
mod tokens;
mod vars;

#[cfg(test)]
mod deployment;
#[cfg(test)]
mod tests;

use std::time::Duration;

use flowmastery_core::model::session::TokenLifetimes;
use flowmastery_tower::Dashboard;

use self::reader::Reader;
pub(crate) use self::{
    collection::CollectionSettings,
    database::{Database, DatabaseKind, DatabaseSettings, Redis},
    links::{LinkSettings, reachable},
    logging::{LogFormat, LogSettings},
    mail::{MailSettings, MailTls},
    outbound::OutboundSettings,
    reader::Faults,
    secrets::{LEAST_LENGTH, SecretSettings},
    server::{AllowedHosts, CorsOrigins, ServerSettings},
    table::help,
    vars::Vars,
};

/// Everything that `serve` and `create-admin` need to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerSettings,
    pub(crate) database: DatabaseSettings,
    pub(crate) secrets: SecretSettings,
    pub(crate) tokens: TokenLifetimes,
    pub(crate) mail: Option<MailSettings>,
    pub(crate) links: LinkSettings,
    pub(crate) dashboard: Option<Dashboard>,
    pub(crate) collection: CollectionSettings,
    /// How long entries of the audit log are kept.
    pub(crate) audit_retention: Duration,
    pub(crate) outbound: OutboundSettings,
    pub(crate) logs: LogSettings,
    /// Development.
    pub(crate) debug: bool,
    /// Whether the documentation is served.
    pub(crate) docs: bool,
}

impl Settings {
    /// Reads and checks every setting.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn read(vars: &Vars) -> Result<Self, Faults> {
        let mut reader = Reader::new(vars);
        let server = ServerSettings::read(&mut reader);
        let database = DatabaseSettings::read(&mut reader);
        let secrets = SecretSettings::read(&mut reader);
        let tokens = tokens::read(&mut reader);
        let mail = MailSettings::read(&mut reader);
        let links = LinkSettings::read(&mut reader);
        let dashboard = dashboard::read(&mut reader);
        let collection = collection::read(&mut reader);
        let audit_retention = audit::read(&mut reader);
        let outbound = OutboundSettings::read(&mut reader);
        let logs = LogSettings::read(&mut reader);
        let debug = server.as_ref().zip(database.as_ref()).map(|(server, database)| {
            let safe = server.bind.ip().is_loopback() && database.database.is_sqlite();
            server.debug.unwrap_or(safe && secrets.secret_key.is_none())
        });
        if debug == Some(false) {
            secrets.check_for_production(&mut reader);
        }
        let settings = || {
            let (server, debug) = (server?, debug?);
            Some(Self {
                docs: server.docs.unwrap_or(debug),
                debug,
                server,
                database: database?,
                secrets,
                tokens: tokens?,
                mail,
                links,
                dashboard,
                collection: collection?,
                audit_retention: audit_retention?,
                outbound,
                logs: logs?,
            })
        };
        let settings = settings();
        reader.finish(settings)
    }

    /// The paths that pages are below: with the path of `PUBLIC_URL`, and where a proxy takes that off.
    pub(crate) fn pages(&self) -> Vec<String> {
        let base = self.links.base_path();
        let paths = self.dashboard.iter().flat_map(|dashboard| {
            [dashboard.path().to_owned(), format!("{}{}", base.trim_end_matches('/'), dashboard.path())]
        });
        paths.collect()
    }

    /// Why `DEBUG` is as it is, for the start.
    pub(crate) fn debug_reason(&self) -> &'static str {
        match (self.server.debug, self.debug) {
            (Some(_), _) => "as set",
            (None, true) => "SECRET_KEY is unset, BIND is loopback and the database is SQLite",
            (None, false) => "SECRET_KEY is set, BIND is not loopback or the database is not SQLite",
        }
    }
}

/// Reads only what `health` needs: where the server listens, and for which names.
///
/// # Errors
/// All faults at once.
pub(crate) fn read_for_health(vars: &Vars) -> Result<ServerSettings, Faults> {
    let mut reader = Reader::new(vars);
    let settings = ServerSettings::read(&mut reader);
    reader.finish(settings)
}

/// Reads only what `migrate` needs: the database and the logs.
///
/// # Errors
/// All faults at once.
pub(crate) fn read_for_migration(vars: &Vars) -> Result<(DatabaseSettings, LogSettings), Faults> {
    let mut reader = Reader::new(vars);
    let settings = DatabaseSettings::read(&mut reader).zip(LogSettings::read(&mut reader));
    reader.finish(settings)
}

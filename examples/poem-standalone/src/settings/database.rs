//! Settings of the database and of the shared cache.

use std::{fmt, path::PathBuf, time::Duration};

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use super::{reader::Reader, table::Setting};

const DATABASE_URLS: &str = "sqlite://path/to/file.db, postgres://user:password@host:5432/name or postgresql+asyncpg://… \
                             (special characters in the password as %40 and the like; TLS by ?sslmode= and &sslrootcert=)";

const DATABASE_URL: Setting = Setting {
    name: "DATABASE_URL",
    default: "sqlite://flowmastery.db",
    accepts: DATABASE_URLS,
    meaning: "the database; a missing SQLite file is made",
    secret: true,
};
const DATABASE_MIGRATION_URL: Setting = Setting {
    name: "DATABASE_MIGRATION_URL",
    default: "",
    accepts: "a postgres:// URL of the same database, when DATABASE_URL is one",
    meaning: "PostgreSQL: the role that owns the tables, where it is not the role of DATABASE_URL; migrations run as it, and row-level security \
              holds for the other",
    secret: true,
};
const DATABASE_MAX_CONNECTIONS: Setting = Setting {
    name: "DATABASE_MAX_CONNECTIONS",
    default: "10",
    accepts: "a whole number from 1 to 1000",
    meaning: "the most connections of this server to the database; on SQLite the most readers",
    secret: false,
};
const DATABASE_STATEMENT_TIMEOUT_SECONDS: Setting = Setting {
    name: "DATABASE_STATEMENT_TIMEOUT_SECONDS",
    default: "30",
    accepts: "a whole number from 1 to 3600",
    meaning: "PostgreSQL: how long a statement may run before it counts as failed; migrations may take longer",
    secret: false,
};
const AUTO_MIGRATE: Setting = Setting {
    name: "AUTO_MIGRATE",
    default: "true",
    accepts: "true or false",
    meaning: "serve and create-admin create and migrate the schema first",
    secret: false,
};
const REDIS_URL: Setting = Setting {
    name: "REDIS_URL",
    default: "",
    accepts: "redis://host:6379/0, rediss://user:password@host:6379/0 or redis+unix:///path/to/socket",
    meaning: "a cache that several hosts share; unset: each has its own",
    secret: true,
};

pub(super) static TABLE: [Setting; 6] = [
    DATABASE_URL,
    DATABASE_MIGRATION_URL,
    DATABASE_MAX_CONNECTIONS,
    DATABASE_STATEMENT_TIMEOUT_SECONDS,
    AUTO_MIGRATE,
    REDIS_URL,
];

/// The database and the shared cache.
#[derive(Debug)]
pub(crate) struct DatabaseSettings {
    /// Where the data is.
    pub(crate) database: Database,
    /// The same database as the role that owns the tables.
    pub(crate) migration: Option<Database>,
    /// The most connections.
    pub(crate) max_connections: u32,
    /// How long a statement may run.
    pub(crate) statement_timeout: Duration,
    /// Whether commands migrate first.
    pub(crate) auto_migrate: bool,
    /// The shared cache.
    pub(crate) redis: Option<Redis>,
}

/// A database.
#[derive(Clone, Debug)]
pub(crate) struct Database {
    /// With the password.
    pub(crate) url: SecretString,
    /// Which one.
    pub(crate) kind: DatabaseKind,
    /// The name of the setting that it is from.
    pub(crate) setting: &'static str,
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DatabaseKind {
    /// A file, or none for a database in memory.
    Sqlite(Option<PathBuf>),
    /// Host, port and name, without user and password.
    Postgres(String),
}

impl fmt::Display for DatabaseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(Some(file)) => write!(f, "SQLite, {}", file.display()),
            Self::Sqlite(None) => f.write_str("SQLite in memory: everything is lost at the end"),
            Self::Postgres(place) => write!(f, "PostgreSQL at {place}"),
        }
    }
}

/// The shared cache.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    /// With the password.
    pub(crate) url: SecretString,
    /// Host and port.
    pub(crate) place: String,
}

impl DatabaseSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let database = reader.parse(&DATABASE_URL, |text| Database::parse(&DATABASE_URL, text));
        let migration =
            reader.parse(&DATABASE_MIGRATION_URL, |text| Database::parse(&DATABASE_MIGRATION_URL, text));
        let postgres = |database: &Option<Database>| {
            database.as_ref().is_none_or(|database| matches!(database.kind, DatabaseKind::Postgres(_)))
        };
        if migration.is_some() && !(postgres(&database) && postgres(&migration)) {
            reader.refuse(&DATABASE_MIGRATION_URL);
        }
        let max_connections = reader.number(&DATABASE_MAX_CONNECTIONS, 1..=1000);
        let seconds = reader.number(&DATABASE_STATEMENT_TIMEOUT_SECONDS, 1..=3600);
        let auto_migrate = reader.flag(&AUTO_MIGRATE);
        let redis = reader.parse(&REDIS_URL, Redis::parse);
        Some(Self {
            database: database?,
            migration,
            max_connections: max_connections?,
            statement_timeout: Duration::from_secs(seconds?),
            auto_migrate: auto_migrate?,
            redis,
        })
    }

    /// The database as the role that may change the schema.
    pub(crate) fn owner(&self) -> &Database {
        self.migration.as_ref().unwrap_or(&self.database)
    }
}

impl Database {
    fn parse(setting: &Setting, text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let kind = match scheme {
            "sqlite" => DatabaseKind::Sqlite(sqlite_file(rest)?),
            "postgres" | "postgresql" | "postgresql+asyncpg" => {
                DatabaseKind::Postgres(postgres_place(&format!("postgres:{rest}"))?)
            }
            _ => return None,
        };
        Some(Self { url: text.into(), kind, setting: setting.name })
    }

    /// Whether this is SQLite.
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.kind, DatabaseKind::Sqlite(_))
    }

    /// The file of a SQLite database.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        match &self.kind {
            DatabaseKind::Sqlite(file) => file.as_ref(),
            DatabaseKind::Postgres(_) => None,
        }
    }
}

/// The file that SQLite opens for what follows `sqlite:`.
fn sqlite_file(rest: &str) -> Option<Option<PathBuf>> {
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let in_memory = path == ":memory:" || query.split('&').any(|pair| pair == "mode=memory");
    if in_memory {
        return Some(None);
    }
    let path = percent_decode_str(path).decode_utf8().ok()?;
    (!path.is_empty()).then(|| Some(PathBuf::from(path.as_ref())))
}

fn postgres_place(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    // As sqlx reads it: what stands behind the question mark wins, and a directory is that of a socket.
    let said = url.query_pairs().filter(|(name, _)| name == "host").last();
    let host = said.map(|(_, host)| host.into_owned());
    let host = host.or_else(|| url.host_str().filter(|host| !host.is_empty()).map(str::to_owned));
    let host = host.unwrap_or_else(|| "localhost".to_owned());
    Some(format!("{host}:{}{}", url.port().unwrap_or(5432), url.path()))
}

impl Redis {
    fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let place = match url.scheme() {
            "redis" | "rediss" => format!("{}:{}", url.host_str()?, url.port().unwrap_or(6379)),
            "redis+unix" => url.path().to_owned(),
            _ => return None,
        };
        Some(Self { url: SecretString::from(text), place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(url: &str) -> Option<DatabaseKind> {
        Database::parse(&DATABASE_URL, url).map(|database| database.kind)
    }

    #[test]
    fn sqlite_urls_name_a_file_or_memory() {
        let file = |path: &str| Some(DatabaseKind::Sqlite(Some(path.into())));
        assert_eq!(kind("sqlite://flowmastery.db"), file("flowmastery.db"));
        assert_eq!(kind("sqlite:flowmastery.db?mode=rwc"), file("flowmastery.db"));
        assert_eq!(kind("sqlite:///var/lib/flow%20mastery.db"), file("/var/lib/flow mastery.db"));
        assert_eq!(kind("sqlite::memory:"), Some(DatabaseKind::Sqlite(None)));
        assert_eq!(kind("sqlite://"), None);
    }

    #[test]
    fn postgres_urls_are_shown_without_user_and_password() {
        let place = |place: &str| Some(DatabaseKind::Postgres(place.to_owned()));
        assert_eq!(kind("postgresql+asyncpg://user:hunter2@db.lan/flow"), place("db.lan:5432/flow"));
        for url in
            ["postgres:///flow?host=/run/postgresql", "postgres://u@localhost/flow?host=/run/postgresql"]
        {
            assert_eq!(kind(url), place("/run/postgresql:5432/flow"), "{url}");
        }
        let shown = format!("{:?}", Database::parse(&DATABASE_URL, "postgres://user:hunter2@db/flow"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn other_urls_are_refused() {
        for url in ["mysql://x/y", "flowmastery.db", "", "postgres://host:port/db"] {
            assert!(kind(url).is_none(), "{url}");
        }
        assert!(Redis::parse("http://localhost").is_none());
        assert_eq!(Redis::parse("redis://:pw@localhost:6380/0").unwrap().place, "localhost:6380");
    }
}

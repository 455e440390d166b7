//! Settings of logs.

use std::path::PathBuf;

use super::{
    reader::Reader,
    table::{self, Setting},
};

const LOG_FORMAT: Setting = Setting {
    name: "LOG_FORMAT",
    default: "",
    accepts: "json or text",
    meaning: "how events are written; unset: text on a terminal, else json",
    secret: false,
};
const LOG_FILE: Setting = Setting {
    name: "LOG_FILE",
    default: "",
    accepts: "the path of a file",
    meaning: "a log file beside standard error: one a day with the date at the end, and a link of this name to the newest",
    secret: false,
};
const DB_ECHO: Setting = Setting {
    name: "DB_ECHO",
    default: "false",
    accepts: "true or false",
    meaning: "logs database statements, never the values in them",
    secret: false,
};

pub(super) static TABLE: [Setting; 3] = [LOG_FORMAT, LOG_FILE, DB_ECHO];

/// Logs.
#[derive(Clone, Debug)]
pub(crate) struct LogSettings {
    /// How events are written; none: depends on where they go.
    pub(crate) format: Option<LogFormat>,
    /// The log file.
    pub(crate) file: Option<PathBuf>,
    /// Whether statements are logged.
    pub(crate) db_echo: bool,
    /// What `RUST_LOG` says.
    pub(crate) filter: Option<String>,
}

/// How events are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

impl LogSettings {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let format = reader.parse(&LOG_FORMAT, |text| match text.to_ascii_lowercase().as_str() {
            "json" => Some(LogFormat::Json),
            "text" => Some(LogFormat::Text),
            _ => None,
        });
        let file = reader
            .parse(&LOG_FILE, |text| Some(PathBuf::from(text)).filter(|path| path.file_name().is_some()));
        let db_echo = reader.flag(&DB_ECHO);
        let [.., rust_log] = &table::ELSEWHERE;
        let filter = reader.parse(rust_log, |text| {
            text.parse::<tracing_subscriber::filter::EnvFilter>().ok().map(|_| text.to_owned())
        });
        Some(Self { format, file, db_echo: db_echo?, filter })
    }
}

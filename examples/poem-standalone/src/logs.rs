//! Logs: events on standard error and, for the server, in a file; JSON for machines, text for a terminal.

use std::{fs, io, io::IsTerminal, path::Path};

use tracing_appender::{
    non_blocking::{NonBlocking, WorkerGuard},
    rolling::{RollingFileAppender, Rotation},
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry, filter::Directive, fmt::MakeWriter, layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    failure::{Failure, Outcome},
    settings::{LogFormat, LogSettings},
};

/// poem tells of its own start and end, which we tell better; sqlx of every statement.
const SERVER_FILTER: &str = "info,poem=warn,sqlx=warn";
const COMMAND_FILTER: &str = "warn";
/// Customers of the demonstration are broken on purpose, and collections of them fail as long as it runs.
const DEMO_FILTER: &str = "error";
/// The target of sqlx's statements, which hold placeholders and no values.
const STATEMENTS: &str = "sqlx::query=debug";

/// Writes what is left to the log file when dropped.
#[must_use]
pub(crate) struct Logs {
    _file: Option<WorkerGuard>,
}

/// Starts the logs of the server.
///
/// # Errors
/// When the log file cannot be made.
pub(crate) fn start_server(settings: &LogSettings) -> Outcome<Logs> {
    let (writer, guard) = match &settings.file {
        Some(path) => Some(open(path)?).unzip(),
        None => (None, None),
    };
    let file = writer.map(|writer| layer(writer, settings.format.unwrap_or(LogFormat::Json), false));
    install(settings, SERVER_FILTER, file)?;
    Ok(Logs { _file: guard })
}

/// Starts the logs of a command: warnings, on standard error only.
///
/// # Errors
/// When `RUST_LOG` is not valid.
pub(crate) fn start_command(settings: &LogSettings) -> Outcome {
    install(settings, COMMAND_FILTER, None)
}

/// Starts the logs of the demonstration: errors, on standard error only.
///
/// # Errors
/// When `RUST_LOG` is not valid.
pub(crate) fn start_demo(settings: &LogSettings) -> Outcome {
    install(settings, DEMO_FILTER, None)
}

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

fn install(settings: &LogSettings, default: &str, file: Option<BoxedLayer>) -> Outcome {
    let filter = filter(settings, default)?;
    let terminal = io::stderr().is_terminal();
    let default = if terminal { LogFormat::Text } else { LogFormat::Json };
    let layers: Vec<BoxedLayer> =
        file.into_iter().chain([layer(io::stderr, settings.format.unwrap_or(default), terminal)]).collect();
    // One filter over all layers: after a question that it denied, as sqlx asks them, a filter of a single layer loses the next event.
    let installed = tracing_subscriber::registry().with(layers).with(filter).try_init();
    installed.map_err(|error| Failure::new("The logs cannot be started.").because(error))
}

fn filter(settings: &LogSettings, default: &str) -> Outcome<EnvFilter> {
    let invalid = |error: &dyn std::fmt::Display| Failure::new(format!("RUST_LOG: {error}."));
    let text = settings.filter.as_deref().unwrap_or(default);
    let filter = EnvFilter::builder().parse(text).map_err(|error| invalid(&error))?;
    if !settings.db_echo {
        return Ok(filter);
    }
    let statements: Directive =
        STATEMENTS.parse().map_err(|error: tracing_subscriber::filter::ParseError| invalid(&error))?;
    Ok(filter.add_directive(statements))
}

fn layer<W>(writer: W, format: LogFormat, ansi: bool) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    match format {
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
        }
        LogFormat::Text => layer.boxed(),
    }
}

/// A file a day with the date at the end, and a link of the given name to the newest.
fn open(path: &Path) -> Outcome<(NonBlocking, WorkerGuard)> {
    let failed = |what: &str| Failure::new(format!("LOG_FILE: {} {what}.", path.display()));
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
        return Err(failed("has no name in UTF-8"));
    };
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(|error| failed("cannot be made").because(error))?;
    // The link holds the directory as it is given here, so a relative one would lead nowhere.
    let directory = fs::canonicalize(directory).map_err(|error| failed("cannot be found").because(error))?;
    // The appender replaces what has this name by its link, and must not take somebody's log with it.
    if fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink()) {
        return Err(failed("is there and is not the link that this server makes; move it away"));
    }
    let appender = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .latest_symlink(name)
        .build(directory)
        .map_err(|error| failed("cannot be made").because(error))?;
    Ok(tracing_appender::non_blocking(appender))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn the_log_file_is_a_link_to_the_file_of_the_day() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs/app.log");
        let (mut writer, guard) = open(&path).unwrap();
        writer.write_all(b"hello\n").unwrap();
        drop(guard);
        assert!(path.is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n");
        drop(open(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "hello\n", "a restart on the same day appends");
    }

    #[test]
    fn a_log_that_somebody_else_wrote_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("app.log");
        fs::write(&path, "theirs").unwrap();
        assert!(open(&path).unwrap_err().to_string().starts_with("LOG_FILE: "));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn statements_are_logged_on_demand_only() {
        let settings = |db_echo| LogSettings { format: None, file: None, db_echo, filter: None };
        let quiet = filter(&settings(false), SERVER_FILTER).unwrap().to_string();
        assert!(quiet.contains("sqlx=warn") && !quiet.contains("sqlx::query"), "{quiet}");
        let loud = filter(&settings(true), SERVER_FILTER).unwrap().to_string();
        assert!(loud.contains("sqlx::query=debug"), "{loud}");
    }
}

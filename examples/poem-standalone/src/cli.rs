//! The command line.

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use secrecy::SecretString;

use crate::settings;

/// FlowMastery: a multi-tenant metrics backend for n8n.
#[derive(Debug, Parser)]
#[command(name = "flowmastery", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeArgs,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve the API and collect metrics (the default).
    Serve(ServeArgs),
    /// Look at FlowMastery with made-up numbers: nothing to set up, nothing is kept, and nothing leaves this machine.
    ///
    /// Four customers of an agency with simulated n8n servers, in a database in memory. It prints a link and who may sign in there. Of the
    /// settings only RUST_LOG is read; without --bind another port is taken where 8000 is not free.
    Demo(ServeArgs),
    /// Make an admin account.
    ///
    /// On a terminal it asks for the password, and for the e-mail address unless --email has it. Elsewhere the password comes
    /// from ADMIN_PASSWORD, or else from the first line of standard input, and the address from --email alone.
    CreateAdmin(CreateAdminArgs),
    /// Create, update, undo or show the database schema.
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Take over users, clients, keys, time saved, pending invitations and executions from a Python FlowMastery.
    ///
    /// Without --apply it is a dry run: it reads, says what would be done, and writes nothing. What was taken over is never taken over again, so it
    /// may be repeated, also after it was interrupted. Exit status 0 when everything was taken over or was here already, 1 when something is
    /// left to do, 2 when the import failed.
    Import(ImportArgs),
    /// Compare a client's numbers with its n8n and with the rows that are kept.
    ///
    /// It reads only, and may run beside the server. Every difference is printed with its reason. Exit status 0 when all are explained,
    /// 1 when one is not, 2 when the comparison cannot be made.
    Verify(VerifyArgs),
    /// Seal stored n8n keys and waiting mails anew, under the newest key.
    ///
    /// For after a change of ENCRYPTION_KEYS or SECRET_KEY, beside the running servers, once all of them have the newest key. It may be repeated.
    /// Exit status 0 when everything is under the newest key, 1 when something does not open, 2 when it failed.
    Rewrap,
    /// Ask the running server whether it is alive.
    ///
    /// For the health checks of containers and supervisors, where nothing else can ask. Exit status 0 when it answers 200, else 1.
    Health(HealthArgs),
}

/// Options of `health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArgs {
    /// What to ask; /health/live at the address of BIND unless given. /health also asks for the database.
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
}

/// Options of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The database of the Python FlowMastery, postgres://…; PYTHON_DATABASE_URL unless given. It is only read.
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<SecretString>,
    /// Its SECRET_KEY, which opens the n8n keys of clients, or - for the first line of standard input; PYTHON_SECRET_KEY unless given, which,
    /// unlike an option, other users of the machine do not see. Without one every key has to be entered again.
    #[arg(long, value_name = "KEY")]
    pub(crate) secret_key: Option<SecretString>,
    /// Write it; else it is a dry run.
    #[arg(long)]
    pub(crate) apply: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The client's id.
    #[arg(long, value_name = "ID")]
    pub(crate) client: i64,
    /// Compare only executions that started within so many days; everything that n8n lists unless given.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) days: Option<u32>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address and port to listen on, such as 127.0.0.1:8000; takes the place of BIND.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) bind: Option<String>,
}

/// Options of `create-admin`.
#[derive(Debug, Args)]
pub(crate) struct CreateAdminArgs {
    /// The admin's e-mail address.
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Only when there is no admin yet; else nothing is asked or done.
    #[arg(long)]
    pub(crate) first: bool,
}

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(crate) enum MigrateCommand {
    /// Apply every migration that is not applied yet.
    Up,
    /// Undo the newest migration; the data in its tables is lost.
    Down {
        /// Undo every migration above this version; 0 undoes all.
        #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(0..))]
        to: Option<i64>,
    },
    /// Show every migration and whether it is applied.
    Status,
}

impl Cli {
    /// Reads the process's arguments; ends the process for `--help`, `--version` and misuse.
    pub(crate) fn from_process() -> Command {
        let command = Self::command().after_long_help(settings::help());
        let cli = match Self::from_arg_matches(&command.get_matches()) {
            Ok(cli) => cli,
            Err(error) => error.exit(),
        };
        cli.command.unwrap_or(Command::Serve(cli.serve))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("flowmastery").chain(args.iter().copied()))
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default_with_its_option() {
        assert_eq!(parse(&["--bind", "x"]).unwrap().serve.bind.as_deref(), Some("x"));
        assert!(matches!(
            parse(&["serve", "--bind", "x"]).unwrap().command,
            Some(Command::Serve(ServeArgs { bind: Some(_) }))
        ));
        assert!(parse(&["--bind", "x", "migrate", "up"]).is_err());
    }

    #[test]
    fn down_takes_a_version_that_is_not_negative() {
        assert!(parse(&["migrate", "down", "--to", "0"]).is_ok());
        assert!(parse(&["migrate", "down", "--to=-1"]).is_err());
        assert!(parse(&["migrate", "down", "--to", "x"]).is_err());
    }
}

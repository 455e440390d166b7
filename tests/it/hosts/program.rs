//! The example programs, each on a port of its own over a database with an admin.

use std::{
    process::{ExitStatus, Stdio},
    time::Duration,
};

use flowmastery_tests::{
    program::program,
    world::{ADMIN, PASSWORD},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

const SECRET: &str = "a signing secret for tests, long enough";

/// A program that listens on a port of its own, over a database with an admin; ended with the test.
pub(super) struct Program {
    child: Child,
    pub(super) address: String,
    _directory: TempDir,
}

impl Program {
    /// Starts it with these arguments, of which `DATABASE` is where its database is, and reads where it listens.
    pub(super) async fn start(package: &str, args: &[&str], settings: &[(&str, &str)]) -> Self {
        let name = if package == "poem-standalone" { "flowmastery" } else { package };
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("host.db").display());
        let made = std::process::Command::new(program("poem-standalone", "flowmastery"))
            .args(["create-admin", "--email", ADMIN])
            .current_dir(directory.path())
            .env_clear()
            .envs([("DATABASE_URL", database.as_str()), ("SECRET_KEY", SECRET), ("ADMIN_PASSWORD", PASSWORD)])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let args: Vec<_> =
            args.iter().map(|arg| if *arg == "DATABASE" { database.as_str() } else { arg }).collect();
        let mut child = Command::new(program(package, name))
            .args(args)
            .current_dir(directory.path())
            .env_clear()
            .envs([("DATABASE_URL", database.as_str()), ("SECRET_KEY", SECRET)])
            .envs(settings.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let address =
            address(&mut child).await.unwrap_or_else(|| panic!("{name} did not say where it listens"));
        Self { child, address, _directory: directory }
    }

    /// Asks it to end, as Ctrl-C and service managers do.
    pub(super) fn interrupt(&self) {
        let id = self.child.id().unwrap().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// How it ended, once it has; within a minute.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        timeout(Duration::from_secs(60), self.child.wait()).await.expect("it goes on").unwrap()
    }
}

/// The first address that a program names: the examples in a line of their own, the standalone host in its log.
async fn address(child: &mut Child) -> Option<String> {
    let (sender, mut found) = mpsc::unbounded_channel();
    tokio::spawn(look_for_address(child.stdout.take()?, sender.clone()));
    tokio::spawn(look_for_address(child.stderr.take()?, sender));
    timeout(Duration::from_secs(30), found.recv()).await.ok().flatten()
}

/// Reads to the end, so that the program is never held up by what it says.
async fn look_for_address(output: impl AsyncRead + Unpin, found: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let at = line.find("127.0.0.1:").map(|at| line.split_at(at).1);
        let address =
            at.and_then(|at| at.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next());
        if let (true, Some(address)) = (line.to_lowercase().contains("listen"), address) {
            let _ = found.send(address.to_owned());
        }
    }
}

//! The example programs, each on a port of its own over a database with an admin.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use flowmastery_tests::{
    program::program,
    world::{ADMIN, PASSWORD},
};
use tempfile::TempDir;

const SECRET: &str = "a signing secret for tests, long enough";

/// A program that listens on a port of its own, over a database with an admin; ended with the test.
pub(super) struct Program {
    child: Child,
    pub(super) address: String,
    _directory: TempDir,
}

impl Program {
    /// Starts the command that `args` follow, and reads from `output` where it listens.
    pub(super) fn start(package: &str, args: &[&str], settings: &[(&str, &str)]) -> Self {
        let name = if package == "poem-standalone" { "flowmastery" } else { package };
        let directory = tempfile::tempdir().unwrap();
        let database = format!("sqlite://{}", directory.path().join("host.db").display());
        let made = Command::new(program("poem-standalone", "flowmastery"))
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
            .spawn()
            .unwrap();
        let address = address(&mut child).unwrap_or_else(|| panic!("{name} did not say where it listens"));
        Self { child, address, _directory: directory }
    }
}

impl Program {
    /// Asks it to end, as Ctrl-C and service managers do.
    pub(super) fn interrupt(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    }

    /// How it ended, once it has; within a minute.
    pub(super) async fn ended(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address that a program names: the examples in a line of their own, the standalone host in its log.
fn address(child: &mut Child) -> Option<String> {
    let (sender, found) = std::sync::mpsc::channel();
    let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
        child.stdout.take().map(|out| Box::new(out) as _),
        child.stderr.take().map(|out| Box::new(out) as _),
    ];
    for output in outputs.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let at = line.find("127.0.0.1:").map(|at| line.split_at(at).1);
                let address =
                    at.map(|at| at.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').next());
                if let (true, Some(Some(address))) = (line.to_lowercase().contains("listen"), address) {
                    let _ = sender.send(address.to_owned());
                }
            }
        });
    }
    found.recv_timeout(std::time::Duration::from_secs(30)).ok()
}

//! `scripts/dev` as a developer runs it, on real servers, in a copy of what it needs of a checkout.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use flowmastery_tests::program::program;
use serde_json::json;
use tempfile::TempDir;

use super::harness::{PASSWORD, Server, failed};

/// A checkout in which nothing was started yet.
struct Checkout(TempDir);

impl Checkout {
    fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("fm").tempdir().unwrap();
        // The account that PostgreSQL runs under when the tests are root's has to get here.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        fs::create_dir_all(directory.path().join("scripts/lib")).unwrap();
        for file in [".env.example", "scripts/dev", "scripts/lib/servers.sh"] {
            fs::copy(root.join(file), directory.path().join(file)).unwrap();
        }
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("bash");
        command.args(["scripts/dev", "--bind", "127.0.0.1:0"]).current_dir(self.0.path());
        command.env("FLOWMASTERY_BIN", program("poem-standalone", "flowmastery"));
        command.env("FLOWMASTERY_DEV_SERVERS", "installed");
        for name in ["DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "BIND", "LOG_FORMAT"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    /// The ids of the servers' processes.
    fn servers(&self) -> Vec<String> {
        let first_line = |file: &str| {
            let text = fs::read_to_string(self.path(file)).unwrap();
            text.lines().next().unwrap().trim().to_owned()
        };
        vec![first_line(".dev/postgres/data/postmaster.pid"), first_line(".dev/redis/redis.pid")]
    }
}

/// The script while it runs; a test that fails stops it in its own way, or its servers would stay.
struct Running(Server);

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.is_running() {
            self.0.signal("TERM");
            self.0.ends_in_time();
        }
    }
}

/// Whether a process works; one that has ended and that nobody has waited for does not.
fn is_alive(process: &str) -> bool {
    let said = Command::new("ps").args(["-o", "stat=", "-p", process]).output().unwrap();
    let state = String::from_utf8(said.stdout).unwrap();
    !state.trim().is_empty() && !state.trim().starts_with('Z')
}

#[test]
fn one_command_starts_everything_and_ctrl_c_ends_it_and_the_data_stays() {
    let checkout = Checkout::new();
    let mut dev = Running(Server::start(checkout.command()));
    let (status, health) = dev.0.request("GET /health", None);
    assert_eq!((status, &health["status"]), (200, &json!("ok")), "{health}");
    assert_eq!((&health["database"]["status"], &health["cache"]["status"]), (&json!("ok"), &json!("ok")));
    let settings = fs::read_to_string(checkout.path(".env")).unwrap();
    assert!(settings.contains("\nSECRET_KEY='") && settings.contains("\nDEBUG=true\n"), "{settings}");
    dev.0.event("There is no admin yet");

    let second = failed(&checkout.command().output().unwrap());
    assert!(second.contains("it runs here already"), "{second}");

    let beside =
        "set -eu; . .dev/env; exec \"$FLOWMASTERY_BIN\" create-admin --email admin@agency.com --first";
    let made = Command::new("bash")
        .args(["-c", beside])
        .current_dir(checkout.0.path())
        .env("FLOWMASTERY_BIN", program("poem-standalone", "flowmastery"))
        .env("ADMIN_PASSWORD", PASSWORD)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");

    let servers = checkout.servers();
    assert!(servers.iter().all(|server| is_alive(server)), "{servers:?}");
    dev.0.signal("INT");
    dev.0.event("stopping");
    assert_eq!(dev.0.wait().code(), Some(0));
    assert!(!servers.iter().any(|server| is_alive(server)), "{servers:?}");
    assert!(TcpStream::connect(&dev.0.address).is_err());

    let again = Running(Server::start(checkout.command()));
    assert_eq!(fs::read_to_string(checkout.path(".env")).unwrap(), settings, "it is kept");
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    assert_eq!(again.0.request("POST /api/v1/auth/login", Some(&body)).0, 200);
}

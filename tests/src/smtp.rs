//! A real SMTP server for tests: aiosmtpd under `tests/smtp/server.py`, which says what its modes are. It ends with its handle.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

use flowmastery_core::mail::{SmtpConfig, SmtpTls};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc;

use crate::supervised::given;

/// The longest that anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running SMTP server.
#[derive(Debug)]
pub struct SmtpServer {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    commands: ChildStdin,
    events: mpsc::UnboundedReceiver<Value>,
    mails: VecDeque<Value>,
    recipients: usize,
}

impl SmtpServer {
    /// Starts one with arguments of the program.
    #[expect(clippy::zombie_processes, reason = "it ends with its standard input, and nobody waits for that")]
    pub async fn start(arguments: &[&str]) -> Self {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("smtp/server.py");
        // The system's Python is the one that its package of aiosmtpd belongs to.
        let python = given("FLOWMASTERY_TEST_PYTHON").unwrap_or_else(|| "/usr/bin/python3".to_owned());
        let mut child = Command::new(python)
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("Python starts");
        let commands = child.stdin.take().expect("standard input is piped");
        let lines = BufReader::new(child.stdout.take().expect("standard output is piped")).lines();
        let (sender, events) = mpsc::unbounded_channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let mut server = Self { port: 0, commands, events, mails: VecDeque::new(), recipients: 0 };
        let started = server.next().await;
        server.port = started["port"].as_u64().and_then(|port| port.try_into().ok()).expect("a port");
        server
    }

    /// How to send mails to it in clear.
    pub fn config(&self) -> SmtpConfig {
        SmtpConfig::new("localhost", self.port, SmtpTls::None, "FlowMastery <noreply@flowmastery.com>")
    }

    /// Changes what it does, and takes in what happened before.
    pub async fn set_mode(&mut self, mode: &str) {
        writeln!(self.commands, "{mode}").expect("it listens to commands");
        while self.next().await["done"] != mode {}
    }

    /// The next mail that came.
    pub async fn mail(&mut self) -> Value {
        while self.mails.is_empty() {
            self.next().await;
        }
        self.mails.pop_front().expect("there is one")
    }

    /// The mails that came and were not asked for yet.
    pub async fn mails(&mut self) -> Vec<Value> {
        self.set_mode("sync").await;
        self.mails.drain(..).collect()
    }

    /// How many recipients it was told of.
    pub async fn recipients(&mut self) -> usize {
        self.set_mode("sync").await;
        self.recipients
    }

    async fn next(&mut self) -> Value {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("it says something");
        let mut event = event.expect("it runs; it needs aiosmtpd, and its messages stand above");
        if event.get("mail").is_some() {
            self.mails.push_back(event["mail"].take());
        }
        if event.get("recipient").is_some() {
            self.recipients += 1;
        }
        event
    }
}

/// A certificate that a server has for a name.
#[derive(Debug)]
pub struct Certificate {
    /// Itself as PEM, which makes it an authority.
    pub pem: Vec<u8>,
    directory: TempDir,
}

impl Certificate {
    /// A new one.
    pub fn of(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let directory = tempfile::tempdir().expect("a temporary directory");
        let write = |file: &str, text: &str| {
            std::fs::write(directory.path().join(file), text).expect("a file in it");
        };
        let pem = made.cert.pem();
        write("cert.pem", &pem);
        write("key.pem", &made.signing_key.serialize_pem());
        Self { pem: pem.into_bytes(), directory }
    }

    /// How to send mails to such a server where it is known as an authority.
    pub fn trusted_by(&self, server: &SmtpServer, tls: SmtpTls) -> SmtpConfig {
        let mut config = server.config();
        config.tls = tls;
        config.extra_ca_pem = Some(self.pem.clone());
        config
    }

    /// Starts a server that has it, with `starttls` or `tls`.
    pub async fn server(&self, tls: &str) -> SmtpServer {
        let path = |file: &str| self.directory.path().join(file).display().to_string();
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        SmtpServer::start(&["--tls", tls, "--cert", &cert, "--key", &key]).await
    }
}

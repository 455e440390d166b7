//! A server that ends with this process, however this process ends.
//!
//! A shell script starts the server, says where it is in one line, and then waits for the end of its standard input, which we hold
//! open: when this process is gone, the pipe closes and the script stops the server and removes its directory. A script may also read
//! orders there, and says a line when one is done.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, ChildStdout, Command, Stdio},
};

/// A running server.
#[derive(Debug)]
pub(crate) struct Supervised {
    /// The line that its script said.
    pub(crate) place: String,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Supervised {
    /// Runs a script of a POSIX shell.
    #[expect(clippy::zombie_processes, reason = "the script outlives this process, to clean up behind it")]
    pub(crate) fn start(script: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-euc", script])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C on a terminal must reach the tests only, or nobody cleans up.
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        let orders = child.stdin.take().expect("standard input is piped");
        let said = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut started = Self { place: String::new(), orders, said };
        started.place = started.line();
        started
    }

    /// Gives the script an order and waits until it is done.
    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").expect("the script reads");
        self.line();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.said.read_line(&mut line);
        assert!(
            read.is_ok_and(|bytes| bytes > 0),
            "the server did not start; its script's messages stand above"
        );
        line.trim_end().to_owned()
    }
}

/// The URL of a server that is there already, from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "scripts/test says so which servers it started for all test processes"
)]
pub fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

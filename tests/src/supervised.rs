//! A server that ends with this process, however this process ends.
//!
//! A shell script starts the server, says where it is in one line, and then waits for the end of its standard input, which we hold
//! open: when this process is gone, the pipe closes and the script stops the server and removes its directory.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    process::{ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

/// A running server.
#[derive(Debug)]
pub(crate) struct Supervised {
    /// The line that its script said.
    pub(crate) place: String,
    /// The script's standard input and output; it ends with them.
    talk: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
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
        let words = child.stdin.take().expect("standard input is piped");
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut server = Self { place: String::new(), talk: Mutex::new((words, answers)) };
        server.place = server.answer();
        server
    }

    /// Says a word to a script that listens, and waits for its answer.
    pub(crate) fn tell(&self, word: &str) -> String {
        let mut talk = self.talk.lock().expect("nobody panicked while talking");
        writeln!(talk.0, "{word}").expect("the script listens");
        drop(talk);
        self.answer()
    }

    fn answer(&self) -> String {
        let mut line = String::new();
        let said = self.talk.lock().expect("nobody panicked while talking").1.read_line(&mut line);
        assert!(said.is_ok_and(|bytes| bytes > 0), "the server's script ended; its messages stand above");
        line.trim_end().to_owned()
    }
}

/// The URL of a server that is there already, from the environment.
#[expect(
    clippy::disallowed_methods,
    reason = "scripts/test says so which servers it started for all test processes"
)]
pub(crate) fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

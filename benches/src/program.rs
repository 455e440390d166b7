//! The standalone server as users run it: a process of its own, with a database in a directory of its own.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use procfs::process::Process;

use crate::Fallible;

/// What names the program that is measured; `scripts/bench` sets it.
const PROGRAM: &str = "FLOWMASTERY_BENCH_PROGRAM";

/// What signs tokens and seals keys.
pub const SECRET: &str = "a signing secret for a benchmark, long enough";

/// A server that listens; it is killed when dropped, as nothing of it is kept.
#[derive(Debug)]
pub struct Program {
    process: Child,
    address: SocketAddr,
}

impl Program {
    /// The file that is run.
    ///
    /// # Errors
    /// When nothing says which one.
    pub fn file() -> Fallible<PathBuf> {
        Ok(std::env::var_os(PROGRAM).ok_or(format!("{PROGRAM} names no program: run scripts/bench"))?.into())
    }

    /// Starts one in a directory, whose database it makes unless there is one, and waits until it listens.
    ///
    /// # Errors
    /// When it ends before that.
    pub fn start(directory: &Path, settings: &[(&str, &str)]) -> Fallible<Self> {
        let mut command = Command::new(Self::file()?);
        let command = command.args(["serve", "--bind", "127.0.0.1:0"]).current_dir(directory).env_clear();
        let command =
            command.envs([("SECRET_KEY", SECRET), ("DEBUG", "true")]).envs(settings.iter().copied());
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let log = process.stderr.take().ok_or("standard error is a pipe")?;
        let mut lines = BufReader::new(log).lines();
        let address = loop {
            let line = lines.next().ok_or("the server ended before it listened")??;
            let said = line.split_once(r#""address":""#).and_then(|(_, rest)| rest.split_once('"'));
            if let Some((address, _)) = said {
                break address.parse()?;
            }
        };
        // Its log is read on, so that it is never held up by it; the thread ends with the process.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(Self { process, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has used so far.
    ///
    /// # Errors
    /// When the process is gone, or the system does not tell; Linux does.
    pub fn usage(&self) -> Fallible<Usage> {
        Usage::of(self.process.id())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where it has ended already there is nothing to kill.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Asks a server once, on a connection of its own, by the head of a request without its host; the body of an answer of 200.
///
/// # Errors
/// For any other answer.
pub fn ask(server: SocketAddr, head: &str, body: &str) -> Fallible<String> {
    let mut stream = TcpStream::connect(server)?;
    write!(stream, "{head}\r\nhost: {server}\r\nconnection: close\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let body = answer.split_once("\r\n\r\n").filter(|_| answer.starts_with("HTTP/1.1 200 "));
    Ok(body.ok_or_else(|| format!("the answer is {answer}"))?.1.to_owned())
}

/// What a process has used.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Memory that it holds, resident, in MiB.
    pub resident_mib: f64,
    /// The most that it ever held.
    pub peak_mib: f64,
    /// Time on a processor, its own and the system's for it.
    pub cpu: Duration,
}

impl Usage {
    /// Of a process by its number.
    ///
    /// # Errors
    /// As [`Program::usage`].
    pub fn of(process: u32) -> Fallible<Self> {
        let process = Process::new(i32::try_from(process)?)?;
        let (status, stat) = (process.status()?, process.stat()?);
        let mib = |kib: Option<u64>| kib.map_or(f64::NAN, |kib| kib as f64 / 1024.0);
        let ticks = (stat.utime + stat.stime) as f64;
        let cpu = Duration::from_secs_f64(ticks / procfs::ticks_per_second() as f64);
        Ok(Self { resident_mib: mib(status.vmrss), peak_mib: mib(status.vmhwm), cpu })
    }
}

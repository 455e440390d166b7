//! Servers in processes of their own, as the program that measures sees them.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::Fallible;

/// What makes this program one of the servers, and which; it is not for people.
pub const SERVE: &str = "--serve";

/// A server in a process of its own; ends when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// What it said besides, line by line.
    pub said: Vec<String>,
}

impl Server {
    /// Starts this program again as the server of a name, tells it a line, and waits until it listens and has said so many lines more.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(name: &str, told: &[u8], lines: usize) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.args([SERVE, name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        if let Some(input) = &mut process.stdin {
            input.write_all(told)?;
            input.write_all(b"\n")?;
        }
        let output = process.stdout.take().ok_or("standard output is a pipe")?;
        let mut output = BufReader::new(output).lines();
        let mut line = || {
            output.next().ok_or("a server ended before it began")?.map_err(Box::<dyn std::error::Error>::from)
        };
        let address = line()?.parse()?;
        let said = (0..lines).map(|_| line()).collect::<Fallible<_>>()?;
        Ok(Self { process, address, said })
    }

    /// The processor time that it has had so far, over all of its threads.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn cpu_time(&self) -> Fallible<Duration> {
        let mut nanoseconds = 0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.process.id()))? {
            // A thread that has just ended is gone.
            let Ok(times) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
            let on_processor = times.split(' ').next().ok_or("the system tells times")?;
            nanoseconds += on_processor.parse::<u64>()?;
        }
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself; where it could not be waited for, nothing more can be done.
        let _ = self.process.wait();
    }
}

/// As the server: the line that was told.
///
/// # Errors
/// When nobody tells anything.
pub fn told() -> Fallible<Vec<u8>> {
    let mut line = Vec::new();
    std::io::stdin().lock().read_until(b'\n', &mut line)?;
    line.pop();
    Ok(line)
}

/// As the server: says where it listens, and what else the other process has to know.
///
/// # Errors
/// When nobody listens.
#[expect(clippy::print_stdout, reason = "the other process reads it there")]
pub fn say(address: SocketAddr, lines: &[&str]) -> Fallible<()> {
    println!("{address}");
    lines.iter().for_each(|line| println!("{line}"));
    Ok(std::io::stdout().flush()?)
}

/// As the server: waits for the end of the other process, also where that is killed.
///
/// # Errors
/// When it cannot be waited for.
pub async fn until_alone() -> Fallible<()> {
    tokio::task::spawn_blocking(|| std::io::stdin().lock().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

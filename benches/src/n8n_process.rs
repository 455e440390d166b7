//! The simulated n8n servers in a process of their own, so that what they use is not taken for ours.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use flowmastery_core::{
    clock::{Clock, SystemClock},
    model::{client::Instance, instance::InstanceUrl},
};
use n8n_simulator::{Dialect, History, Plan, SimulatedN8n, Simulator};

use crate::Fallible;

/// What says that this process is to be them; the number of executions a minute follows.
pub const BE_N8N: &str = "--be-n8n";
/// How far the history is when it is first met.
const BEGINNING: Duration = Duration::from_secs(120);
/// How often it goes on.
const STEP: Duration = Duration::from_millis(500);

/// One history behind as many addresses as wanted: all of loopback leads to it, and a tenant takes each address for a server
/// of its own. It ends when dropped.
#[derive(Debug)]
pub struct N8nProcess {
    process: Child,
    port: u16,
    path: String,
    key: String,
}

impl N8nProcess {
    /// Starts it, with a history of so many executions a minute that goes on, and waits until it answers.
    ///
    /// # Errors
    /// When it ends before that.
    pub fn start(a_minute: u32) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let command = command.arg(BE_N8N).arg(a_minute.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().ok_or("standard output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let mut line =
            || lines.next().ok_or("n8n ended before it began")?.map_err(Box::<dyn std::error::Error>::from);
        let (port, path, key) = (line()?.parse()?, line()?, line()?);
        Ok(Self { process, port, path, key })
    }

    /// Address and key of the server that one tenant has.
    ///
    /// # Errors
    /// When the address is none.
    pub fn instance(&self, tenant: u32) -> Fallible<Instance> {
        // From 127.0.0.1 on, without 0 and 255 at the end.
        let [_, a, b, c] = (tenant / 254 * 256 + tenant % 254 + 1).to_be_bytes();
        let host = Ipv4Addr::new(127, a, b, c);
        let url = InstanceUrl::parse(&format!("http://{host}:{}{}", self.port, self.path));
        Ok(Instance { url: url.map_err(|fault| fault.message)?, key: self.key.clone().into() })
    }
}

impl Drop for N8nProcess {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // It ends by itself; where it could not be waited for, nothing more can be done.
        let _ = self.process.wait();
    }
}

/// Is the servers until standard input ends; says port, path and key.
///
/// # Errors
/// When there is no free port.
#[expect(clippy::print_stdout, reason = "the other process reads them there")]
pub async fn be_n8n(a_minute: u32) -> Fallible<()> {
    let simulator = Simulator::start_on(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await?;
    let n8n = simulator.add_instance(Dialect::V2);
    let url = url::Url::parse(n8n.base_url().as_str())?;
    println!("{}\n{}\n{}", url.port().ok_or("an address has a port")?, url.path(), n8n.key());
    std::io::stdout().flush()?;
    let going_on = tokio::spawn(go_on(n8n, a_minute));
    // The reading thread ends with the other process, also where that is killed.
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    going_on.abort();
    Ok(())
}

async fn go_on(n8n: SimulatedN8n, a_minute: u32) {
    let per_day = f64::from(a_minute) * 60.0 * 24.0;
    let plan =
        Plan { workflows: 10, per_day, sleepers: 0.0, unsaved: 0.0, crash_every: None, ..Plan::default() };
    let mut history = History::new(7, SystemClock.now().minus(BEGINNING), plan);
    let mut ticks = tokio::time::interval(STEP);
    loop {
        ticks.tick().await;
        if a_minute > 0 {
            history.advance(&mut n8n.state(), SystemClock.now());
        }
    }
}

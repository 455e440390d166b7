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
use n8n_simulator::{Dialect, Run, SimulatedN8n, Simulator};

use crate::Fallible;

/// What says that this process is to be them; the number of executions a minute follows.
pub const BE_N8N: &str = "--be-n8n";
/// How many workflows run.
const WORKFLOWS: usize = 10;
/// For how long they have run when the server is first met.
const BEGINNING: Duration = Duration::from_secs(120);
/// How often more of them have run.
const STEP: Duration = Duration::from_millis(500);

/// One server behind as many addresses as wanted: all of loopback leads to it, and a tenant takes each address for a server
/// of its own. It ends when dropped.
#[derive(Debug)]
pub struct N8nProcess {
    process: Child,
    port: u16,
    path: String,
    key: String,
}

impl N8nProcess {
    /// Starts it, with so many executions a minute that go on, and waits until it answers.
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

/// Lets so many executions a minute happen, at even distances whatever the time of day: their number is the known answer.
async fn go_on(n8n: SimulatedN8n, a_minute: u32) {
    let names = (0..WORKFLOWS).map(|number| format!("Workflow {number}"));
    let workflows: Vec<String> = names.map(|name| n8n.state().add_workflow(&name)).collect();
    let begun = SystemClock.now().minus(BEGINNING);
    let distance = Duration::from_secs(60) / a_minute.max(1);
    let mut ticks = tokio::time::interval(STEP);
    let mut starts = workflows.iter().cycle().scan(begun, |at, workflow| {
        *at = at.plus(distance);
        Some((workflow, *at))
    });
    let mut next = starts.next();
    loop {
        ticks.tick().await;
        let (mut state, now) = (n8n.state(), SystemClock.now());
        while let Some((workflow, at)) = next.filter(|(_, at)| a_minute > 0 && *at <= now) {
            let status = if at.as_millis() % 10 == 0 { "error" } else { "success" };
            state.add(Run::ended(workflow, status, at, 400));
            next = starts.next();
        }
    }
}

//! `flowmastery`: the FlowMastery server as a program, with settings, commands and logs.
//!
//! The library does the work; this host owns what only a process can own: the environment, the runtime, the signals, the logs.

mod cli;
mod create_admin;
mod demo;
mod failure;
mod health;
mod import;
mod key_file;
mod logs;
mod migrate;
mod rewrap;
mod serve;
mod settings;
mod terminal;
mod verify;
mod web;
mod wiring;

use std::process::ExitCode;

use self::{
    cli::{Cli, Command},
    failure::{Failure, Outcome},
    settings::Vars,
};

fn main() -> ExitCode {
    match run(Cli::from_process()) {
        Ok(code) => code,
        Err(failure) => {
            terminal::complain(&format!("flowmastery: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Outcome<ExitCode> {
    let vars = Vars::of_the_process()?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new("The runtime cannot be started.").because(error))?;
    let done = match command {
        Command::Serve(args) => runtime.block_on(serve::run(vars, args)),
        Command::Demo(args) => runtime.block_on(demo::run(&vars, args)).map(|()| ExitCode::SUCCESS),
        Command::CreateAdmin(args) => {
            runtime.block_on(create_admin::run(&vars, args)).map(|()| ExitCode::SUCCESS)
        }
        Command::Import(args) => Ok(runtime.block_on(import::run(&vars, args))),
        Command::Verify(args) => Ok(runtime.block_on(verify::run(&vars, &args))),
        Command::Rewrap => Ok(runtime.block_on(rewrap::run(&vars))),
        Command::Health(args) => runtime.block_on(health::run(&vars, args)).map(|()| ExitCode::SUCCESS),
        Command::Migrate(command) => {
            runtime.block_on(migrate::run(&vars, &command)).map(|()| ExitCode::SUCCESS)
        }
    };
    // Work on blocking threads, such as a password hash, does not keep the process.
    runtime.shutdown_background();
    done
}

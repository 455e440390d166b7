//! `rewrap`: seals what is stored anew under the newest key, beside the running servers.

use std::{
    fmt::{Display, Write},
    process::ExitCode,
};

use flowmastery_core::service::rewrap::{RewrapReport, Rewrapped};

use crate::{
    failure::{Failure, Outcome},
    logs,
    settings::{Settings, Vars},
    terminal::{complain, say},
    wiring,
};

/// Exit status when something does not open.
const INCOMPLETE: u8 = 1;
/// Exit status when the rewrapping failed.
const FAILED: u8 = 2;

/// Runs the command.
pub(crate) async fn run(vars: &Vars) -> ExitCode {
    match rewrap(vars).await {
        Ok(report) => {
            say(shown(&report).trim_end());
            if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) }
        }
        Err(failure) => {
            complain(&format!("flowmastery: {failure}"));
            ExitCode::from(FAILED)
        }
    }
}

async fn rewrap(vars: &Vars) -> Outcome<RewrapReport> {
    let settings = Settings::read(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    logs::start_command(&settings.logs)?;
    let store = wiring::connect(&settings.database, &settings.database.database).await?;
    let key = wiring::signing_key(&settings)?;
    let app = wiring::services_alone(&settings, &key, store.clone())?;
    let done = app.rewraps().run().await;
    store.close().await;
    done.map_err(|error| {
        let text =
            "The rewrapping did not come to its end; what it sealed anew stays so, and the next one goes on.";
        Failure::new(text).because(error)
    })
}

fn shown(report: &RewrapReport) -> String {
    let mut text = String::new();
    let mut row = |cells: [&str; 4]| {
        let [name, rewrapped, new_already, lost] = cells;
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name:<20}{rewrapped:>12}{new_already:>14}{lost:>14}");
    };
    row(["", "rewrapped", "new already", "do not open"]);
    row(cells("n8n keys", &report.keys).each_ref().map(String::as_str));
    row(cells("waiting mails", &report.mails).each_ref().map(String::as_str));
    if !report.keys.lost.is_empty() {
        let _ = writeln!(
            text,
            "\nThe n8n keys of these clients do not open; set them again, or give the key that sealed them: {}",
            joined(&report.keys.lost)
        );
    }
    if !report.mails.lost.is_empty() {
        let _ = writeln!(
            text,
            "\nThese mails do not open and are given up after a day unless their key is given: {}",
            joined(&report.mails.lost)
        );
    }
    text
}

fn cells<Id>(name: &str, column: &Rewrapped<Id>) -> [String; 4] {
    let lost = column.lost.len();
    [name.to_owned(), column.rewrapped.to_string(), column.new_already.to_string(), lost.to_string()]
}

fn joined(ids: &[impl Display]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

//! `verify`: compares a client's numbers with its n8n, and says of every difference why.

use std::{fmt::Write, process::ExitCode};

use flowmastery_core::{id::ClientId, model::verification::Verification};

use crate::{
    cli::VerifyArgs,
    failure::{Failure, Outcome},
    logs,
    settings::{Settings, Vars},
    terminal::{complain, say},
    wiring,
};

/// Exit status when a difference has no reason.
const UNEXPLAINED: u8 = 1;
/// Exit status when the comparison cannot be made.
const NOT_COMPARED: u8 = 2;

/// Runs the command.
pub(crate) async fn run(vars: &Vars, args: &VerifyArgs) -> ExitCode {
    match verify(vars, args).await {
        Ok(verification) => {
            say(report(&verification).trim_end());
            if verification.is_explained() { ExitCode::SUCCESS } else { ExitCode::from(UNEXPLAINED) }
        }
        Err(failure) => {
            complain(&format!("flowmastery: {failure}"));
            ExitCode::from(NOT_COMPARED)
        }
    }
}

async fn verify(vars: &Vars, args: &VerifyArgs) -> Outcome<Verification> {
    let settings = Settings::read(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    logs::start_command(&settings.logs)?;
    let store = wiring::connect(&settings.database, &settings.database.database).await?;
    let key = wiring::signing_key(&settings)?;
    let app = wiring::services_alone(&settings, &key, store.clone())?;
    let verified = app.verifications().client(ClientId(args.client), args.days).await;
    store.close().await;
    verified.map_err(|error| {
        Failure::new(format!("The numbers of client {} cannot be compared.", args.client)).because(error)
    })
}

fn report(verification: &Verification) -> String {
    let Verification { client_id, client_name, listed, agreeing, recounted, .. } = verification;
    let mut text = format!("Client {client_id}, {client_name}\n");
    let collected = verification.last_success_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    let mut line = |name: &str, value: String| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {name:<58}{value:>12}");
    };
    line("last collection", collected);
    line("executions that n8n lists", listed.to_string());
    line("  which stand here in every detail", agreeing.to_string());
    line("quarter hours of workflows counted again from their rows", recounted.to_string());
    line("executions that end before they start (no duration)", verification.negative_durations.to_string());
    match verification.insights {
        Some(insights) => {
            line("n8n's Insights, 7 days: executions, failed", pair(insights.theirs));
            line("  ours by that definition (with cli and evaluation,", pair(insights.ours));
            line("  without chat, agent, canceled and unfinished)", String::new());
        }
        None => line("n8n's Insights", "not told".to_owned()),
    }
    if verification.differences.is_empty() {
        text.push_str("No difference.\n");
    }
    for difference in &verification.differences {
        let _ = writeln!(text, "{:>8} {}: {}", difference.count, difference.what, difference.reason);
        if !difference.example.is_empty() {
            let _ = writeln!(text, "         for example {}", difference.example);
        }
    }
    let verdict = if verification.is_explained() {
        "Every difference is explained."
    } else {
        "A difference is NOT explained."
    };
    text.push_str(verdict);
    text
}

fn pair((total, failed): (i64, i64)) -> String {
    format!("{total}, {failed}")
}

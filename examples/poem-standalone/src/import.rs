//! `import`: takes over what a Python FlowMastery has, or says what it would take over.

use std::{
    fmt::Write,
    io::{self, BufRead},
    process::ExitCode,
};

use flowmastery_core::{
    model::import::{ImportKind, ImportReport, Remark},
    service::import::ImportRequest,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    cli::ImportArgs,
    failure::{Failure, Outcome},
    logs,
    settings::{Settings, Vars},
    terminal::{complain, say},
    wiring,
};

/// Exit status when something was not taken over as it is there.
const INCOMPLETE: u8 = 1;
/// Exit status when the import failed.
const FAILED: u8 = 2;

/// Runs the command.
pub(crate) async fn run(vars: &Vars, args: ImportArgs) -> ExitCode {
    let apply = args.apply;
    match import(vars, args).await {
        Ok(report) => {
            say(shown(&report, apply).trim_end());
            if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) }
        }
        Err(failure) => {
            complain(&format!("flowmastery: {failure}"));
            ExitCode::from(FAILED)
        }
    }
}

async fn import(vars: &Vars, args: ImportArgs) -> Outcome<ImportReport> {
    let settings = Settings::read(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    logs::start_command(&settings.logs)?;
    let from = args.from.or_else(|| vars.get("PYTHON_DATABASE_URL").map(SecretString::from));
    let from = from.ok_or_else(|| {
        Failure::new(
            "Nothing says where to import from: set PYTHON_DATABASE_URL, or give --from postgres://…",
        )
    })?;
    let secret_key = secret_key(args.secret_key, vars, io::stdin().lock())?;
    let source = wiring::connect_python(&from).await?;
    let (store, key) = if args.apply {
        (wiring::connect_migrated(&settings.database).await?, wiring::signing_key(&settings)?)
    } else {
        (wiring::connect_unchanged(&settings.database).await?, wiring::SigningKey::unused())
    };
    let app = wiring::services_alone(&settings, &key, store.clone())?;
    let request = ImportRequest { apply: args.apply, secret_key, ..ImportRequest::rehearsal() };
    let imported = app.imports().from_python(&source, request).await;
    store.close().await;
    imported.map_err(|error| {
        let text = "The import did not come to its end; what it stored stays, and the next one goes on.";
        Failure::new(text).because(error)
    })
}

/// The option, or `-` for the first line of standard input, else the variable.
fn secret_key(
    option: Option<SecretString>,
    vars: &Vars,
    mut input: impl BufRead,
) -> Outcome<Option<SecretString>> {
    let Some(option) = option else { return Ok(vars.exact("PYTHON_SECRET_KEY").map(SecretString::from)) };
    if option.expose_secret() != "-" {
        return Ok(Some(option));
    }
    let mut line = String::new();
    let read = input.read_line(&mut line);
    read.map_err(|error| Failure::new("The SECRET_KEY cannot be read from standard input.").because(error))?;
    let line = line.trim_end_matches(['\r', '\n']);
    if line.is_empty() {
        return Err(Failure::new("--secret-key -: there is nothing on standard input."));
    }
    Ok(Some(line.into()))
}

fn shown(report: &ImportReport, applied: bool) -> String {
    let mut text = String::new();
    let taken = if applied { "imported" } else { "to import" };
    let mut row = |name: &str, cells: [String; 4]| {
        let [found, taken, present, skipped] = cells;
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name:<20}{found:>10}{taken:>11}{present:>14}{skipped:>10}");
    };
    row("", ["found", taken, "already here", "left out"].map(str::to_owned));
    for kind in ImportKind::ALL {
        let count = report.counts.get(&kind).copied().unwrap_or_default();
        let cells = [count.found, count.imported, count.present, count.skipped];
        row(kind.many(), cells.map(|cell| cell.to_string()));
    }
    let mut list = |title: &str, is_fault: bool| {
        let remarks: Vec<&Remark> =
            report.remarks.iter().filter(|remark| remark.is_fault == is_fault).collect();
        if !remarks.is_empty() {
            let _ = writeln!(text, "\n{title}");
        }
        for remark in remarks {
            let _ = writeln!(text, "  {remark}");
        }
    };
    list("Good to know:", false);
    list("Faults, and what is left to do:", true);
    if !applied {
        text.push_str("\nThis was a dry run: nothing was written. With --apply it is.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(option: Option<&str>, variable: Option<&str>, input: &str) -> Outcome<Option<String>> {
        let set = variable.map(|text| ("PYTHON_SECRET_KEY".to_owned(), text.to_owned()));
        let vars = Vars::new(set.into_iter().collect(), vec![]);
        let key = secret_key(option.map(SecretString::from), &vars, input.as_bytes())?;
        Ok(key.map(|key| key.expose_secret().to_owned()))
    }

    #[test]
    fn the_secret_key_is_the_option_or_a_line_or_the_variable() {
        assert_eq!(given(None, None, "line").unwrap(), None);
        assert_eq!(given(None, Some(" v "), "line").unwrap().unwrap(), " v ");
        assert_eq!(given(Some("o"), Some("v"), "line").unwrap().unwrap(), "o");
        assert_eq!(given(Some("-"), Some("v"), "line\r\nnext").unwrap().unwrap(), "line");
        assert!(given(Some("-"), None, "").is_err());
    }
}

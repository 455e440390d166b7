//! `create-admin`: makes an admin account, before there is anybody who could invite one.

use std::io::{self, BufRead, BufReader, IsTerminal, Write};

use flowmastery_core::{
    Flowmastery,
    error::Kind,
    model::{email::Email, password::Password},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    cli::CreateAdminArgs,
    failure::{Failure, Outcome},
    logs,
    settings::{Settings, Vars},
    terminal::{complain, say},
    wiring,
};

/// Runs the command.
///
/// # Errors
/// When a setting, the address or the password is not valid, or the address has an account.
pub(crate) async fn run(vars: &Vars, args: CreateAdminArgs) -> Outcome {
    let settings = Settings::read(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    logs::start_command(&settings.logs)?;
    let email = given_email(args.email)?;
    // The database before any question: nobody should type a password for nothing.
    let store = wiring::connect_migrated(&settings.database).await?;
    let key = wiring::signing_key(&settings)?;
    let app = wiring::services_alone(&settings, &key, store.clone())?;
    if args.first && has_admin(&app).await? {
        store.close().await;
        say("There is an admin already; nothing was changed.");
        return Ok(());
    }
    let email = email.map_or_else(ask_for_email, Ok)?;
    let ask = io::stdin().is_terminal().then_some(ask_for_password);
    let password = password(vars, ask, BufReader::new(io::stdin()))?;
    let created = app.users().create_admin(email.clone(), &password).await;
    store.close().await;
    match created {
        Ok(_) => say(&format!("{email} is an admin now.")),
        Err(error) if error.kind() == Kind::Conflict => {
            return Err(Failure::new(format!("{email} has an account already; nothing was changed.")));
        }
        Err(error) => return Err(Failure::new("The account cannot be made.").because(error)),
    }
    Ok(())
}

async fn has_admin(app: &Flowmastery) -> Outcome<bool> {
    let known = app.users().has_admin().await;
    known.map_err(|error| Failure::new("Whether there is an admin cannot be told.").because(error))
}

fn given_email(given: Option<String>) -> Outcome<Option<Email>> {
    let parse = |text: String| {
        Email::parse(&text).map_err(|fault| Failure::new(format!("--email: {}", fault.message)))
    };
    given.map(parse).transpose()
}

fn ask_for_email() -> Outcome<Email> {
    if !io::stdin().is_terminal() {
        return Err(Failure::new("There is nobody to ask: flowmastery create-admin --email you@example.com"));
    }
    ask_until_valid(|| Email::parse(&read_line("E-mail: ")?).map_err(|fault| Failure::new(fault.message)))
}

/// Asked for where there is somebody to ask, else `ADMIN_PASSWORD`, else the first line of standard input.
fn password(
    vars: &Vars,
    ask: Option<impl FnOnce() -> Outcome<Password>>,
    input: impl BufRead,
) -> Outcome<Password> {
    match (ask, vars.exact("ADMIN_PASSWORD")) {
        (Some(ask), _) => ask(),
        (None, Some(text)) => {
            choose(text.into()).map_err(|fault| Failure::new(format!("ADMIN_PASSWORD: {fault}")))
        }
        (None, None) => choose(first_line(input)?)
            .map_err(|fault| Failure::new(format!("The password on standard input: {fault}"))),
    }
}

fn choose(text: SecretString) -> Outcome<Password> {
    Password::choose(text).map_err(|fault| Failure::new(fault.message))
}

fn ask_for_password() -> Outcome<Password> {
    ask_until_valid(|| {
        let first = hidden("Password: ")?;
        let chosen = choose(first.clone())?;
        if hidden("The same again: ")?.expose_secret() != first.expose_secret() {
            return Err(Failure::new("The two are not the same."));
        }
        Ok(chosen)
    })
}

/// Asks three times at most.
fn ask_until_valid<T>(ask: impl Fn() -> Outcome<T>) -> Outcome<T> {
    for _ in 0..2 {
        match ask() {
            Ok(value) => return Ok(value),
            Err(failure) => complain(&failure.to_string()),
        }
    }
    ask()
}

fn read_line(prompt: &str) -> Outcome<String> {
    let read = || {
        let mut out = io::stderr().lock();
        write!(out, "{prompt}")?;
        out.flush()?;
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    read().map_err(|error| Failure::new("The terminal cannot be read.").because(error))
}

fn hidden(prompt: &str) -> Outcome<SecretString> {
    rpassword::prompt_password(prompt)
        .map(SecretString::from)
        .map_err(|error| Failure::new("The terminal cannot be read.").because(error))
}

/// The first line without its end; spaces belong to the password.
fn first_line(mut input: impl BufRead) -> Outcome<SecretString> {
    let mut line = String::new();
    input
        .read_line(&mut line)
        .map_err(|error| Failure::new("The password cannot be read from standard input.").because(error))?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err(Failure::new(
            "There is no password: set ADMIN_PASSWORD, or give one on the first line of standard input.",
        ));
    }
    Ok(line.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line_with_its_spaces() {
        let read = |text: &str| first_line(text.as_bytes()).map(|line| line.expose_secret().to_owned());
        assert_eq!(read(" a b \r\nnext\n").unwrap(), " a b ");
        assert_eq!(read("no end").unwrap(), "no end");
        for text in ["", "\n", "\r\n"] {
            assert!(read(text).unwrap_err().to_string().contains("ADMIN_PASSWORD"));
        }
    }

    /// The password for a variable and a person who may be there, with another on standard input.
    fn given(variable: Option<&str>, ask: Option<fn() -> Outcome<Password>>) -> String {
        let set = variable.map(|text| ("ADMIN_PASSWORD".to_owned(), text.to_owned()));
        let vars = Vars::new(set.into_iter().collect(), vec![]);
        match password(&vars, ask, "from standard input".as_bytes()) {
            Ok(password) => password.secret().expose_secret().to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn the_variable_counts_only_where_there_is_nobody_to_ask() {
        let ask: fn() -> Outcome<Password> = || choose("typed by somebody".to_owned().into());
        assert_eq!(given(Some("from the variable"), Some(ask)), "typed by somebody");
        assert_eq!(given(None, Some(ask)), "typed by somebody");
        assert_eq!(given(Some("from the variable"), None), "from the variable");
        assert_eq!(given(None, None), "from standard input");
    }

    #[test]
    fn a_bad_variable_is_named_and_not_repeated() {
        let refused = given(Some("hunter2"), None);
        assert!(refused.starts_with("ADMIN_PASSWORD: ") && !refused.contains("hunter2"), "{refused}");
    }
}

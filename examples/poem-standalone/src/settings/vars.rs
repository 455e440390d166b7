//! Where settings come from: the environment over `.env` over nothing; the only place that reads the process's environment.
//!
//! An empty value counts as unset, in both sources. Tests make a [`Vars`] from pairs and never touch the process.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use super::table;
use crate::failure::{Failure, Outcome};

/// The file in the working directory.
const FILE: &str = ".env";

/// The values of the settings, as written.
#[derive(Default)]
pub(crate) struct Vars {
    values: BTreeMap<String, String>,
    unknown: BTreeSet<String>,
}

impl Vars {
    /// The process's environment over the `.env` of the working directory.
    ///
    /// # Errors
    /// When `.env` is there and cannot be read, or a setting is no UTF-8.
    pub(crate) fn of_the_process() -> Outcome<Self> {
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            // Whatever else the environment holds is not ours to judge.
            let Some(name) = name.to_str().filter(|name| table::find(name).is_some()) else { continue };
            let value = value.into_string().map_err(|_| Failure::new(format!("{name} is not UTF-8.")))?;
            environment.push((name.to_owned(), value));
        }
        Ok(Self::new(environment, read_file(Path::new(FILE))?))
    }

    /// The pairs of the environment over those of a file.
    pub(crate) fn new(environment: Vec<(String, String)>, file: Vec<(String, String)>) -> Self {
        let unknown = file.iter().filter(|(name, _)| table::find(name).is_none());
        let unknown = unknown.map(|(name, _)| name.clone()).collect();
        let mut values: BTreeMap<_, _> = file.into_iter().collect();
        values.extend(environment);
        values.retain(|_, value| !value.trim().is_empty());
        Self { values, unknown }
    }

    /// Overrules a value, as an option of the command line does.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.values.insert(name.to_owned(), value);
    }

    /// A value without the white space around it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.exact(name).map(str::trim)
    }

    /// A value as written: white space may belong to a password.
    pub(crate) fn exact(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Names in the file that are no settings of ours.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(String::as_str)
    }
}

/// The pairs of a file; none when there is no file. A faulty line is named by the one before it, since it may hold a secret.
fn read_file(path: &Path) -> Outcome<Vec<(String, String)>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::new(format!("{} cannot be read.", path.display())).because(error)),
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in dotenvy::from_read_iter(text.as_bytes()) {
        match pair {
            Ok(pair) => pairs.push(pair),
            Err(_) => {
                let place =
                    pairs.last().map_or("at its start".to_owned(), |(name, _)| format!("after {name}"));
                return Err(Failure::new(format!(
                    "{} has a line {place} that is not NAME=value; values with spaces, # or $ need single quotes.",
                    path.display()
                )));
            }
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let vars = Vars::new(vec![pair("BIND", "env")], vec![pair("BIND", "file"), pair("DEBUG", "true")]);
        assert_eq!(vars.get("BIND"), Some("env"));
        assert_eq!(vars.get("DEBUG"), Some("true"));
    }

    #[test]
    fn an_empty_value_is_unset_and_hides_the_file() {
        let vars = Vars::new(vec![pair("REDIS_URL", " ")], vec![pair("REDIS_URL", "redis://x")]);
        assert_eq!(vars.get("REDIS_URL"), None);
    }

    #[test]
    fn unknown_names_of_the_file_are_told() {
        let vars = Vars::new(vec![], vec![pair("POSTGRES_USER", "x"), pair("BIND", "x")]);
        assert_eq!(vars.unknown().collect::<Vec<_>>(), ["POSTGRES_USER"]);
    }

    #[test]
    fn a_file_is_read_with_comments_and_quotes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        assert!(read_file(&path).unwrap().is_empty());
        fs::write(&path, "\u{feff}# settings\nBIND=127.0.0.1:1\nSECRET_KEY='a$b #c'\n").unwrap();
        assert_eq!(read_file(&path).unwrap(), [pair("BIND", "127.0.0.1:1"), pair("SECRET_KEY", "a$b #c")]);
    }

    #[test]
    fn a_faulty_line_is_named_without_being_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        fs::write(&path, "BIND=127.0.0.1:1\nSECRET_KEY hunter2 hunter2\n").unwrap();
        let message = read_file(&path).unwrap_err().to_string();
        assert!(message.contains("after BIND"), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

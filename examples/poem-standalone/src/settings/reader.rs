//! Reads settings one by one and collects every fault, so that a start that fails says all of them at once.

use std::{fmt, str::FromStr};

use secrecy::SecretString;

use super::{table::Setting, vars::Vars};

/// Everything that is wrong with the settings.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The settings are not valid:")?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

/// Reads settings and collects faults.
pub(super) struct Reader<'a> {
    vars: &'a Vars,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(vars: &'a Vars) -> Self {
        Self { vars, faults: Vec::new() }
    }

    /// The value as written, or the default; `None` when there is neither.
    pub(super) fn text(&self, setting: &'static Setting) -> Option<&'a str> {
        let default = Some(setting.default).filter(|default| !default.is_empty());
        self.vars.get(setting.name).or(default)
    }

    /// The value read by a function, which answers `None` for what is not accepted; `None` also when there is none.
    pub(super) fn parse<T>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(setting)?;
        let value = parse(text);
        if value.is_none() {
            self.refuse(setting);
        }
        value
    }

    /// The value read by a function that says what is wrong without repeating a secret.
    pub(super) fn try_parse<T, E: fmt::Display>(
        &mut self,
        setting: &'static Setting,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(setting)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.fault(setting, &reason.to_string());
                None
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number<T: FromStr + PartialOrd>(
        &mut self,
        setting: &'static Setting,
        bounds: std::ops::RangeInclusive<T>,
    ) -> Option<T> {
        self.parse(setting, |text| text.parse().ok().filter(|number| bounds.contains(number)))
    }

    /// A yes or no.
    pub(super) fn flag(&mut self, setting: &'static Setting) -> Option<bool> {
        self.parse(setting, |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" => Some(false),
            _ => None,
        })
    }

    /// A secret as written.
    pub(super) fn secret(&self, setting: &'static Setting) -> Option<SecretString> {
        self.vars.exact(setting.name).map(SecretString::from)
    }

    /// The parts between commas; none when unset.
    pub(super) fn list<T>(&mut self, setting: &'static Setting, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let parts =
            |text: &str| text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(parse).collect();
        self.parse(setting, parts).unwrap_or_default()
    }

    /// Notes that a value is not accepted.
    pub(super) fn refuse(&mut self, setting: &'static Setting) {
        let value = match self.text(setting) {
            Some(value) if !setting.secret => format!("{value:?} is not accepted"),
            _ => "its value (not shown) is not accepted".to_owned(),
        };
        self.fault(setting, &format!("{value}; accepted: {}.", setting.accepts));
    }

    /// Notes a fault in a sentence of its own.
    pub(super) fn fault(&mut self, setting: &'static Setting, message: &str) {
        self.faults.push(format!("{}: {message}", setting.name));
    }

    /// `value`, if nothing was wrong.
    pub(super) fn finish<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults(self.faults)),
        }
    }
}

//! Why a command ended: a sentence for the person at the terminal, and the causes behind it.

use std::{error::Error, fmt};

/// The result of a command or a step of it.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ended.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A sentence that says what went wrong and what to do; without secrets.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }

    /// Adds a cause with everything behind it.
    #[must_use]
    pub(crate) fn because(mut self, cause: impl Error) -> Self {
        self.0.push_str("\n  cause: ");
        self.0.push_str(&chain(&cause));
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error with its causes; a cause that repeats what was said is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

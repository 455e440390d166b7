//! Why a command ended: a sentence for the person at the terminal, and the causes behind it.

use std::{error::Error, fmt};

/// The result of a command or a step of it.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ended.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    cause: Option<String>,
}

impl Failure {
    /// A sentence that says what went wrong and what to do; without secrets.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), cause: None }
    }

    /// Adds a cause with everything behind it.
    #[must_use]
    pub(crate) fn because(self, cause: impl Error) -> Self {
        Self { cause: Some(chain(&cause)), ..self }
    }

    /// Writes it to the log.
    pub(crate) fn log(&self) {
        tracing::error!(cause = self.cause, "{}", self.message);
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.cause.iter().try_for_each(|cause| write!(f, "\n  cause: {cause}"))
    }
}

/// An error with its causes; a cause that repeats what was said is left out.
fn chain(error: &dyn Error) -> String {
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

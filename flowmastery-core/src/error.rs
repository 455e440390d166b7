//! The one error that services return: a kind that a host maps to its answer, a sentence for the caller, a cause for the log.
//!
//! The message is shown to callers, so it never holds a secret, SQL, an upstream body or a path. The cause is for the log only.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use serde::Serialize;

/// A boxed cause.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// The result of a service call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as far as a caller has to act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The input breaks a rule; nothing was stored. [`Error::fields`] names every fault.
    Invalid,
    /// Nobody is signed in, or the credentials are wrong or no longer valid.
    Unauthenticated,
    /// Signed in, but the role does not permit it.
    Forbidden,
    /// There is no such record for this caller; another tenant's records look the same.
    NotFound,
    /// It existed and has expired.
    Gone,
    /// It exists already, or contradicts what is stored.
    Conflict,
    /// Too many attempts; see [`Error::retry_after`].
    TooMany,
    /// Something that the answer needs is away; see [`Error::retry_after`].
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// One fault of one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FieldError {
    /// The field's name in the request.
    pub field: String,
    /// What is wrong with it, as a sentence.
    pub message: String,
}

impl FieldError {
    /// Names a fault of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl StdError for FieldError {}

/// The error of every service method.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    fields: Vec<FieldError>,
    retry_after: Option<Duration>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind` with a sentence for the caller.
    pub fn new(kind: Kind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), fields: Vec::new(), retry_after: None, source: None }
    }

    /// Faulty input, with all its faults at once.
    pub fn invalid(fields: Vec<FieldError>) -> Self {
        let message = match fields.as_slice() {
            [only] => Cow::Owned(format!("{}: {}", only.field, only.message)),
            _ => Cow::Borrowed("Several fields are not valid."),
        };
        Self { fields, ..Self::new(Kind::Invalid, message) }
    }

    /// There is no such `what` for this caller.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// A fault of ours; the caller sees only that there was one.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(Kind::Internal, "Something went wrong on our side.").with_source(source)
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into().into());
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn with_retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The faults of the input; empty for every kind but [`Kind::Invalid`].
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// When trying again makes sense.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The causes of an error for the log, outermost first, without the error itself.
pub fn causes(error: &(dyn StdError + 'static)) -> String {
    let chain = std::iter::successors(error.source(), |&cause| cause.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Collects the faults of several fields, so that a caller hears of all of them at once.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// Takes the value, or notes its faults.
    pub fn check<T>(&mut self, result: Result<T, FieldError>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Notes a fault that no constructor reports.
    pub fn push(&mut self, fault: FieldError) {
        self.0.push(fault);
    }

    /// `value`, if there was no fault at all.
    ///
    /// # Errors
    /// [`Kind::Invalid`] with every fault noted so far.
    pub fn finish<T>(self, value: Option<T>) -> Result<T> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(Error::invalid(self.0)),
        }
    }
}

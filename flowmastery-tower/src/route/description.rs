//! What the table says of routes and fields for the documentation alone. Without the feature `openapi` the file `undescribed.rs` takes the
//! place of this one: it has the same names, and keeps nothing.

use http::StatusCode;
pub(crate) use schemars::JsonSchema as Shape;
use schemars::{Schema, SchemaGenerator};

pub(super) use super::docs::documentation;

/// A type's JSON Schema.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What is said of a route.
#[derive(Default)]
pub(crate) struct Description {
    /// One sentence.
    pub(crate) summary: &'static str,
    /// Status of success.
    pub(crate) status: StatusCode,
    /// Another status that comes with the same answer.
    pub(crate) also: Option<StatusCode>,
    /// Media type and schema of what success answers; `None` for nothing.
    pub(crate) answer: Option<(&'static str, SchemaOf)>,
    /// Statuses of problems that do not follow from the rest.
    pub(crate) problems: &'static [u16],
}

impl Description {
    pub(super) fn summary(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    pub(super) fn answers<T: Shape>(self, status: StatusCode, media_type: &'static str) -> Self {
        Self { status, answer: Some((media_type, |schemas| schemas.subschema_for::<T>())), ..self }
    }

    pub(super) fn answers_nothing(self, status: StatusCode) -> Self {
        Self { status, answer: None, ..self }
    }

    pub(super) fn also(self, status: StatusCode) -> Self {
        Self { also: Some(status), ..self }
    }

    pub(super) fn problems(self, problems: &'static [u16]) -> Self {
        Self { problems, ..self }
    }
}

/// What is said of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldDescription {
    /// One sentence.
    pub(crate) about: &'static str,
    /// The values that are accepted, where they can be counted.
    pub(crate) values: &'static [&'static str],
    /// The least and the most of a number, or of a text's characters.
    pub(crate) bounds: Option<(i64, i64)>,
}

impl FieldDescription {
    pub(super) const fn new(about: &'static str) -> Self {
        Self { about, values: &[], bounds: None }
    }

    pub(super) const fn one_of(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }

    pub(super) const fn within(self, least: i64, most: i64) -> Self {
        Self { bounds: Some((least, most)), ..self }
    }
}

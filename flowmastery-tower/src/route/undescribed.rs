//! The place of `description.rs` without the feature `openapi`: the same names, and nothing that is kept.

use http::StatusCode;

use super::Route;

/// What every answer has.
pub(crate) trait Shape {}

impl<T> Shape for T {}

/// Nothing of a route.
#[derive(Default)]
pub(crate) struct Description {}

impl Description {
    pub(super) fn summary(self, _: &'static str) -> Self {
        self
    }

    pub(super) fn answers<T: Shape>(self, _: StatusCode, _: &'static str) -> Self {
        self
    }

    pub(super) fn answers_nothing(self, _: StatusCode) -> Self {
        self
    }

    pub(super) fn also(self, _: StatusCode) -> Self {
        self
    }

    pub(super) fn problems(self, _: &'static [u16]) -> Self {
        self
    }
}

/// Nothing of a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldDescription;

impl FieldDescription {
    pub(super) const fn new(_: &'static str) -> Self {
        Self
    }

    pub(super) const fn one_of(self, _: &'static [&'static str]) -> Self {
        self
    }

    pub(super) const fn within(self, _: i64, _: i64) -> Self {
        self
    }
}

/// No routes.
pub(super) fn documentation() -> Vec<Route> {
    Vec::new()
}

//! What a route takes: the fields of its body and its query parameters, declared once, for reading and for the documentation.

use super::description::FieldDescription;

/// What kind of value a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Any text without NUL characters.
    Text,
    /// Text that is never shown again.
    Secret,
    /// A whole number of 64 bits.
    Integer,
    /// `true` or `false`.
    Flag,
}

impl FieldKind {
    /// What is said of a value of another kind.
    pub(crate) const fn fault(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "This must be a text.",
            Self::Integer => "This must be a whole number of 64 bits.",
            Self::Flag => "This must be true or false.",
        }
    }
}

/// A field of a body, or a query parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: FieldKind,
    pub(crate) required: bool,
    pub(crate) description: FieldDescription,
}

impl Field {
    /// A field that must be there.
    pub(crate) const fn required(name: &'static str, kind: FieldKind, about: &'static str) -> Self {
        Self { name, kind, required: true, description: FieldDescription::new(about) }
    }

    /// A field that may be absent or null.
    pub(crate) const fn optional(name: &'static str, kind: FieldKind, about: &'static str) -> Self {
        Self { name, kind, required: false, description: FieldDescription::new(about) }
    }

    /// Only these values; the model checks them.
    pub(crate) const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.description = self.description.one_of(values);
        self
    }

    /// Only numbers in this range, or texts of so many characters; the model checks them.
    pub(crate) const fn within(mut self, least: i64, most: i64) -> Self {
        self.description = self.description.within(least, most);
        self
    }
}

/// A password that somebody chooses.
pub(super) const fn new_password(name: &'static str) -> Field {
    let about = "12 to 128 characters of any kind, but none of the most common passwords.";
    Field::required(name, FieldKind::Secret, about).within(12, 128)
}

/// The query parameters of every list.
pub(crate) const PAGE: &[Field] = &[
    Field::optional("limit", FieldKind::Integer, "The most items of the answer: 1 to 250, by default 100.")
        .within(1, 250),
    Field::optional(
        "cursor",
        FieldKind::Text,
        "Where the list goes on; taken from the `Link` header of the page before.",
    ),
];

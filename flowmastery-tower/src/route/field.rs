//! What a route takes: the fields of its body and its query parameters, declared once, for reading and for the documentation.

use schemars::{Schema, json_schema};
use serde_json::Value;

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

/// Any text without NUL characters, as a regular expression.
const NO_NUL: &str = r"^[^\u0000]*$";

impl FieldKind {
    /// What is said of a value of another kind.
    pub(crate) const fn fault(self) -> &'static str {
        match self {
            Self::Text | Self::Secret => "This must be a text.",
            Self::Integer => "This must be a whole number of 64 bits.",
            Self::Flag => "This must be true or false.",
        }
    }

    fn schema(self) -> Schema {
        match self {
            Self::Text => json_schema!({ "type": "string", "pattern": NO_NUL }),
            Self::Secret => {
                json_schema!({ "type": "string", "format": "password", "writeOnly": true, "pattern": NO_NUL })
            }
            Self::Integer => json_schema!({ "type": "integer", "format": "int64" }),
            Self::Flag => json_schema!({ "type": "boolean" }),
        }
    }
}

/// A field of a body, or a query parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: FieldKind,
    pub(crate) required: bool,
    /// One sentence for the documentation.
    pub(crate) about: &'static str,
    /// The values that are accepted, where they can be counted; the model checks them.
    pub(crate) values: &'static [&'static str],
    /// The least and the most of a number, or of a text's characters; the model checks them.
    pub(crate) bounds: Option<(i64, i64)>,
}

impl Field {
    /// A field that must be there.
    pub(crate) const fn required(name: &'static str, kind: FieldKind, about: &'static str) -> Self {
        Self { name, kind, required: true, about, values: &[], bounds: None }
    }

    /// A field that may be absent or null.
    pub(crate) const fn optional(name: &'static str, kind: FieldKind, about: &'static str) -> Self {
        Self { name, kind, required: false, about, values: &[], bounds: None }
    }

    /// Only these values.
    pub(crate) const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }

    /// Only numbers in this range, or texts of so many characters.
    pub(crate) const fn within(mut self, least: i64, most: i64) -> Self {
        self.bounds = Some((least, most));
        self
    }

    /// The field's JSON Schema, with its description.
    pub(crate) fn schema(&self) -> Schema {
        let mut schema = self.kind.schema();
        schema.insert("description".to_owned(), self.about.into());
        if !self.values.is_empty() {
            schema.insert("enum".to_owned(), self.values.iter().copied().map(Value::from).collect());
        }
        if let Some((least, most)) = self.bounds {
            let is_number = self.kind == FieldKind::Integer;
            let names = if is_number { ["minimum", "maximum"] } else { ["minLength", "maxLength"] };
            for (name, bound) in names.into_iter().zip([least, most]) {
                schema.insert(name.to_owned(), bound.into());
            }
        }
        schema
    }

    /// The same in a body, where null stands for an optional field that is absent.
    fn body_schema(&self) -> Schema {
        let mut schema = self.schema();
        if !self.required {
            let kind = schema.get("type").cloned();
            schema.insert("type".to_owned(), kind.into_iter().chain([Value::from("null")]).collect());
            if let Some(Value::Array(values)) = schema.get_mut("enum") {
                values.push(Value::Null);
            }
        }
        schema
    }
}

/// The JSON Schema of a body with these fields.
pub(crate) fn body_schema(fields: &[Field]) -> Schema {
    let properties: serde_json::Map<_, _> =
        fields.iter().map(|field| (field.name.to_owned(), field.body_schema().to_value())).collect();
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema =
        json_schema!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
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

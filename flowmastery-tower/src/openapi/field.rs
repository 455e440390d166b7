//! The JSON Schemas of what routes take, made from the fields that the table declares.

use schemars::{Schema, json_schema};
use serde_json::Value;

use crate::route::{Field, FieldKind};

/// Any text without NUL characters, as a regular expression.
const NO_NUL: &str = r"^[^\u0000]*$";

fn schema_of(kind: FieldKind) -> Schema {
    match kind {
        FieldKind::Text => json_schema!({ "type": "string", "pattern": NO_NUL }),
        FieldKind::Secret => {
            json_schema!({ "type": "string", "format": "password", "writeOnly": true, "pattern": NO_NUL })
        }
        FieldKind::Integer => json_schema!({ "type": "integer", "format": "int64" }),
        FieldKind::Flag => json_schema!({ "type": "boolean" }),
    }
}

impl Field {
    /// The field's JSON Schema, with its description.
    pub(super) fn schema(&self) -> Schema {
        let mut schema = schema_of(self.kind);
        schema.insert("description".to_owned(), self.description.about.into());
        if !self.description.values.is_empty() {
            schema.insert(
                "enum".to_owned(),
                self.description.values.iter().copied().map(Value::from).collect(),
            );
        }
        if let Some((least, most)) = self.description.bounds {
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
pub(super) fn body_schema(fields: &[Field]) -> Schema {
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

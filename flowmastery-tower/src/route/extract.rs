//! Reading the fields of a body and the parameters of a query into checked [`Fields`].
//!
//! What is wrong with them is collected and told all at once (422), together with what the model's constructors say, by
//! [`Fields::parse`]. No fault repeats a value.

use std::collections::HashMap;

use flowmastery_core::{
    error::FieldError,
    page::{Cursor, PageRequest, Position},
};
use secrecy::SecretString;
use serde_json::Value;

use super::{Field, FieldKind, json::Object, table::Route};
use crate::problem::Problem;

/// A value that was sent, of the kind its field wants.
enum Given {
    Text(String),
    Secret(SecretString),
    Integer(i64),
    Flag(bool),
    /// Something else, which is noted as a fault.
    Faulty,
}

/// The values that were sent, by field.
#[derive(Default)]
pub(crate) struct Values(HashMap<&'static str, Given>);

impl Values {
    /// A text; empty where none was sent, which is noted as a fault already if one is required.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.optional_text(name).unwrap_or_default()
    }

    /// A text, where one was sent.
    pub(crate) fn optional_text(&self, name: &str) -> Option<&str> {
        match self.0.get(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether anything was sent, even if faulty; null counts as nothing.
    pub(crate) fn is_sent(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A number, where one was sent.
    pub(crate) fn integer(&self, name: &str) -> Option<i64> {
        match self.0.get(name) {
            Some(Given::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// Yes or no, where it was sent.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.0.get(name) {
            Some(Given::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    /// Takes a secret out; empty where none was sent.
    pub(crate) fn secret(&mut self, name: &str) -> SecretString {
        match self.0.remove(name) {
            Some(Given::Secret(secret)) => secret,
            _ => SecretString::default(),
        }
    }

    /// What was sent for these parameters, as the beginning of a query that asks for the same on another page.
    pub(crate) fn query_before_page<'a>(&self, parameters: impl IntoIterator<Item = &'a Field>) -> String {
        let sent = parameters.into_iter().filter_map(|field| match self.0.get(field.name)? {
            Given::Text(text) => Some((field.name, text.clone())),
            Given::Integer(number) => Some((field.name, number.to_string())),
            Given::Secret(_) | Given::Flag(_) | Given::Faulty => None,
        });
        // Pairs of texts can always be written.
        let query = serde_urlencoded::to_string(sent.collect::<Vec<_>>()).unwrap_or_default();
        if query.is_empty() { query } else { format!("{query}&") }
    }

    /// The page that `limit` and `cursor` ask for.
    pub(crate) fn page<P: Position>(&self) -> Result<PageRequest<P>, Vec<FieldError>> {
        let cursor = self.optional_text("cursor").map(str::parse::<Cursor<P>>).transpose();
        let page = PageRequest::new(self.integer("limit"), cursor.as_ref().copied().unwrap_or_default());
        match (page, cursor) {
            (Ok(page), Ok(_)) => Ok(page),
            (page, cursor) => Err(page.err().into_iter().chain(cursor.err()).collect()),
        }
    }
}

/// The values of a request with the faults found so far.
#[derive(Default)]
pub(crate) struct Fields {
    values: Values,
    faults: Vec<FieldError>,
}

impl Fields {
    /// The values that a request has for a route, and their faults.
    pub(crate) fn of(route: &Route, body: Option<Object>, query: &str) -> Self {
        let mut fields = Self::default();
        if let (Some(declared), Some(body)) = (route.body, body) {
            fields.read_body(declared, body);
        }
        fields.read_query(&route.query, query);
        fields
    }

    /// Makes something of the values. Only this hands them out, so that no fault is overlooked.
    ///
    /// # Errors
    /// 422 with the faults of the fields and those that `make` finds; of one field only the first kind.
    pub(crate) fn parse<T, E: Into<Problem>>(
        self,
        make: impl FnOnce(&mut Values) -> Result<T, E>,
    ) -> Result<T, Problem> {
        let Self { mut values, mut faults } = self;
        let made = make(&mut values).map_err(Into::into);
        if faults.is_empty() {
            return made;
        }
        if let Err(problem) = made {
            let known: Vec<_> = faults.iter().map(|fault| fault.field.clone()).collect();
            faults.extend(problem.errors().iter().filter(|fault| !known.contains(&fault.field)).cloned());
        }
        Err(faults.into())
    }

    fn take(&mut self, field: &Field, value: Value) {
        let is_text = matches!(field.kind, FieldKind::Text | FieldKind::Secret);
        let given = match (field.kind, value) {
            (_, Value::Null) if !field.required => return,
            (_, Value::String(text)) if is_text && text.contains('\0') => {
                Err("This must not hold NUL characters.")
            }
            (FieldKind::Text, Value::String(text)) => Ok(Given::Text(text)),
            (FieldKind::Secret, Value::String(text)) => Ok(Given::Secret(text.into())),
            (FieldKind::Flag, Value::Bool(flag)) => Ok(Given::Flag(flag)),
            (FieldKind::Integer, Value::Number(number)) => {
                number.as_i64().map(Given::Integer).ok_or(FieldKind::Integer.fault())
            }
            (kind, _) => Err(kind.fault()),
        };
        let given = given.unwrap_or_else(|message| {
            self.fault(field.name, message);
            Given::Faulty
        });
        self.values.0.insert(field.name, given);
    }

    fn fault(&mut self, field: &str, message: &str) {
        self.faults.push(FieldError::new(field, message));
    }

    fn read_body(&mut self, fields: &[Field], object: Object) {
        let sent: Vec<_> = object.0.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in object.0 {
            match fields.iter().find(|field| field.name == name) {
                Some(field) => self.take(field, value),
                None => self.fault(&name, "There is no such field."),
            }
        }
        for field in
            fields.iter().filter(|field| field.required && !sent.iter().any(|name| name == field.name))
        {
            self.fault(field.name, "This field is required.");
        }
    }

    fn read_query(&mut self, parameters: &[Field], query: &str) {
        let mut seen = Vec::new();
        // Names and values are text whatever was sent, so this finds no fault.
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        for (name, text) in pairs {
            if seen.contains(&name) {
                self.fault(&name, "This parameter is there twice.");
                continue;
            }
            match parameters.iter().find(|field| field.name == name) {
                Some(field) if field.kind == FieldKind::Integer => {
                    self.take(field, text.parse::<i64>().map_or(Value::String(text), Value::from));
                }
                Some(field) => self.take(field, Value::String(text)),
                None => self.fault(&name, "There is no such parameter."),
            }
            seen.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const FIELDS: &[Field] = &[
        Field::required("name", FieldKind::Text, ""),
        Field::optional("key", FieldKind::Secret, ""),
        Field::optional("count", FieldKind::Integer, ""),
        Field::optional("on", FieldKind::Flag, ""),
    ];

    fn body_fields(json: &str) -> Fields {
        let mut fields = Fields::default();
        fields.read_body(FIELDS, serde_json::from_str(json).unwrap());
        fields
    }

    fn query_fields(query: &str) -> Fields {
        let mut fields = Fields::default();
        fields.read_query(FIELDS, query);
        fields
    }

    fn faulty(fields: Fields) -> Vec<String> {
        match fields.parse(|_| Ok::<_, Problem>(())) {
            Ok(()) => Vec::new(),
            Err(problem) => problem.errors().iter().map(|fault| fault.field.clone()).collect(),
        }
    }

    #[test]
    fn values_are_handed_out_by_kind() {
        let fields = body_fields(r#"{"name":"a","key":"s","count":-3,"on":false}"#);
        let values = fields.parse(|values| {
            let secret = values.secret("key").expose_secret().to_owned();
            Ok::<_, Problem>((
                values.text("name").to_owned(),
                secret,
                values.integer("count"),
                values.flag("on"),
            ))
        });
        assert_eq!(values.unwrap(), ("a".to_owned(), "s".to_owned(), Some(-3), Some(false)));
    }

    #[test]
    fn null_stands_for_absent_where_that_is_allowed() {
        assert!(faulty(body_fields(r#"{"name":"a","count":null}"#)).is_empty());
        assert_eq!(faulty(body_fields(r#"{"name":null}"#)), ["name"]);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let fields = body_fields(r#"{"key":1,"count":1.5,"on":"yes","more":0}"#);
        assert_eq!(faulty(fields), ["key", "count", "on", "more", "name"]);
    }

    #[test]
    fn faults_of_the_model_join_those_of_other_fields() {
        let fields = body_fields(r#"{"name":3}"#);
        let model = || vec![FieldError::new("name", "Too short."), FieldError::new("count", "Missing.")];
        let problem = fields.parse(|_| Err::<(), _>(model())).unwrap_err();
        let faults: Vec<_> = problem.errors().iter().map(|fault| fault.message.as_str()).collect();
        assert_eq!(faults, [FieldKind::Text.fault(), "Missing."]);
    }

    #[test]
    fn nul_characters_are_refused_in_texts_and_secrets() {
        assert_eq!(faulty(body_fields(r#"{"name":"a\u0000","key":"\u0000"}"#)), ["name", "key"]);
        assert_eq!(faulty(query_fields("name=%00")), ["name"]);
    }

    #[test]
    fn faults_never_repeat_a_value() {
        let fields = body_fields(r#"{"name":"a","key":["hunter2"],"count":"hunter2"}"#);
        let problem = fields.parse(|_| Ok::<_, Problem>(())).unwrap_err();
        assert!(!format!("{problem:?}").contains("hunter2"));
    }

    #[test]
    fn query_parameters_come_once_and_are_known() {
        assert!(faulty(query_fields("count=5&name=a+b")).is_empty());
        assert_eq!(
            faulty(query_fields("count=5&count=6&count=7&more=1&on=1")),
            ["count", "count", "more", "on"]
        );
        assert_eq!(faulty(query_fields("count=five")), ["count"]);
    }

    #[test]
    fn pages_have_a_limit_and_a_cursor() {
        let page = |query: &str| {
            let mut fields = Fields::default();
            fields.read_query(super::super::field::PAGE, query);
            fields.parse(|values| values.page::<i64>())
        };
        assert_eq!(page("").unwrap().limit(), 100);
        let cursor = Cursor(7);
        assert_eq!(page(&format!("limit=3&cursor={cursor}")).unwrap().cursor(), Some(cursor));
        assert_eq!(page("limit=0&cursor=x").unwrap_err().errors().len(), 2);
    }
}

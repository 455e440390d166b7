//! The parameters of a request, and what each dialect refuses about them.

use base64::{Engine, engine::general_purpose::STANDARD};
use flowmastery_core::clock::Timestamp;
use serde_json::Value;
use url::form_urlencoded;

use super::Answer;
use crate::quirks::Dialect;

const MAX_LIMIT: i64 = 250;
const DEFAULT_LIMIT: i64 = 100;

/// What n8n 1's validator wants percent-encoded.
const RESERVED: &[char] =
    &[':', '/', '?', '#', '[', ']', '@', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '='];

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Params {
    dialect: Dialect,
    values: Vec<(String, String)>,
    /// 0 and less stand for all rows.
    pub(super) limit: i64,
    cursor: Option<Value>,
}

impl Params {
    /// Reads those of a list.
    pub(super) fn of_list(dialect: Dialect, query: &str, known: &[&str]) -> Result<Self, Answer> {
        let mut params = Self::parse(dialect, query, known)?;
        if let Some(limit) = params.get("limit") {
            params.limit = limit_of(dialect, limit)?;
        }
        params.cursor = match params.get("cursor") {
            None | Some("") => None,
            Some(cursor) => {
                Some(decode_cursor(cursor).ok_or_else(|| Answer::bad("An invalid cursor was provided"))?)
            }
        };
        // The cursor's limit wins over the query's. n8n 2 clamps it, n8n 1 does not.
        if let Some(limit) = params.cursor_number("limit") {
            params.limit = if dialect == Dialect::V2 { limit.min(MAX_LIMIT) } else { limit };
        }
        Ok(params)
    }

    /// Reads those of anything else.
    pub(super) fn parse(dialect: Dialect, query: &str, known: &[&str]) -> Result<Self, Answer> {
        let values: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        if dialect == Dialect::V1 {
            if let Some((name, _)) = values.iter().find(|(name, _)| !known.contains(&name.as_str())) {
                return Err(Answer::bad(format!("Unknown query parameter '{name}'")));
            }
            check_encoding(query)?;
        }
        Ok(Self { dialect, values, limit: DEFAULT_LIMIT, cursor: None })
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there more than once, which makes it an array.
    pub(super) fn is_repeated(&self, name: &str) -> bool {
        self.values.iter().filter(|(known, _)| known == name).count() > 1
    }

    /// "booleans must be exactly `true`/`false` (includeData=1 -> 400)" on n8n 2, "`active` filter true/false (`yes` -> 400)" on both. The
    /// text of the refusal was not captured, nor which other words n8n 1 takes.
    pub(super) fn boolean(&self, name: &str) -> Result<Option<bool>, Answer> {
        match self.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some("1") if self.dialect == Dialect::V1 => Ok(Some(true)),
            Some("0") if self.dialect == Dialect::V1 => Ok(Some(false)),
            Some(_) => Err(Answer::bad(format!("request/query/{name} must be boolean"))),
        }
    }

    /// An RFC 3339 date-time "with Z or offset only; date-only -> 400".
    pub(super) fn instant(&self, name: &str) -> Result<Option<Timestamp>, Answer> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let instant = (text.as_bytes().get(10) == Some(&b'T')).then(|| Timestamp::parse(text)).flatten();
        instant.map(Some).ok_or_else(|| Answer::bad(format!("request/query/{name} Invalid datetime")))
    }

    /// A number of the cursor, which n8n writes as one or as text.
    pub(super) fn cursor_number(&self, name: &str) -> Option<i64> {
        let value = self.cursor.as_ref()?.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// Where a list by offset starts.
    pub(super) fn offset(&self) -> usize {
        self.cursor_number("offset").and_then(|offset| usize::try_from(offset).ok()).unwrap_or(0)
    }

    /// How many rows a page has: "`limit=0`: returns ALL rows on both (SQLite). `limit=-1`: all rows on 1.123".
    pub(super) fn rows(&self) -> usize {
        if self.limit <= 0 { usize::MAX } else { usize::try_from(self.limit).unwrap_or(usize::MAX) }
    }
}

fn check_encoding(query: &str) -> Result<(), Answer> {
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        if value.is_empty() {
            return Err(Answer::bad(format!("Empty value found for query parameter '{name}'")));
        }
        if value.contains(RESERVED) {
            return Err(Answer::bad(format!(
                "Parameter '{name}' must be url encoded. Its value may not contain reserved characters."
            )));
        }
    }
    Ok(())
}

fn limit_of(dialect: Dialect, text: &str) -> Result<i64, Answer> {
    let limit: Option<i64> = text.parse().ok();
    match (dialect, limit) {
        (Dialect::V1, None) => Err(Answer::bad("request/query/limit must be number")),
        (Dialect::V1, Some(limit)) if limit > MAX_LIMIT => {
            Err(Answer::bad("request/query/limit must be <= 250"))
        }
        (Dialect::V1, Some(limit)) => Ok(limit),
        (Dialect::V2, None) => Err(Answer::bad("request/query/limit Param `limit` must be a valid integer")),
        (Dialect::V2, Some(..=-1)) => {
            Err(Answer::bad("request/query/limit Param `limit` must be a non-negative integer"))
        }
        (Dialect::V2, Some(limit)) => Ok(limit.min(MAX_LIMIT)),
    }
}

fn decode_cursor(text: &str) -> Option<Value> {
    let decoded: Value = serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()?;
    decoded.is_object().then_some(decoded)
}

//! What n8n's answers look like, and how they are read: straight from the bytes into the model, without a copy in between.
//!
//! n8n changes between versions, so whatever is not needed is skipped, ids come as text or as numbers, and statuses and modes are
//! open sets. What is needed must be there: a row without a usable id fails the whole page, for a skipped row would be a wrong
//! count. Faults name a place, never what stood there.

use std::{fmt, marker::PhantomData};

use compact_str::{CompactString, ToCompactString};
use serde::{
    Deserialize, Deserializer,
    de::{Error as DecodeError, Visitor},
};

use super::{Insights, N8nCursor, N8nPage, SingleExecution};
use crate::{
    clock::Timestamp,
    id::ExecutionId,
    model::{
        execution::{Execution, Status},
        workflow::{Workflow, WorkflowId},
    },
};

/// The most bytes of a workflow's id and of a mode; n8n's own columns hold fewer.
const MAX_WORD_BYTES: usize = 255;

/// An answer that n8n's public API does not give.
#[derive(Debug)]
pub struct WireError {
    line: usize,
    column: usize,
    category: serde_json::error::Category,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not n8n's JSON: {:?} fault at line {} column {}", self.category, self.line, self.column)
    }
}

impl std::error::Error for WireError {}

impl From<serde_json::Error> for WireError {
    /// Keeps the place only: the message can quote what the server sent.
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column(), category: error.classify() }
    }
}

/// Reads a page of `GET /executions`.
///
/// # Errors
/// When it is not a page, or a row lacks its id or its workflow's.
pub fn decode_executions(bytes: &[u8]) -> Result<N8nPage<Execution>, WireError> {
    decode_page::<ExecutionRow, _>(bytes)
}

/// Reads a page of `GET /workflows`.
///
/// # Errors
/// When it is not a page, or a row lacks its id.
pub fn decode_workflows(bytes: &[u8]) -> Result<N8nPage<Workflow>, WireError> {
    decode_page::<WorkflowRow, _>(bytes)
}

/// Reads the answer of `GET /executions/{id}`.
///
/// # Errors
/// When it is not an execution.
pub fn decode_execution(bytes: &[u8]) -> Result<SingleExecution, WireError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Single {
        #[serde(flatten)]
        row: ExecutionRow,
        created_at: Option<Instant>,
    }
    let Single { row, created_at } = serde_json::from_slice(bytes)?;
    Ok(SingleExecution { execution: row.into(), created_at: created_at.map(|instant| instant.0) })
}

/// Reads the answer of `GET /insights/summary`.
///
/// # Errors
/// When it is no summary.
pub fn decode_insights(bytes: &[u8]) -> Result<Insights, WireError> {
    #[derive(Deserialize)]
    struct Number {
        value: i64,
    }
    #[derive(Deserialize)]
    struct Summary {
        total: Number,
        failed: Number,
    }
    let summary: Summary = serde_json::from_slice(bytes)?;
    Ok(Insights { total: summary.total.value, failed: summary.failed.value })
}

/// Whether a 404 is n8n's own: an object with a message.
pub fn is_refusal(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "message")]
        _message: String,
    }
    serde_json::from_slice::<Refusal>(bytes).is_ok()
}

fn decode_page<'a, R: Deserialize<'a>, T: From<R>>(bytes: &'a [u8]) -> Result<N8nPage<T>, WireError> {
    #[derive(Deserialize)]
    struct Page<R> {
        data: Vec<R>,
        #[serde(rename = "nextCursor")]
        next: Option<String>,
    }
    // Checking UTF-8 once for a page is several times faster than once for each text in it.
    let page: Page<R> = match str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text)?,
        // What is skipped may be no UTF-8.
        Err(_) => serde_json::from_slice(bytes)?,
    };
    let next = page.next.filter(|cursor| !cursor.is_empty()).map(N8nCursor);
    Ok(N8nPage { items: page.data.into_iter().map(T::from).collect(), next })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutionRow {
    id: Digits,
    workflow_id: Word,
    status: Option<StatusWord>,
    mode: Option<Word>,
    started_at: Option<Instant>,
    stopped_at: Option<Instant>,
    retry_of: Option<Digits>,
    retry_success_id: Option<Digits>,
}

impl From<ExecutionRow> for Execution {
    fn from(row: ExecutionRow) -> Self {
        Self {
            id: ExecutionId(row.id.0),
            workflow_id: WorkflowId(row.workflow_id.0),
            status: row.status.map_or(Status::Unknown, |word| word.0),
            mode: row.mode.map_or_else(CompactString::default, |word| word.0),
            started_at: row.started_at.map(|instant| instant.0),
            stopped_at: row.stopped_at.map(|instant| instant.0),
            retry_of: row.retry_of.map(|digits| ExecutionId(digits.0)),
            retry_success_id: row.retry_success_id.map(|digits| ExecutionId(digits.0)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WorkflowRow {
    id: Word,
    name: String,
    active: bool,
    is_archived: Option<bool>,
}

impl From<WorkflowRow> for Workflow {
    fn from(row: WorkflowRow) -> Self {
        Self {
            id: WorkflowId(row.id.0),
            name: row.name,
            active: row.active,
            archived: row.is_archived.unwrap_or(false),
        }
    }
}

/// What a text or a whole number is read into, without allocating.
trait Scalar: Sized {
    const EXPECTED: &'static str;

    fn from_text(text: &str) -> Option<Self>;

    fn from_number(_: u64) -> Option<Self> {
        None
    }
}

struct ScalarVisitor<T>(PhantomData<T>);

impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: DecodeError>(self, text: &str) -> Result<T, E> {
        T::from_text(text).ok_or_else(|| E::custom(T::EXPECTED))
    }

    fn visit_u64<E: DecodeError>(self, number: u64) -> Result<T, E> {
        T::from_number(number).ok_or_else(|| E::custom(T::EXPECTED))
    }
}

macro_rules! scalars {
    ($($name:ident),+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(ScalarVisitor(PhantomData))
            }
        }
    )+};
}

scalars!(Digits, Word, StatusWord, Instant);

/// An execution's id.
struct Digits(i64);

impl Scalar for Digits {
    const EXPECTED: &'static str = "an id in digits";

    fn from_text(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().map(Self)
    }

    fn from_number(number: u64) -> Option<Self> {
        i64::try_from(number).ok().map(Self)
    }
}

/// A workflow's id or a mode: short, printable.
struct Word(CompactString);

impl Scalar for Word {
    const EXPECTED: &'static str = "a short text without control characters";

    fn from_text(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= MAX_WORD_BYTES && !text.chars().any(char::is_control);
        fits.then(|| Self(text.into()))
    }

    fn from_number(number: u64) -> Option<Self> {
        Some(Self(number.to_compact_string()))
    }
}

struct StatusWord(Status);

impl Scalar for StatusWord {
    const EXPECTED: &'static str = "a status";

    fn from_text(text: &str) -> Option<Self> {
        Some(Self(Status::from_n8n(text)))
    }
}

struct Instant(Timestamp);

impl Scalar for Instant {
    const EXPECTED: &'static str = "a date-time";

    fn from_text(text: &str) -> Option<Self> {
        iso_millis(text.as_bytes()).map(Timestamp::from_millis).or_else(|| Timestamp::parse(text)).map(Self)
    }
}

/// Reads the one form that n8n writes, `YYYY-MM-DDTHH:MM:SS.mmmZ`, several times faster than a parser of every form.
fn iso_millis(text: &[u8]) -> Option<i64> {
    let &[
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        b'.',
        f0,
        f1,
        f2,
        b'Z',
    ] = <&[u8; 24]>::try_from(text).ok()?
    else {
        return None;
    };
    let (year, month, day) = (number([y0, y1, y2, y3])?, number([m0, m1])?, number([d0, d1])?);
    let (hour, minute, second) = (number([h0, h1])?, number([n0, n1])?, number([s0, s1])?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let seconds = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1000 + number([f0, f1, f2])?)
}

fn number<const N: usize>(digits: [u8; N]) -> Option<i64> {
    digits
        .into_iter()
        .try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01 of a Gregorian date, by Howard Hinnant's `days_from_civil`: years start in March, so that leap days come last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests;

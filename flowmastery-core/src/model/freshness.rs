//! How fresh numbers are, and why they are not fresher.

use serde::Serialize;

use crate::clock::Timestamp;

/// Whether an n8n answers as it should, or what is in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ConnectionStatus {
    /// It answers, and the key opens what collection needs.
    Ok,
    /// n8n refuses the key.
    AuthFailed,
    /// n8n knows the key, but it lacks a scope that collection needs.
    MissingScope,
    /// No answer: connection refused, timed out, name not found, or n8n's own 5xx and 429 after all tries.
    Unreachable,
    /// Something answers, but not n8n's public API.
    NotN8n,
}

impl ConnectionStatus {
    /// The status's name, as stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::AuthFailed => "auth_failed",
            Self::MissingScope => "missing_scope",
            Self::Unreachable => "unreachable",
            Self::NotN8n => "not_n8n",
        }
    }

    /// The status of a stored name; `None` for a name that we never store.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ok, Self::AuthFailed, Self::MissingScope, Self::Unreachable, Self::NotN8n]
            .into_iter()
            .find(|status| status.as_str() == text)
    }
}

/// How fresh a client's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FreshnessStatus {
    /// The last collection succeeded within twice the interval.
    Live,
    /// The first collection has not finished yet.
    Collecting,
    /// The last success is older than twice the interval, and nothing says why.
    Stale,
    /// No n8n is configured.
    NotConfigured,
    /// n8n refuses the key.
    AuthFailed,
    /// The key lacks a scope.
    MissingScope,
    /// n8n gives no answer.
    Unreachable,
    /// What answers is not n8n's public API.
    NotN8n,
}

/// How fresh the numbers of an answer are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Freshness {
    /// The state in a word.
    pub status: FreshnessStatus,
    /// When a collection last succeeded; null before the first time.
    pub last_success_at: Option<Timestamp>,
    /// The state as a sentence.
    pub message: String,
    /// Spans that n8n pruned before they could be collected: the numbers lack what ran then.
    pub gaps: Vec<Gap>,
}

/// A span of which executions are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// Start of the span.
    pub from: Timestamp,
    /// End of the span, exclusive.
    pub to: Timestamp,
}

/// The most gaps that are kept apart.
const MAX_GAPS: usize = 100;

/// The gaps with one more: those that touch are one, and of too many the oldest are joined.
///
/// ```
/// use flowmastery_core::{clock::Timestamp, model::freshness::{Gap, with_gap}};
/// let gap = |from, to| Gap { from: Timestamp::from_millis(from), to: Timestamp::from_millis(to) };
/// assert_eq!(with_gap(vec![gap(0, 5), gap(9, 12)], gap(5, 7)), [gap(0, 7), gap(9, 12)]);
/// ```
pub fn with_gap(mut gaps: Vec<Gap>, gap: Gap) -> Vec<Gap> {
    gaps.push(gap);
    gaps.sort_unstable();
    let mut joined: Vec<Gap> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match joined.last_mut().filter(|last| gap.from <= last.to) {
            Some(last) => last.to = last.to.max(gap.to),
            None => joined.push(gap),
        }
    }
    if let Some(excess) = joined.len().checked_sub(MAX_GAPS)
        && let Some(last) = joined.get(excess).copied()
        && let Some(first) = joined.first().copied()
    {
        joined.drain(..=excess);
        joined.insert(0, Gap { from: first.from, to: last.to });
    }
    joined
}

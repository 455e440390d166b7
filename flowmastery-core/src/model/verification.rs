//! What a verification finds: our numbers held against what n8n lists, against the rows that are still kept, and against n8n's own sums.

use std::fmt;

use crate::{
    clock::Timestamp,
    id::{ClientId, ExecutionId},
    model::{
        execution::{Execution, Status},
        rollup::Range,
    },
};

/// Why two sides differ. Only [`Reason::Unexplained`] is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// It started or ended after our last collection.
    NewerThanCollection,
    /// The first back-fill has not come to it.
    BackFill,
    /// It has aged out here, and is counted.
    AgedOut,
    /// It is unfinished here, and is read again by id.
    ReadAgain,
    /// It was retried with success after we read it.
    RetriedSince,
    /// n8n pruned or deleted it; it stays counted here.
    GoneFromN8n,
    /// n8n shows unfinished ones in no list.
    HiddenByN8n,
    /// It is of the database that n8n had before it was reset, restored or replaced.
    EarlierDatabase,
    /// Rows of this time have aged out, so that fewer are kept than counted.
    RowsAgedOut,
    /// n8n sums up hourly.
    NotSummedUpYet,
    /// n8n counts executions there that it does not save, and those of before it pruned.
    NotSaved,
    /// Nothing that we know of makes them differ.
    Unexplained,
}

impl Reason {
    /// The reason as a sentence.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::NewerThanCollection => "they started or ended after the last collection",
            Self::BackFill => "the first back-fill has not come to them",
            Self::AgedOut => "they have aged out here, and stay counted",
            Self::ReadAgain => "they were unfinished when last read, and are read again by id",
            Self::RetriedSince => "they were retried with success since they were read",
            Self::GoneFromN8n => "n8n has pruned or deleted them; here they stay counted",
            Self::HiddenByN8n => "n8n shows what runs or waits in no list",
            Self::EarlierDatabase => "they are of the database that n8n had before",
            Self::RowsAgedOut => "rows of these quarter hours have aged out",
            Self::NotSummedUpYet => "n8n sums up once an hour",
            Self::NotSaved => "n8n counts what it does not save there, too",
            Self::Unexplained => "UNEXPLAINED",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A difference of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference {
    /// What differs.
    pub what: &'static str,
    /// Why.
    pub reason: Reason,
    /// How often.
    pub count: i64,
    /// The first of them.
    pub example: String,
}

/// What was compared, and what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// Whose numbers.
    pub client_id: ClientId,
    /// The client's name.
    pub client_name: String,
    /// When a collection last succeeded.
    pub last_success_at: Option<Timestamp>,
    /// Executions that n8n listed.
    pub listed: i64,
    /// Of these, those that stand here in every detail.
    pub agreeing: i64,
    /// Quarter hours of workflows that were counted again from their rows.
    pub recounted: i64,
    /// What n8n itself sums up, and what our rows make by its definition; `None` where n8n does not tell.
    pub insights: Option<InsightsComparison>,
    /// Executions that end before they start; they have no duration.
    pub negative_durations: i64,
    /// What differs, by kind.
    pub differences: Vec<Difference>,
}

impl Verification {
    /// Notes so many differences of a kind; nothing where there are none.
    pub fn differs(
        &mut self,
        (what, reason): (&'static str, Reason),
        count: i64,
        example: impl FnOnce() -> String,
    ) {
        if count <= 0 {
            return;
        }
        match self.differences.iter_mut().find(|known| known.what == what && known.reason == reason) {
            Some(known) => known.count += count,
            None => self.differences.push(Difference { what, reason, count, example: example() }),
        }
    }

    /// Whether every difference has its reason.
    pub fn is_explained(&self) -> bool {
        self.differences.iter().all(|difference| difference.reason != Reason::Unexplained)
    }
}

/// n8n's own sums over a span, and ours by its definition: modes webhook, trigger, retry, error, cli and evaluation; statuses success,
/// error and crashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InsightsComparison {
    /// The span.
    pub range: Range,
    /// n8n's total and failed.
    pub theirs: (i64, i64),
    /// Ours of the rows that are kept.
    pub ours: (i64, i64),
}

/// Whether n8n counts an execution in its Insights.
pub fn counts_in_insights(mode: &str, status: Status) -> bool {
    matches!(mode, "webhook" | "trigger" | "retry" | "error" | "cli" | "evaluation")
        && matches!(status, Status::Success | Status::Error | Status::Crashed)
}

/// What is known of an execution that n8n lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its row.
    Kept(Execution),
    /// Its row has aged out.
    AgedOut,
    /// Nothing.
    Missing,
}

/// How far collection is, as far as it explains differences.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    /// When a collection last succeeded.
    pub last_success_at: Timestamp,
    /// The newest id that it read.
    pub complete_to: ExecutionId,
    /// Whether everything was read once.
    pub back_filled: bool,
}

/// For so long after it ended an execution may be unfinished here: of many unfinished ones a part is read in each collection.
const READ_AGAIN_WITHIN: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// Why an execution that n8n lists does not stand here as it does there; `None` where it does.
pub fn judge(listed: &Execution, fate: &Fate, reach: Reach) -> Option<(&'static str, Reason)> {
    let newest = |run: &Execution| run.started_at.max(run.stopped_at);
    let is_newer = newest(listed) > Some(reach.last_success_at);
    let known = match fate {
        Fate::Kept(known) if known == listed => return None,
        Fate::Kept(known) => known,
        Fate::AgedOut => return Some(("listed by n8n, not kept here", Reason::AgedOut)),
        Fate::Missing => {
            let reason = match reach.back_filled {
                _ if is_newer || listed.id > reach.complete_to => Reason::NewerThanCollection,
                false => Reason::BackFill,
                true => Reason::Unexplained,
            };
            return Some(("listed by n8n, unknown here", reason));
        }
    };
    let retried = Execution { retry_success_id: listed.retry_success_id, ..known.clone() };
    // A server beside us may have collected it since it was listed.
    let reason = if is_newer || newest(known) > Some(reach.last_success_at) || listed.started_at.is_none() {
        Reason::NewerThanCollection
    } else if retried == *listed {
        Reason::RetriedSince
    } else if !known.status.is_terminal() && is_fresh(listed, reach) {
        Reason::ReadAgain
    } else {
        Reason::Unexplained
    };
    Some(("another state here than there", reason))
}

fn is_fresh(listed: &Execution, reach: Reach) -> bool {
    !listed.status.is_terminal()
        || listed.stopped_at.is_none_or(|ended| ended.plus(READ_AGAIN_WITHIN) > reach.last_success_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: Status, start: i64, stop: Option<i64>) -> Execution {
        Execution {
            id: ExecutionId(7),
            workflow_id: "w".into(),
            status,
            mode: "webhook".into(),
            started_at: Some(Timestamp::from_millis(start)),
            stopped_at: stop.map(Timestamp::from_millis),
            retry_of: None,
            retry_success_id: None,
        }
    }

    const DAY: i64 = 24 * 60 * 60 * 1000;

    fn reason(listed: &Execution, fate: &Fate, back_filled: bool) -> Option<Reason> {
        let reach =
            Reach { last_success_at: Timestamp::from_millis(DAY), complete_to: ExecutionId(9), back_filled };
        judge(listed, fate, reach).map(|(_, reason)| reason)
    }

    #[test]
    fn every_difference_has_its_reason() {
        let ended = run(Status::Success, 1000, Some(2000));
        let retried = Execution { retry_success_id: Some(ExecutionId(8)), ..ended.clone() };
        let late = run(Status::Success, DAY - 1, Some(DAY + 5));
        let running = run(Status::Running, 1000, None);
        let just_ended = run(Status::Success, 1000, Some(DAY - 1000));
        let failed = run(Status::Error, 1000, Some(2000));
        let (waiting, collected) =
            (run(Status::Waiting, 1000, Some(1000)), run(Status::Success, 1000, Some(DAY + 9)));
        let cases = [
            (&ended, Fate::Kept(ended.clone()), None),
            (&retried, Fate::Kept(ended.clone()), Some(Reason::RetriedSince)),
            (&ended, Fate::AgedOut, Some(Reason::AgedOut)),
            (&late, Fate::Missing, Some(Reason::NewerThanCollection)),
            (&ended, Fate::Missing, Some(Reason::Unexplained)),
            (&failed, Fate::Kept(ended.clone()), Some(Reason::Unexplained)),
            (&just_ended, Fate::Kept(running.clone()), Some(Reason::ReadAgain)),
            (&ended, Fate::Kept(running), Some(Reason::Unexplained)),
            (&waiting, Fate::Kept(collected), Some(Reason::NewerThanCollection)),
        ];
        for (listed, fate, expected) in cases {
            assert_eq!(reason(listed, &fate, true), expected, "{fate:?}");
        }
        assert_eq!(reason(&ended, &Fate::Missing, false), Some(Reason::BackFill));
    }

    #[test]
    fn insights_count_what_n8n_counts_there() {
        let counted = |mode, status| counts_in_insights(mode, status);
        assert!(counted("cli", Status::Success) && counted("webhook", Status::Crashed));
        assert!(!counted("chat", Status::Success) && !counted("manual", Status::Success));
        assert!(!counted("webhook", Status::Canceled) && !counted("webhook", Status::Waiting));
    }
}

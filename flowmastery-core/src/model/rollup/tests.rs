//! Folding against recounting from scratch, and covers against counting quarter hours one by one.

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;
use crate::id::ExecutionId;

const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn minutes(minutes: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + minutes * 60_000)
}

fn execution(id: i64, status: Status, started: Option<i64>, stopped: Option<i64>) -> Execution {
    Execution {
        id: ExecutionId(id),
        workflow_id: "2mKCdywijX4MktKo".into(),
        status,
        mode: "webhook".into(),
        started_at: started.map(minutes),
        stopped_at: stopped.map(minutes),
        retry_of: None,
        retry_success_id: None,
    }
}

/// What a ledger with rollups keeps: rows by id, and buckets that only ever see differences.
#[derive(Default)]
struct Ledger {
    rows: HashMap<ExecutionId, Recorded>,
    buckets: HashMap<BucketKey, Tally>,
}

impl Ledger {
    fn apply(&mut self, executions: &[Execution], now: Timestamp) -> Fold {
        let mut fold = Fold::default();
        for execution in executions {
            fold.read(execution.clone(), self.rows.get(&execution.id), now);
        }
        for (key, delta) in fold.deltas() {
            self.buckets.entry(key).or_default().merge(&delta);
        }
        self.buckets.retain(|_, tally| !tally.is_zero());
        self.rows.extend(fold.changed().map(|row| (row.execution.id, row.clone())));
        fold
    }

    /// The buckets that the rows as they are add up to.
    fn recount(&self) -> HashMap<BucketKey, Tally> {
        let mut buckets: HashMap<BucketKey, Tally> = HashMap::new();
        for Recorded { execution, bucket } in self.rows.values() {
            let (workflow_id, class) = (execution.workflow_id.clone(), execution.class());
            let key = BucketKey { workflow_id, class, start: *bucket };
            buckets.entry(key).or_default().record(execution, Sign::Plus);
        }
        buckets
    }
}

fn any_execution() -> impl Strategy<Value = Execution> {
    let row = (0..12i64, select(&Status::ALL), option::of(-40..40i64), option::of(-45..60i64));
    let kind = (select(&["a", "b"]), select(&["webhook", "manual", "cli"]), option::of(0..9i64));
    (row, kind).prop_map(|((id, status, started, stopped), (workflow, mode, retry))| Execution {
        workflow_id: workflow.into(),
        mode: mode.into(),
        retry_success_id: retry.map(ExecutionId),
        ..execution(id, status, started, stopped)
    })
}

proptest! {
    #[test]
    fn differences_add_up_to_a_recount_from_scratch(pages in vec(vec(any_execution(), 0..12), 1..12)) {
        let mut ledger = Ledger::default();
        for (page, executions) in pages.iter().enumerate() {
            ledger.apply(executions, minutes(10 * page as i64));
            prop_assert_eq!(&ledger.buckets, &ledger.recount());
        }
    }

    #[test]
    fn folding_in_one_go_gives_what_folding_page_by_page_gives(executions in vec(any_execution(), 0..40), cut in 0..40usize) {
        let (first, second) = executions.split_at(cut.min(executions.len()));
        let (mut whole, mut parts) = (Ledger::default(), Ledger::default());
        whole.apply(&executions, NOW);
        parts.apply(first, NOW);
        parts.apply(second, NOW);
        prop_assert_eq!(whole.rows, parts.rows);
        prop_assert_eq!(whole.buckets, parts.buckets);
    }

    #[test]
    fn reading_what_is_known_again_changes_nothing(executions in vec(any_execution(), 0..30), later in 0..60i64) {
        let mut ledger = Ledger::default();
        ledger.apply(&executions, NOW);
        let known: Vec<_> = ledger.rows.values().map(|row| row.execution.clone()).collect();
        let again = ledger.apply(&known, minutes(later));
        let waits = |row: &&Recorded| row.execution.started_at.is_none() && !row.execution.status.is_terminal();
        prop_assert_eq!(again.changed().count(), again.changed().filter(waits).count(), "only the queue moves on");
        prop_assert!(later >= 15 || again.is_empty());
        prop_assert_eq!(&ledger.buckets, &ledger.recount());
    }

    #[test]
    fn a_cover_is_every_quarter_hour_once_in_order_in_whole_buckets(from in -500..500i64, length in 0..900i64) {
        let at = |quarters: i64| Timestamp::from_millis(NOW.as_millis() + quarters * Width::Quarter.millis());
        let spans = cover(Range { from: at(from), to: at(from + length) });
        let mut reached = at(from);
        for Span { width, range } in &spans {
            prop_assert_eq!(range.from, reached);
            prop_assert!(range.from < range.to);
            prop_assert_eq!((width.floor(range.from), width.floor(range.to)), (range.from, range.to));
            reached = range.to;
        }
        prop_assert_eq!(reached, at(from + length));
        let buckets = |span: &Span| (span.range.to.as_millis() - span.range.from.as_millis()) / span.width.millis();
        prop_assert_eq!(spans.iter().map(buckets).sum::<i64>(), fewest(at(from), at(from + length)));
    }
}

/// The fewest whole buckets, by taking the widest that starts here and still fits, one after the other.
fn fewest(from: Timestamp, to: Timestamp) -> i64 {
    let (mut at, mut buckets) = (from, 0);
    while at < to {
        let end = |width: &Width| Timestamp::from_millis(at.as_millis() + width.millis());
        let fits = |width: &&Width| width.floor(at) == at && end(width) <= to;
        at = Width::ALL.iter().rev().find(fits).map(end).unwrap();
        buckets += 1;
    }
    buckets
}

#[test]
fn an_ended_execution_is_not_taken_back_by_an_older_read() {
    let mut ledger = Ledger::default();
    let ended = execution(1, Status::Success, Some(0), Some(2));
    ledger.apply(&[ended.clone(), execution(1, Status::Running, Some(0), None)], NOW);
    assert!(ledger.apply(&[execution(1, Status::Waiting, Some(0), Some(1))], NOW).is_empty());
    assert_eq!(ledger.rows[&ExecutionId(1)].execution, ended);
    let tally = ledger.buckets.values().next().unwrap();
    assert_eq!((tally.total(), tally.successful(), tally.duration_sum_millis()), (1, 1, 120_000));
}

#[test]
fn one_that_comes_up_again_counts_once_in_whatever_order_the_others_come() {
    let known = Recorded::new(execution(5, Status::Success, Some(0), Some(1)), NOW);
    let read = |fold: &mut Fold, id, minutes| {
        let known = (id == 5).then_some(&known);
        fold.read(execution(id, Status::Success, Some(0), Some(minutes)), known, NOW);
    };
    for others in [vec![], vec![4], vec![6], vec![3, 4]] {
        let mut fold = Fold::default();
        fold.replace(&known, Recorded::new(execution(5, Status::Error, Some(0), Some(1)), NOW));
        others.iter().for_each(|id| read(&mut fold, *id, 1));
        read(&mut fold, 5, 3);
        assert_eq!(fold.changed().count(), 1 + others.len(), "{others:?}");
        let (_, delta) = fold.deltas().into_iter().next().unwrap();
        let minutes = 2 + others.len() as i64;
        assert_eq!(
            (delta.total(), delta.duration_sum_millis()),
            (minutes - 2, minutes * 60_000),
            "{others:?}"
        );
    }
}

#[test]
fn an_ended_execution_still_learns_of_its_retry() {
    let mut ledger = Ledger::default();
    let failed = execution(1, Status::Error, Some(0), Some(1));
    ledger.apply(std::slice::from_ref(&failed), NOW);
    let retried = Execution { retry_success_id: Some(ExecutionId(2)), ..failed };
    let fold = ledger.apply(std::slice::from_ref(&retried), NOW);
    assert_eq!(fold.changed().map(|row| &row.execution).collect::<Vec<_>>(), [&retried]);
    assert_eq!(fold.deltas().len(), 0, "its numbers are the same");
}

#[test]
fn a_queued_execution_counts_when_it_was_last_read_and_moves_to_its_start() {
    let mut ledger = Ledger::default();
    let start = |ledger: &Ledger| ledger.buckets.keys().map(|key| key.start).collect::<Vec<_>>();
    let queued = execution(1, Status::New, None, None);
    ledger.apply(std::slice::from_ref(&queued), minutes(1));
    assert_eq!(start(&ledger), [minutes(0)]);
    assert!(ledger.apply(std::slice::from_ref(&queued), minutes(14)).is_empty(), "the same quarter hour");
    assert!(!ledger.apply(&[queued], minutes(31)).is_empty(), "a later look moves it");
    ledger.apply(&[execution(1, Status::Running, Some(47), None)], minutes(48));
    assert_eq!(start(&ledger), [minutes(45)]);
    ledger.apply(&[execution(1, Status::Success, Some(47), Some(49))], minutes(50));
    assert_eq!(start(&ledger), [minutes(45)]);
    assert_eq!(ledger.buckets, ledger.recount());
}

#[test]
fn a_start_that_a_resumed_wait_moved_moves_the_execution() {
    let mut ledger = Ledger::default();
    ledger.apply(&[execution(1, Status::Waiting, Some(0), Some(1))], NOW);
    ledger.apply(&[execution(1, Status::Success, Some(120), Some(121))], minutes(122));
    let buckets: Vec<_> = ledger.buckets.iter().map(|(key, tally)| (key.start, tally.counts())).collect();
    assert_eq!(buckets, [(minutes(120), &[0, 0, 0, 1, 0, 0, 0, 0])]);
}

#[test]
fn only_success_and_error_have_a_duration_and_a_negative_one_is_dropped() {
    let mut tally = Tally::default();
    for (id, status) in Status::ALL.into_iter().enumerate() {
        tally.record(&execution(id as i64, status, Some(0), Some(1)), Sign::Plus);
    }
    tally.record(&execution(9, Status::Success, Some(1), Some(0)), Sign::Plus);
    tally.record(&execution(10, Status::Success, Some(0), None), Sign::Plus);
    assert_eq!(
        (tally.sketch().count(), tally.duration_sum_millis(), tally.mean_millis()),
        (2, 120_000, Some(60_000.0))
    );
    assert_eq!((tally.total(), tally.successful(), tally.failed()), (10, 3, 2));
    assert_eq!((tally.canceled(), tally.unfinished()), (1, 4));
    assert_eq!(tally.success_rate(), Some(60.0));
}

#[test]
fn rates_and_means_of_nothing_are_not_known() {
    let mut tally = Tally::default();
    assert_eq!((tally.success_rate(), tally.mean_millis()), (None, None));
    tally.record(&execution(1, Status::Running, Some(0), None), Sign::Plus);
    assert_eq!((tally.success_rate(), tally.mean_millis()), (None, None));
    tally.record(&execution(1, Status::Running, Some(0), None), Sign::Minus);
    assert!(tally.is_zero());
}

#[test]
fn a_tally_is_put_together_from_its_stored_parts() {
    let mut tally = Tally::default();
    tally.record(&execution(1, Status::Success, Some(0), Some(1)), Sign::Plus);
    tally.record(&execution(2, Status::Crashed, Some(0), Some(1)), Sign::Plus);
    let stored = Tally::from_parts(*tally.counts(), tally.duration_sum_millis(), tally.sketch().clone());
    assert_eq!(stored, tally);
}

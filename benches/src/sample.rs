//! Generated n8n pages with the answer that aggregating them must give, the same on every machine and in every run.
//!
//! A page has the bytes of `GET /executions?limit=250`: ten keys a row, newest first, instants with milliseconds. The answer is
//! counted while generating, by none of the code that is measured.

use std::{collections::HashSet, fmt::Write};

use flowmastery_core::{clock::Timestamp, model::execution::Status};

/// Rows on a page: the most that n8n gives.
pub const ROWS_PER_PAGE: usize = 250;

const WORKFLOWS: u64 = 200;
/// 2026-01-01T00:00:00Z.
const START_MILLIS: i64 = 1_767_225_600_000;
const QUARTER_MILLIS: i64 = 15 * 60 * 1000;

/// What aggregating the pages must give.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Executions by status, in the order of [`Status::ALL`].
    pub counts: [i64; 8],
    /// Executions with a duration.
    pub durations: i64,
    /// Sum of the durations in milliseconds.
    pub duration_sum_millis: i64,
    /// Quarter hours of a workflow and a class in which something started.
    pub buckets: usize,
}

/// Pages with their answer.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Bodies as n8n sends them, newest executions first.
    pub pages: Vec<Vec<u8>>,
    /// What they add up to.
    pub answer: Answer,
}

impl Sample {
    /// So many full pages of executions that started evenly over so many minutes, from 200 workflows of which few run often.
    pub fn generate(pages: usize, minutes: i64) -> Self {
        let rows = pages * ROWS_PER_PAGE;
        let mut generator =
            Generator { random: Random(7), answer: Answer::default(), buckets: HashSet::new() };
        let bodies = (0..pages).map(|page| {
            let newest = rows - page * ROWS_PER_PAGE;
            let oldest = newest - ROWS_PER_PAGE;
            let mut body = String::with_capacity(ROWS_PER_PAGE * 240);
            body.push_str(r#"{"data":["#);
            for id in (oldest + 1..=newest).rev() {
                let started = START_MILLIS + minutes * 60_000 * id as i64 / rows as i64;
                body.push_str(&generator.row(id, started));
                body.push(if id == oldest + 1 { ']' } else { ',' });
            }
            body.push_str(if oldest == 0 {
                r#","nextCursor":null}"#
            } else {
                r#","nextCursor":"eyJsYXN0SWQiOiIx"}"#
            });
            body.into_bytes()
        });
        let pages = bodies.collect();
        Self { pages, answer: Answer { buckets: generator.buckets.len(), ..generator.answer } }
    }

    /// Executions on all pages.
    pub fn executions(&self) -> usize {
        self.pages.len() * ROWS_PER_PAGE
    }
}

struct Generator {
    random: Random,
    answer: Answer,
    /// Workflow, class and quarter hour.
    buckets: HashSet<(u64, u8, i64)>,
}

impl Generator {
    fn row(&mut self, id: usize, started: i64) -> String {
        // The square makes few workflows run often: the busiest tenth has about a third of all executions.
        let workflow = (self.random.share().powi(2) * WORKFLOWS as f64) as u64;
        let status = match self.random.below(1000) {
            0..900 => Status::Success,
            900..970 => Status::Error,
            970..980 => Status::Canceled,
            980..985 => Status::Crashed,
            985..995 => Status::Waiting,
            _ => Status::Running,
        };
        let (mode, class) = match self.random.below(100) {
            0..70 => ("webhook", 0),
            70..92 => ("trigger", 0),
            92..94 => ("retry", 0),
            94..97 => ("manual", 1),
            _ => ("integrated", 2),
        };
        let millis = self.random.millis() as i64;
        let stopped = started + millis;
        self.count(status, millis);
        self.buckets.insert((workflow, class, started / QUARTER_MILLIS));
        let retry_of = (mode == "retry").then(|| id.saturating_sub(1));
        let mut row = String::with_capacity(240);
        let written = write!(
            row,
            r#"{{"id":"{id}","finished":{},"mode":"{mode}","retryOf":{},"retrySuccessId":null,"status":"{}","startedAt":{},"stoppedAt":{},"workflowId":"2mKCdywijX{workflow:06}","waitTill":{}}}"#,
            status == Status::Success,
            quoted(retry_of),
            status.as_str(),
            quoted(Some(Timestamp::from_millis(started))),
            quoted((status != Status::Running).then(|| Timestamp::from_millis(stopped))),
            quoted((status == Status::Waiting).then(|| Timestamp::from_millis(stopped + 3_600_000))),
        );
        debug_assert!(written.is_ok(), "writing to a string succeeds");
        row
    }

    fn count(&mut self, status: Status, millis: i64) {
        if let Some(count) = self.answer.counts.get_mut(status.index()) {
            *count += 1;
        }
        if status.has_duration() {
            self.answer.durations += 1;
            self.answer.duration_sum_millis += millis;
        }
    }
}

fn quoted(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "null".to_owned(), |value| format!("\"{value}\""))
}

/// SplitMix64, so that the pages never change with a dependency.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From 0 to just below 1.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A duration, about log-normal with a median of 2 s: the exponential of a sum of twelve uniform shares, which is about normal.
    pub(crate) fn millis(&mut self) -> u64 {
        let normal = (0..12).map(|_| self.share()).sum::<f64>() - 6.0;
        (2000.0 * (1.2 * normal).exp()) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_the_same_in_every_run_and_have_the_shape_of_n8n() {
        let sample = Sample::generate(2, 24 * 60);
        assert_eq!(sample.pages, Sample::generate(2, 24 * 60).pages);
        assert_eq!(sample.answer.counts.iter().sum::<i64>(), 500);
        let keys = "finished id mode retryOf retrySuccessId startedAt status stoppedAt waitTill workflowId";
        for (page, newest) in sample.pages.iter().zip([500, 250]) {
            let page: serde_json::Value = serde_json::from_slice(page).unwrap();
            let rows = page["data"].as_array().unwrap();
            assert_eq!(rows.len(), ROWS_PER_PAGE);
            assert_eq!(rows[0]["id"], newest.to_string());
            assert_eq!(page["nextCursor"].is_null(), newest == 250);
            for row in rows {
                let mut names: Vec<_> = row.as_object().unwrap().keys().map(String::as_str).collect();
                names.sort_unstable();
                assert_eq!(names.join(" "), keys);
                assert_eq!(row["workflowId"].as_str().unwrap().len(), 16);
            }
        }
    }
}

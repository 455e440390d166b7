//! Rollups written past the collector, with the answer that reading them must give, added up while they are made.
//!
//! Only the widths that are read are written: days everywhere, hours and quarter hours where a period begins or ends inside of a day, and where
//! a series is read by the hour.

use std::collections::BTreeMap;

use flowmastery_core::{
    clock::Timestamp,
    model::{
        execution::{Class, Status},
        rollup::{Range, Width},
        sketch::Sketch,
    },
};

use super::database::{Database, Table, Value};
use crate::{Fallible, sample::Random};

/// 2026-06-30T12:20:00Z.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_782_822_000_000);
/// 2026-07-01T00:00:00Z, the end of every period that counts whole days.
pub(super) const END: Timestamp = Timestamp::from_millis(1_782_864_000_000);
const DAY: i64 = Width::Day.millis();

/// So many days before [`END`].
pub(super) fn days_ago(days: i64) -> Timestamp {
    Timestamp::from_millis(END.as_millis() - days * DAY)
}

const CLIENTS: Table =
    ("clients", &["id", "name", "n8n_api_url", "n8n_api_key_encrypted", "created_at", "updated_at"]);
const COLLECTIONS: Table = (
    "collections",
    &["client_id", "data_version", "changed_at", "back_filled", "last_attempt_at", "last_success_at"],
);
const WORKFLOWS: Table = ("workflows", &["client_id", "workflow_id", "name", "status", "last_execution_at"]);
const ROLLUPS: Table = (
    "rollups",
    &[
        "client_id",
        "width",
        "bucket",
        "workflow_id",
        "class",
        "new_count",
        "running_count",
        "waiting_count",
        "success_count",
        "error_count",
        "crashed_count",
        "canceled_count",
        "unknown_count",
        "duration_sum_ms",
        "sketch",
    ],
);

/// Who ran what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// How many workflows a client has.
    pub(super) workflows: i64,
    /// For how many days it has been collected.
    pub(super) days: i64,
    /// Of how many days it also has hours.
    pub(super) hourly: i64,
    /// Whose quarter hours it also has.
    pub(super) quarters: Option<Range>,
    /// In how many hours of a day a workflow runs.
    pub(super) hours: i64,
    /// The most runs in such an hour.
    pub(super) most_runs: u64,
}

/// What is counted of a client in a span.
#[derive(Clone, Debug, Default)]
pub(super) struct Count {
    pub(super) success: i64,
    pub(super) failed: i64,
    pub(super) canceled: i64,
    pub(super) millis: i64,
    /// How many runs took how long.
    pub(super) durations: BTreeMap<u64, i64>,
}

impl Count {
    pub(super) fn total(&self) -> i64 {
        self.success + self.failed + self.canceled
    }

    /// The exact duration at the rank that a quantile stands for, in milliseconds.
    pub(super) fn quantile(&self, share: f64) -> u64 {
        let rank = (share * self.durations.values().sum::<i64>() as f64).ceil() as i64;
        let mut seen = 0;
        let found = self.durations.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank.max(1)
        });
        found.map_or(0, |(millis, _)| *millis)
    }
}

/// A span that is counted while rows are made.
#[derive(Clone, Debug)]
pub(super) struct Counted {
    pub(super) range: Range,
    pub(super) count: Count,
}

/// What there is after filling.
#[derive(Clone, Debug, Default)]
pub(super) struct Filled {
    /// Rows of rollups by the width's minutes.
    pub(super) rows: BTreeMap<i16, usize>,
    /// Executions of each client in its days, all of which are in the current period.
    pub(super) totals: Vec<i64>,
}

/// One hour or day of a workflow.
#[derive(Clone, Debug, Default)]
struct Sums {
    counts: [i64; 8],
    millis: i64,
    sketch: Sketch,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.counts.iter_mut().zip(other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.millis += other.millis;
        self.sketch.merge(&other.sketch);
    }
}

/// Fills a database with clients of a shape.
#[derive(Debug)]
pub(super) struct Seeder<'d> {
    database: &'d Database,
    shape: Shape,
    random: Random,
    pub(super) counted: Vec<Counted>,
    pub(super) filled: Filled,
    pending: Vec<Vec<Value>>,
}

impl<'d> Seeder<'d> {
    /// Counts what runs in some ranges.
    pub(super) fn new(database: &'d Database, shape: Shape, ranges: &[Range]) -> Self {
        let counted = ranges.iter().map(|range| Counted { range: *range, count: Count::default() });
        Self {
            database,
            shape,
            random: Random(11),
            counted: counted.collect(),
            filled: Filled::default(),
            pending: Vec::new(),
        }
    }

    /// Makes clients up to this many, with numbers from 1.
    pub(super) async fn fill_to(&mut self, clients: i64) -> Fallible<()> {
        let first = i64::try_from(self.filled.totals.len())? + 1;
        self.write_clients(first..=clients).await?;
        for client in first..=clients {
            let before = self.counted.first().map_or(0, |counted| counted.count.total());
            for day in 0..self.shape.days {
                for workflow in 0..self.shape.workflows {
                    self.make_day(client, day, workflow)?;
                }
                if self.pending.len() >= 8_000 {
                    self.flush().await?;
                }
            }
            let after = self.counted.first().map_or(0, |counted| counted.count.total());
            self.filled.totals.push(after - before);
        }
        self.flush().await?;
        self.database.settle().await
    }

    async fn write_clients(&self, ids: std::ops::RangeInclusive<i64>) -> Fallible<()> {
        let now = || Value::Int(NOW.as_millis());
        let text = |text: &str| Value::Text(text.to_owned());
        let (mut clients, mut collections, mut workflows) = (Vec::new(), Vec::new(), Vec::new());
        for id in ids {
            clients.push(vec![
                Value::Int(id),
                Value::Text(format!("Client {id}")),
                text("https://n8n.example"),
                text("sealed"),
                now(),
                now(),
            ]);
            collections.push(vec![Value::Int(id), Value::Int(1), now(), Value::Bool(true), now(), now()]);
            for workflow in 0..self.shape.workflows {
                workflows.push(vec![
                    Value::Int(id),
                    Value::Text(workflow_id(workflow)),
                    Value::Text(format!("Workflow {workflow}")),
                    text("active"),
                    Value::Null,
                ]);
            }
        }
        self.database.fill(CLIENTS, &clients).await?;
        self.database.fill(COLLECTIONS, &collections).await?;
        self.database.fill(WORKFLOWS, &workflows).await
    }

    async fn flush(&mut self) -> Fallible<()> {
        let rows = std::mem::take(&mut self.pending);
        self.database.fill(ROLLUPS, &rows).await
    }

    fn make_day(&mut self, client: i64, day: i64, workflow: i64) -> Fallible<()> {
        let start = END.as_millis() - (self.shape.days - day) * DAY;
        let has_hours = self.shape.days - day <= self.shape.hourly;
        let mut sums = Sums::default();
        for hour in 0..self.shape.hours {
            // Spread over the day, and in a quarter hour that differs by the hour.
            let start = start + hour * (24 / self.shape.hours) * Width::Hour.millis();
            let quarter = start + hour % 4 * Width::Quarter.millis();
            let made = self.make_hour(Timestamp::from_millis(quarter));
            if has_hours {
                self.push(client, (Width::Hour, start), workflow, &made)?;
            }
            let quarters = self.shape.quarters.is_some_and(|range| holds(range, quarter));
            // The oldest quarter hour says since when there are numbers.
            if quarters || (day == 0 && hour == 0) {
                self.push(client, (Width::Quarter, quarter), workflow, &made)?;
            }
            sums.add(&made);
        }
        self.push(client, (Width::Day, start), workflow, &sums)
    }

    fn make_hour(&mut self, quarter: Timestamp) -> Sums {
        let mut sums = Sums::default();
        for _ in 0..=self.random.below(self.shape.most_runs) {
            let millis = self.random.millis();
            let status = match self.random.below(100) {
                0..93 => Status::Success,
                93..99 => Status::Error,
                _ => Status::Canceled,
            };
            if let Some(count) = sums.counts.get_mut(status.index()) {
                *count += 1;
            }
            if status != Status::Canceled {
                sums.millis += millis as i64;
                sums.sketch.record(millis, 1);
            }
            for counted in self.counted.iter_mut().filter(|counted| holds(counted.range, quarter.as_millis()))
            {
                counted.count.count(status, millis);
            }
        }
        sums
    }

    fn push(
        &mut self,
        client: i64,
        (width, start): (Width, i64),
        workflow: i64,
        sums: &Sums,
    ) -> Fallible<()> {
        let mut row = vec![
            Value::Int(client),
            Value::Int(width.code().into()),
            Value::Int(start),
            Value::Text(workflow_id(workflow)),
            Value::Int(Class::Production.code().into()),
        ];
        row.extend(sums.counts.map(Value::Int));
        row.push(Value::Int(sums.millis));
        row.push(Value::Bytes(sums.sketch.to_bytes()?));
        self.pending.push(row);
        *self.filled.rows.entry(width.code()).or_default() += 1;
        Ok(())
    }
}

impl Count {
    fn count(&mut self, status: Status, millis: u64) {
        match status {
            Status::Success => self.success += 1,
            Status::Canceled => self.canceled += 1,
            _ => self.failed += 1,
        }
        if status != Status::Canceled {
            self.millis += millis as i64;
            *self.durations.entry(millis).or_default() += 1;
        }
    }
}

fn holds(range: Range, millis: i64) -> bool {
    range.from.as_millis() <= millis && millis < range.to.as_millis()
}

/// Sixteen characters, as n8n's are.
fn workflow_id(workflow: i64) -> String {
    format!("2mKCdywijX{workflow:06}")
}

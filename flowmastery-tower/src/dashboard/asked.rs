//! What somebody asked a page of numbers for, as it stands in its form and its links.

use std::fmt::Write;

use flowmastery_core::model::{
    report::{ClientMetrics, ExecutionNumbers, WorkflowMetrics},
    series::Interval,
};
use jiff::civil::Date;

/// The periods that can be chosen, with what they are called.
pub(crate) const PERIODS: [(&str, &str); 7] = [
    ("24h", "24 hours"),
    ("7d", "7 days"),
    ("30d", "30 days"),
    ("90d", "90 days"),
    ("365d", "365 days"),
    ("all", "All time"),
    (CUSTOM, "From … to …"),
];
/// The period whose first and last day are given.
pub(crate) const CUSTOM: &str = "custom";
/// The period that is shown where none was chosen.
pub(crate) const DEFAULT_PERIOD: &str = "30d";

/// The states that clients can be chosen by: the class of the style sheet, and what it is called.
pub(crate) const STATES: [(&str, &str); 5] = [
    ("", "All"),
    ("good", "Live"),
    ("calm", "Collecting or not connected"),
    ("warn", "Out of date"),
    ("bad", "With a problem"),
];

/// What somebody asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// One of [`PERIODS`].
    pub(crate) period: String,
    /// Its first and its last day; `None` for all time.
    pub(crate) days: Option<(Date, Date)>,
    pub(crate) tz: String,
    /// How long the points of the chart are.
    pub(crate) interval: Interval,
    /// Whether that was chosen.
    pub(crate) interval_chosen: bool,
    /// How long they could be.
    pub(crate) intervals: Vec<Interval>,
    /// The same number of days before these and behind them, where there are some.
    pub(crate) earlier: Option<(Date, Date)>,
    pub(crate) later: Option<(Date, Date)>,
    /// Only what has this in its name.
    pub(crate) search: String,
    /// Only clients in one of [`STATES`].
    pub(crate) state: String,
    pub(crate) sort: Sort,
    /// Which page of a long table, from 1 on.
    pub(crate) page: usize,
}

impl Asked {
    pub(crate) fn is_custom(&self) -> bool {
        self.period == CUSTOM
    }

    /// The first day as a field of a form has it.
    pub(crate) fn from(&self) -> String {
        self.days.map(|(from, _)| from.to_string()).unwrap_or_default()
    }

    /// The last day as a field of a form has it.
    pub(crate) fn to(&self) -> String {
        self.days.map(|(_, to)| to.to_string()).unwrap_or_default()
    }

    /// The period and the time zone as the query of a link, for what shows the same numbers in another way.
    pub(crate) fn period_query(&self) -> String {
        encoded(&self.period_pairs())
    }

    /// The query of a link to the same page sorted in another way, from its first page on.
    pub(crate) fn sorted(&self, sort: &str) -> String {
        self.with(self.period_pairs(), sort, 1)
    }

    /// The query of a link to another page of the table.
    pub(crate) fn paged(&self, page: &usize) -> String {
        self.with(self.period_pairs(), self.sort.word(), *page)
    }

    /// The query of a link to other days.
    pub(crate) fn on(&self, (from, to): &(Date, Date)) -> String {
        let mut pairs =
            vec![("period", CUSTOM.to_owned()), ("from", from.to_string()), ("to", to.to_string())];
        pairs.push(("tz", self.tz.clone()));
        self.with(pairs, self.sort.word(), 1)
    }

    /// Stands for all of it: of the rest what is chosen depends on.
    pub(crate) fn key(&self) -> String {
        let Self { period, days, tz, interval, interval_chosen, later, search, state, sort, page, .. } = self;
        let mut key = String::with_capacity(96);
        for text in [period, tz, interval.as_str(), sort.word(), state, search] {
            // No text can look like two.
            let _ = write!(key, "{}:{text}|", text.len());
        }
        let _ = write!(key, "{interval_chosen}|{page}");
        // Other periods say which days they are by what they are called, and end today.
        for (from, to) in [days, later].into_iter().flatten().filter(|_| self.is_custom()) {
            for day in [from, to] {
                let _ = write!(key, "|{}-{}", day.year(), day.day_of_year());
            }
        }
        key
    }

    fn period_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("period", self.period.clone())];
        if let Some((from, to)) = self.days.filter(|_| self.is_custom()) {
            pairs.extend([("from", from.to_string()), ("to", to.to_string())]);
        }
        pairs.push(("tz", self.tz.clone()));
        if self.interval_chosen {
            pairs.push(("interval", self.interval.as_str().to_owned()));
        }
        pairs
    }

    fn with(&self, mut pairs: Vec<(&'static str, String)>, sort: &str, page: usize) -> String {
        let others = [("search", &self.search), ("state", &self.state)];
        pairs.extend(
            others.into_iter().filter(|(_, text)| !text.is_empty()).map(|(name, text)| (name, text.clone())),
        );
        pairs.push(("sort", sort.to_owned()));
        if page > 1 {
            pairs.push(("page", page.to_string()));
        }
        encoded(&pairs)
    }

    /// Whether this has the name that is looked for.
    pub(crate) fn finds(&self, name: &str) -> bool {
        let wanted = self.search.trim();
        wanted.is_empty() || name.to_lowercase().contains(&wanted.to_lowercase())
    }
}

fn encoded(pairs: &[(&str, String)]) -> String {
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}

/// By what workflows and clients are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sort {
    /// By their names.
    Name,
    /// Those that ran most often first.
    #[default]
    Executions,
    /// Those that failed most often first.
    Failures,
    /// The slowest first, by their 95th percentile.
    Slowest,
    /// Those that saved most first.
    Saved,
}

/// What something is sorted by.
pub(crate) struct Key<'k> {
    name: &'k str,
    numbers: &'k ExecutionNumbers,
    saved: Option<f64>,
}

impl<'k> From<&'k WorkflowMetrics> for Key<'k> {
    fn from(workflow: &'k WorkflowMetrics) -> Self {
        Self {
            name: &workflow.workflow_name,
            numbers: &workflow.executions,
            saved: workflow.time_saved_hours,
        }
    }
}

impl<'k> From<&'k ClientMetrics> for Key<'k> {
    fn from(client: &'k ClientMetrics) -> Self {
        Self { name: &client.client_name, numbers: &client.executions, saved: client.time_saved_hours }
    }
}

impl Sort {
    /// Each with the word for it in a query.
    const ALL: [(Self, &str); 5] = [
        (Self::Name, "name"),
        (Self::Executions, "executions"),
        (Self::Failures, "failures"),
        (Self::Slowest, "slowest"),
        (Self::Saved, "saved"),
    ];

    /// The one of a word.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == word).map(|(sort, _)| sort)
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(sort, _)| *sort == self).map_or("", |(_, word)| word)
    }

    /// Sorts; what is not known comes last, and what is equal by its name.
    pub(crate) fn apply<T>(self, rows: &mut [&T])
    where
        for<'k> Key<'k>: From<&'k T>,
    {
        let most = |number: Option<f64>| -number.unwrap_or(f64::MIN);
        let count = |number: Option<i64>| number.map(|number| number as f64);
        rows.sort_by_cached_key(|row| {
            let Key { name, numbers, saved } = Key::from(*row);
            let number = match self {
                Self::Name => 0.0,
                Self::Executions => most(count(numbers.total_executions)),
                Self::Failures => most(count(numbers.failed_executions)),
                Self::Slowest => most(numbers.p95_execution_time),
                Self::Saved => most(saved),
            };
            (Ordered(number), name.to_lowercase())
        });
    }
}

/// A number that has its place among all others.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// A part of a long table.
pub(crate) struct Part {
    pub(crate) page: usize,
    pub(crate) pages: usize,
}

impl Part {
    /// The part of so many rows that a page shows, with its rows.
    pub(crate) fn of<T>(rows: &[T], page: usize, length: usize) -> (Self, &[T]) {
        let pages = rows.len().div_ceil(length).max(1);
        let page = page.clamp(1, pages);
        let shown = rows.chunks(length).nth(page - 1).unwrap_or_default();
        (Self { page, pages }, shown)
    }

    pub(crate) fn previous(&self) -> Option<usize> {
        (self.page > 1).then(|| self.page - 1)
    }

    pub(crate) fn next(&self) -> Option<usize> {
        (self.page < self.pages).then_some(self.page + 1)
    }
}

#[cfg(test)]
mod tests {
    use flowmastery_core::model::{rollup::Tally, sketch::Sketch};

    use super::*;

    /// A name, what ran, and the hours saved.
    struct Row(&'static str, ExecutionNumbers, Option<f64>);

    impl<'k> From<&'k Row> for Key<'k> {
        fn from(Row(name, numbers, saved): &'k Row) -> Self {
            Self { name, numbers, saved: *saved }
        }
    }

    #[test]
    fn what_is_not_known_comes_last_and_what_is_equal_by_its_name() {
        let ran = |successful, failed| {
            let counts = [0, 0, 0, successful, failed, 0, 0, 0];
            ExecutionNumbers::of(&Tally::from_parts(counts, 0, Sketch::default()))
        };
        let rows = [
            Row("delta", ExecutionNumbers::UNKNOWN, None),
            Row("Charlie", ran(5, 0), Some(0.0)),
            Row("bravo", ran(5, 0), None),
            Row("alpha", ran(1, 3), Some(2.5)),
        ];
        let sorted = |word: &str| {
            let mut rows: Vec<_> = rows.iter().collect();
            Sort::parse(word).unwrap().apply(&mut rows);
            rows.iter().map(|row| row.0).collect::<Vec<_>>()
        };
        assert_eq!(sorted("name"), ["alpha", "bravo", "Charlie", "delta"]);
        assert_eq!(sorted("executions"), ["bravo", "Charlie", "alpha", "delta"]);
        assert_eq!(sorted("failures"), ["alpha", "bravo", "Charlie", "delta"]);
        assert_eq!(sorted("saved"), ["alpha", "Charlie", "bravo", "delta"]);
        assert_eq!(Sort::parse("other"), None);
        for (sort, word) in Sort::ALL {
            assert_eq!((Sort::parse(word), sort.word()), (Some(sort), word));
        }
    }

    #[test]
    fn a_table_has_a_first_and_a_last_part() {
        let rows: Vec<i32> = (0..201).collect();
        let shown = |page| {
            let (part, shown) = Part::of(&rows, page, 100);
            (part.page, part.pages, shown.len(), part.previous(), part.next())
        };
        assert_eq!(shown(0), (1, 3, 100, None, Some(2)));
        assert_eq!(shown(2), (2, 3, 100, Some(1), Some(3)));
        assert_eq!(shown(99), (3, 3, 1, Some(2), None));
        let (part, none) = Part::of(&rows[..0], 1, 100);
        assert_eq!((part.pages, none.len()), (1, 0));
    }
}

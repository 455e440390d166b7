//! How the versions and set-ups of n8n differ, one switch each.

use std::time::Duration;

/// Which version a server behaves like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// 1.123: waiting executions are hidden, unknown parameters and limits over 250 are refused.
    V1,
    /// 2.41: waiting executions are listed, unknown parameters are ignored, limits are cut to 250.
    V2,
}

/// What a server does beside what its dialect fixes.
///
/// What stands in quotation marks, here and in [`State`](crate::State), is from the notes that were taken while servers of 1.123.81 and
/// 2.41.1 ran; the number after it is the section. Set these before rows are added: what hides a row is decided when it gets its status.
///
/// Not simulated: a run that wakes up is not made to wait for a place of the concurrency limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quirks {
    /// "Running executions are NOT in the unfiltered list (nor in any status list but `status=running`)" (2). Such a run shows up only
    /// once it has ended, with an id lower than ids already seen. Off is queue mode, as reasoned there: "workers' runs may not be in
    /// the main's memory so running rows may be listed" (8).
    pub running_hidden: bool,
    /// "1.123: `waiting` executions are also hidden […] until n8n is restarted (memory is empty then) or they resume and end" (2).
    pub waiting_hidden: bool,
    /// "1.123: `startedAt` is overwritten on resume from a long wait […]. 2.41.1 keeps the first startedAt" (2).
    pub start_moves_on_resume: bool,
    /// "A Wait shorter than 65 s stays `running` (in memory); longer waits become `waiting` in the DB" (2).
    pub shortest_stored_wait: Duration,
    /// "`new` = queued by N8N_CONCURRENCY_PRODUCTION_LIMIT: visible in the plain list, `startedAt: null`" (2); `None` is no limit.
    pub concurrency_limit: Option<usize>,
    /// How old executions go (7); `None` keeps everything. [`Pruning::default`] is what n8n does unless told otherwise.
    pub pruning: Option<Pruning>,
    /// Ids in rows are numbers: "take id/retryOf as string or number" (2).
    pub number_ids: bool,
    /// `startedAfter` and `startedBefore` work. "On 2.x older minors (when it came in is unknown) it might be 400 or be ignored" (3):
    /// off is ignored. n8n 1 refuses them whatever this says, as it does every unknown parameter.
    pub time_filters: bool,
    /// The scopes of the key; `None` is all of them. "200: scopes are not enforced without a licence" on 1.123, "403 `Forbidden`" on
    /// 2.41 (5).
    pub scopes: Option<Vec<String>>,
    /// `GET /metrics` answers: "N8N_METRICS=true, no auth; 404 HTML if off" (6).
    pub metrics: bool,
}

impl Quirks {
    /// What a freshly installed server of this dialect does, but without pruning.
    pub fn of(dialect: Dialect) -> Self {
        let is_v1 = dialect == Dialect::V1;
        Self {
            running_hidden: true,
            waiting_hidden: is_v1,
            start_moves_on_resume: is_v1,
            shortest_stored_wait: Duration::from_secs(65),
            concurrency_limit: None,
            pruning: None,
            number_ids: false,
            time_filters: !is_v1,
            scopes: None,
            metrics: false,
        }
    }
}

/// Which executions are pruned: "`new/running/waiting` […] rows are not pruned", "soft-deleted rows vanish from the list AND
/// `GET /executions/{id}` is 404 at once" (7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// Those that stopped this long ago; n8n 2 and 1 say 336 hours.
    pub max_age: Duration,
    /// Those that this many newer rows stand above; 0 is no limit.
    pub max_count: usize,
    /// How often it is looked: 60 minutes.
    pub every: Duration,
}

impl Default for Pruning {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self { max_age: 336 * hour, max_count: 10_000, every: hour }
    }
}

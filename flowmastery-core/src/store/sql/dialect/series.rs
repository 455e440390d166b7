//! Rollups of one client or of all in one statement, however many spans of time there are: each span of each client is found by the primary key.
//!
//! One client and all of them are two texts: with one that fits both, SQLite walks through all clients for one, and Postgres plans anew every time.

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::{Decode, Row};

use super::super::{
    fault::{corrupt, fault},
    pool::{Tx, by_database},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::rollup::{Span, TallySum},
    store::StoreResult,
};

/// Whose rows are read.
#[derive(Clone, Copy)]
pub(in crate::store::sql) enum Whose {
    /// Those of a client that lies inside of the scope.
    One(ClientId),
    /// Everybody's.
    All,
}

impl Whose {
    /// The client, or with `None` every client of the scope; `None` where the scope does not admit it.
    pub(in crate::store::sql) fn of(scope: TenantScope, client: Option<ClientId>) -> Option<Self> {
        match client.or(scope.only()) {
            Some(client) => scope.admits(client).then_some(Self::One(client)),
            None => Some(Self::All),
        }
    }

    /// What is bound as `$1`.
    pub(in crate::store::sql) fn id(self) -> Option<ClientId> {
        match self {
            Self::One(id) => Some(id),
            Self::All => None,
        }
    }

    /// The text of a statement about one client, or of that about all.
    pub(in crate::store::sql) fn pick(self, (one, all): (&'static str, &'static str)) -> &'static str {
        match self {
            Self::One(_) => one,
            Self::All => all,
        }
    }
}

/// Both texts of a statement: what stands before the condition on the client, the column of its number, and what stands behind.
macro_rules! both {
    ($before:literal, $id:literal $(, $after:literal)?) => {
        (
            concat!($before, $id, " = $1" $(, $after)?),
            concat!($before, "CAST($1 AS BIGINT) IS NULL" $(, $after)?),
        )
    };
}
pub(in crate::store::sql) use both;

/// Which rollups are read.
pub(in crate::store::sql) struct Buckets {
    /// Whether only those of clients whose collection has ever succeeded.
    pub(in crate::store::sql) known: bool,
    /// Each with the number of what it is part of.
    pub(in crate::store::sql) spans: Vec<(i16, Span)>,
    pub(in crate::store::sql) classes: [i16; 3],
}

/// A row of sums as it lies in the connection's memory: these are many.
pub(in crate::store::sql) struct Bucket<'r> {
    pub(in crate::store::sql) client: ClientId,
    /// What it is part of.
    pub(in crate::store::sql) part: i16,
    pub(in crate::store::sql) start: Timestamp,
    pub(in crate::store::sql) workflow: &'r str,
    counts: [i64; 8],
    duration_sum_millis: i64,
    sketch: &'r [u8],
}

impl<'r> Bucket<'r> {
    /// By position, and without a look at the types of the columns: the schema says them.
    fn read<R>(row: &'r R) -> sqlx::Result<Self>
    where
        R: Row,
        usize: sqlx::ColumnIndex<R>,
        i64: Decode<'r, R::Database>,
        i16: Decode<'r, R::Database>,
        &'r str: Decode<'r, R::Database>,
        &'r [u8]: Decode<'r, R::Database>,
    {
        let mut counts = [0; 8];
        for (at, count) in counts.iter_mut().enumerate() {
            *count = row.try_get_unchecked(4 + at)?;
        }
        Ok(Self {
            client: ClientId(row.try_get_unchecked(0)?),
            part: row.try_get_unchecked(1)?,
            start: Timestamp::from_millis(row.try_get_unchecked(2)?),
            workflow: row.try_get_unchecked(3)?,
            counts,
            duration_sum_millis: row.try_get_unchecked(12)?,
            sketch: row.try_get_unchecked(13)?,
        })
    }

    /// Adds the row to a sum.
    pub(in crate::store::sql) fn add_to(&self, sum: &mut TallySum) -> StoreResult<()> {
        let added = sum.add(&self.counts, self.duration_sum_millis, self.sketch);
        added.map_err(|_| corrupt("rollups of", self.workflow, "sketch"))
    }
}

/// A span as it travels to SQLite.
#[derive(Serialize)]
struct Ends {
    part: i16,
    width: i16,
    low: i64,
    high: i64,
}

/// Calls `each` with every row, one after the other, so that a long range needs no memory of its own. The rows of a client mostly come one behind
/// the other, and those of a span in the order of time.
pub(in crate::store::sql) async fn each_bucket(
    tx: &mut Tx,
    whose: Whose,
    buckets: Buckets,
    mut each: impl FnMut(Bucket<'_>) -> StoreResult<()> + Send,
) -> StoreResult<()> {
    let Buckets { known, spans, classes: [first, second, third] } = buckets;
    let ends = spans.iter().map(|(part, Span { width, range })| Ends {
        part: *part,
        width: width.code(),
        low: range.from.as_millis(),
        high: range.to.as_millis(),
    });
    let ends: Vec<_> = ends.collect();
    macro_rules! stream {
        ($db:expr, $sql:expr $(, $spans:expr)+) => {{
            let query = sqlx::query(whose.pick($sql)).bind(whose.id()).bind(first).bind(second).bind(third);
            let mut rows = query.bind(known)$(.bind($spans))+.fetch($db);
            while let Some(row) = rows.try_next().await.map_err(fault)? {
                each(Bucket::read(&row).map_err(fault)?)?;
            }
        }};
    }
    by_database!(
        tx.db(),
        |pg| stream!(
            pg,
            POSTGRES,
            column!(ends, part),
            column!(ends, width),
            column!(ends, low),
            column!(ends, high)
        ),
        |lite| stream!(lite, SQLITE, super::json(&ends)?)
    );
    Ok(())
}

/// `OFFSET 0` keeps the planner from reading a whole width and comparing each row with every span. Clients and spans are joined first, so that each of the many
/// rows passes through one loop only.
#[cfg(feature = "postgres")]
const POSTGRES: (&str, &str) = both!(
    "SELECT e.id, e.part, r.bucket, r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count,
            r.crashed_count, r.canceled_count, r.unknown_count, r.duration_sum_ms, r.sketch
     FROM (
         SELECT c.id, e.part, e.width, e.low, e.high
         FROM clients c
         JOIN collections k ON k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $5)
         CROSS JOIN UNNEST($6::SMALLINT[], $7::SMALLINT[], $8::BIGINT[], $9::BIGINT[]) AS e (part, width, low, high)
         WHERE c.deleted_at IS NULL AND ",
    "c.id",
    " ORDER BY c.id OFFSET 0
     ) e
     CROSS JOIN LATERAL (
         SELECT * FROM rollups r
         WHERE r.client_id = e.id AND r.width = e.width AND r.bucket >= e.low AND r.bucket < e.high
             AND (r.class = $2 OR r.class = $3 OR r.class = $4)
         OFFSET 0
     ) r"
);

/// `CROSS JOIN` keeps the order: the few clients and spans outside, their rows found by primary key inside. The spans are taken out of the JSON once,
/// not once for each client.
#[cfg(feature = "sqlite")]
const SQLITE: (&str, &str) = both!(
    "WITH e AS MATERIALIZED (
         SELECT value->>'part' AS part, value->>'width' AS width, value->>'low' AS low, value->>'high' AS high FROM json_each($6)
     )
     SELECT c.id, e.part, r.bucket, r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count,
            r.crashed_count, r.canceled_count, r.unknown_count, r.duration_sum_ms, r.sketch
     FROM clients c CROSS JOIN collections k CROSS JOIN e CROSS JOIN rollups r
     WHERE k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $5) AND c.deleted_at IS NULL
         AND r.client_id = c.id AND r.width = e.width AND r.bucket >= e.low AND r.bucket < e.high AND r.class IN ($2, $3, $4) AND ",
    "c.id"
);

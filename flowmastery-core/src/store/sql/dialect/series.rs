//! Rollups of one client or of all in one statement, however many spans of time there are: each span of each client is found by the primary key.
//! Only long spans of one client have statements of their own.
//!
//! One client and all of them are two texts: with one that fits both, SQLite walks through all clients for one, and Postgres plans anew every time.

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::{Decode, Row};

use super::super::{
    fault::{corrupt, fault},
    pool::{Tx, by_database, on_either},
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
    ($before:expr, $id:literal $(, $after:literal)?) => {
        (
            concat!($before, $id, " = $1" $(, $after)?),
            concat!($before, "CAST($1 AS BIGINT) IS NULL" $(, $after)?),
        )
    };
}
pub(in crate::store::sql) use both;

/// A span of one client with more buckets than this is read by a statement of its own, whose many rows pass through no join.
const MANY: i64 = 100;

/// The columns of rows of sums, but for whose they are.
macro_rules! sums {
    () => {
        "r.bucket, r.workflow_id, r.new_count, r.running_count, r.waiting_count, r.success_count, r.error_count, r.crashed_count,
         r.canceled_count, r.unknown_count, r.duration_sum_ms, r.sketch"
    };
}

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
    /// What begins with the client and the part.
    fn read<R>(row: &'r R) -> sqlx::Result<Self>
    where
        R: Row,
        usize: sqlx::ColumnIndex<R>,
        i64: Decode<'r, R::Database>,
        i16: Decode<'r, R::Database>,
        &'r str: Decode<'r, R::Database>,
        &'r [u8]: Decode<'r, R::Database>,
    {
        Self::of(ClientId(row.try_get_unchecked(0)?), row.try_get_unchecked(1)?, row, 2)
    }

    /// What stands in a row from a column on. By position, and without a look at the types of the columns: the schema says them.
    fn of<R>(client: ClientId, part: i16, row: &'r R, from: usize) -> sqlx::Result<Self>
    where
        R: Row,
        usize: sqlx::ColumnIndex<R>,
        i64: Decode<'r, R::Database>,
        &'r str: Decode<'r, R::Database>,
        &'r [u8]: Decode<'r, R::Database>,
    {
        let mut counts = [0; 8];
        for (at, count) in counts.iter_mut().enumerate() {
            *count = row.try_get_unchecked(from + 2 + at)?;
        }
        Ok(Self {
            client,
            part,
            start: Timestamp::from_millis(row.try_get_unchecked(from)?),
            workflow: row.try_get_unchecked(from + 1)?,
            counts,
            duration_sum_millis: row.try_get_unchecked(from + 10)?,
            sketch: row.try_get_unchecked(from + 11)?,
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
    let Buckets { known, mut spans, classes: [first, second, third] } = buckets;
    if let Whose::One(client) = whose {
        for (part, span) in spans.extract_if(.., |(_, span)| is_long(span)) {
            each_of_span(tx, (client, part, span), (known, buckets.classes), &mut each).await?;
        }
        if spans.is_empty() {
            return Ok(());
        }
    }
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

fn is_long(Span { width, range }: &Span) -> bool {
    range.to.as_millis().saturating_sub(range.from.as_millis()) / width.millis() > MANY
}

async fn each_of_span(
    tx: &mut Tx,
    (client, part, Span { width, range }): (ClientId, i16, Span),
    (known, [first, second, third]): (bool, [i16; 3]),
    each: &mut (impl FnMut(Bucket<'_>) -> StoreResult<()> + Send),
) -> StoreResult<()> {
    on_either!(Db, tx.db(), db => {
        let query = sqlx::query(OF_SPAN).bind(client).bind(width.code()).bind(range.from).bind(range.to);
        let mut rows = query.bind(first).bind(second).bind(third).bind(known).fetch(db);
        while let Some(row) = rows.try_next().await.map_err(fault)? {
            each(Bucket::of(client, part, &row, 0).map_err(fault)?)?;
        }
    });
    Ok(())
}

/// Whether the client counts does not depend on the rows, so it is asked once.
const OF_SPAN: &str = concat!(
    "SELECT ",
    sums!(),
    " FROM rollups r
     WHERE r.client_id = $1 AND r.width = $2 AND r.bucket >= $3 AND r.bucket < $4 AND (r.class = $5 OR r.class = $6 OR r.class = $7)
         AND EXISTS (SELECT 1 FROM clients c JOIN collections k ON k.client_id = c.id
                     WHERE c.id = $1 AND c.deleted_at IS NULL AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $8))"
);

/// `OFFSET 0` keeps the planner from reading a whole width and comparing each row with every span. Clients and spans are joined first, so that each of the many
/// rows passes through one loop only.
#[cfg(feature = "postgres")]
const POSTGRES: (&str, &str) = both!(
    concat!("SELECT e.id, e.part, ", sums!(), "
     FROM (
         SELECT c.id, e.part, e.width, e.low, e.high
         FROM clients c
         JOIN collections k ON k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $5)
         CROSS JOIN UNNEST($6::SMALLINT[], $7::SMALLINT[], $8::BIGINT[], $9::BIGINT[]) AS e (part, width, low, high)
         WHERE c.deleted_at IS NULL AND "),
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
    concat!("WITH e AS MATERIALIZED (
         SELECT value->>'part' AS part, value->>'width' AS width, value->>'low' AS low, value->>'high' AS high FROM json_each($6)
     )
     SELECT c.id, e.part, ", sums!(), "
     FROM clients c CROSS JOIN collections k CROSS JOIN e CROSS JOIN rollups r
     WHERE k.client_id = c.id AND (COALESCE(k.last_success_at, k.imported_at) IS NOT NULL OR NOT $5) AND c.deleted_at IS NULL
         AND r.client_id = c.id AND r.width = e.width AND r.bucket >= e.low AND r.bucket < e.high AND r.class IN ($2, $3, $4) AND "),
    "c.id"
);

//! Reads for series in SQL: one snapshot, and one statement for each width however many points there are.
//!
//! A statement is given the ranges of buckets that the points are made of, so that it reads these rows and no others: the quarter
//! hours of a year of days in Kathmandu are the four around each midnight.

use super::{
    SqlStore,
    dialect::series::{BucketRow, Buckets, Which, each_bucket},
    metrics::codes,
    pool::{Tx, fetch_all},
    rollup::stored_tally,
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        rollup::Tally,
        series::{SeriesPlan, buckets, point_of},
    },
    store::{SeriesSnapshot, StoreResult},
};

/// A client of a series: whether a collection ever succeeded, and the start of its oldest bucket.
type HeadRow = (ClientId, bool, Option<Timestamp>);

pub(super) async fn series(
    store: &SqlStore,
    scope: TenantScope,
    client: Option<ClientId>,
    plan: &SeriesPlan,
) -> StoreResult<Option<SeriesSnapshot>> {
    let which = Which { scope: scope.only(), client };
    let mut tx = store.pool.snapshot(scope).await?;
    let heads = read_heads(&mut tx, which).await?;
    if client.is_some() && heads.is_empty() {
        return Ok(None);
    }
    let known = heads.iter().any(|(_, known, _)| *known);
    // Over several clients, what is not known yet makes no point.
    let counts = |known: bool| known || client.is_some();
    let oldest = heads.iter().filter(|(_, known, _)| counts(*known)).filter_map(|(.., oldest)| *oldest).min();
    let points = match plan.borders(oldest) {
        Ok(borders) if known => Ok(read_points(&mut tx, which, plan, &borders).await?),
        borders => borders.map(|borders| empty(&borders)),
    };
    tx.commit().await?;
    Ok(Some(SeriesSnapshot { known, points }))
}

async fn read_heads(tx: &mut Tx, which: Which) -> StoreResult<Vec<HeadRow>> {
    fetch_all!(
        tx.db(),
        "SELECT c.id, COALESCE(k.last_success_at, k.imported_at) IS NOT NULL,
                (SELECT MIN(r.bucket) FROM rollups r WHERE r.client_id = c.id AND r.width = 15)
         FROM clients c JOIN collections k ON k.client_id = c.id
         WHERE c.deleted_at IS NULL AND ($1 IS NULL OR c.id = $1) AND ($2 IS NULL OR c.id = $2)",
        which.scope,
        which.client,
    )
}

fn empty(borders: &[Timestamp]) -> Vec<(Timestamp, Tally)> {
    let starts = borders.iter().take(borders.len().saturating_sub(1));
    starts.map(|start| (*start, Tally::default())).collect()
}

/// Rows are merged into their points as they come, so memory grows with the points only.
async fn read_points(
    tx: &mut Tx,
    which: Which,
    plan: &SeriesPlan,
    borders: &[Timestamp],
) -> StoreResult<Vec<(Timestamp, Tally)>> {
    let mut points = empty(borders);
    let Some(classes) = codes(plan.classes()) else { return Ok(points) };
    for (width, ranges) in buckets(borders) {
        if ranges.is_empty() {
            continue;
        }
        let rows = Buckets { known: true, width, ranges: &ranges, classes };
        each_bucket(tx, which, rows, |row| add_row(row, borders, &mut points)).await?;
    }
    Ok(points)
}

fn add_row(row: BucketRow, borders: &[Timestamp], points: &mut [(Timestamp, Tally)]) -> StoreResult<()> {
    let (
        _,
        bucket,
        workflow,
        new,
        running,
        waiting,
        success,
        error,
        crashed,
        canceled,
        unknown,
        duration,
        sketch,
    ) = row;
    let counts = [new, running, waiting, success, error, crashed, canceled, unknown];
    let tally = stored_tally(counts, duration, &sketch, &workflow)?;
    if let Some((_, point)) = point_of(borders, bucket).and_then(|at| points.get_mut(at)) {
        point.merge(&tally);
    }
    Ok(())
}

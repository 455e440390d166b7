//! Reads for series in SQL: one snapshot, and few statements however many points there are.
//!
//! A statement is given the ranges of buckets that the points are made of, so that it reads these rows and no others: the quarter
//! hours of a year of days in Kathmandu are the four around each midnight.

use super::{
    SqlStore,
    dialect::series::{Buckets, Whose, both, each_bucket},
    metrics::codes,
    pool::{Tx, fetch_all},
};
use crate::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        rollup::{Span, Tally, TallySum},
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
    let Some(whose) = Whose::of(scope, client) else { return Ok(None) };
    let mut tx = store.pool.summing(scope).await?;
    let heads = read_heads(&mut tx, whose).await?;
    if client.is_some() && heads.is_empty() {
        return Ok(None);
    }
    let known = heads.iter().any(|(_, known, _)| *known);
    // Over several clients, what is not known yet makes no point.
    let counts = |known: bool| known || client.is_some();
    let oldest = heads.iter().filter(|(_, known, _)| counts(*known)).filter_map(|(.., oldest)| *oldest).min();
    let points = match plan.borders(oldest) {
        Ok(borders) if known => Ok(read_points(&mut tx, whose, plan, &borders).await?),
        borders => borders.map(|borders| empty(&borders)),
    };
    tx.commit().await?;
    Ok(Some(SeriesSnapshot { known, points }))
}

async fn read_heads(tx: &mut Tx, whose: Whose) -> StoreResult<Vec<HeadRow>> {
    const HEADS: (&str, &str) = both!(
        "SELECT c.id, COALESCE(k.last_success_at, k.imported_at) IS NOT NULL,
                (SELECT MIN(r.bucket) FROM rollups r WHERE r.client_id = c.id AND r.width = 15)
         FROM clients c JOIN collections k ON k.client_id = c.id WHERE c.deleted_at IS NULL AND ",
        "c.id"
    );
    fetch_all!(tx.db(), whose.pick(HEADS), whose.id())
}

fn empty(borders: &[Timestamp]) -> Vec<(Timestamp, Tally)> {
    let starts = borders.iter().take(borders.len().saturating_sub(1));
    starts.map(|start| (*start, Tally::default())).collect()
}

/// Rows are added up while they belong to one point, and merged into it then, so memory grows with the points only.
async fn read_points(
    tx: &mut Tx,
    whose: Whose,
    plan: &SeriesPlan,
    borders: &[Timestamp],
) -> StoreResult<Vec<(Timestamp, Tally)>> {
    let mut points = empty(borders);
    let Some(classes) = codes(plan.classes()) else { return Ok(points) };
    let spans = buckets(borders)
        .into_iter()
        .flat_map(|(width, ranges)| ranges.into_iter().map(move |range| (0, Span { width, range })));
    let rows = Buckets { known: true, spans: spans.collect(), classes };
    let (mut sum, mut point) = (TallySum::default(), None);
    let mut settle = |point: Option<usize>, sum: &mut TallySum| {
        // Taken in any case, so that none of it is left for the next point.
        let taken = sum.take();
        if let Some((_, tally)) = point.and_then(|at| points.get_mut(at)) {
            tally.merge(&taken);
        }
    };
    each_bucket(tx, whose, rows, |row| {
        let next = point_of(borders, row.start);
        if next != point {
            settle(point, &mut sum);
            point = next;
        }
        row.add_to(&mut sum)
    })
    .await?;
    settle(point, &mut sum);
    Ok(points)
}

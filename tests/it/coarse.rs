//! Long reports read coarse rows: what a day stands for is answered the same when the quarter hours inside of it are gone.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use flowmastery_core::{
    cache::{Attempt, Cache, Making, Room},
    clock::Timestamp,
    store::sql::{SqlConfig, SqlStore},
};
use flowmastery_tests::{
    executions::{Dice, success},
    postgres::Database,
    world::{ADMIN, NOW, World},
};
use serde_json::Value;
use sqlx::{Connection, PgConnection, SqliteConnection};

/// Every answer is read anew.
#[derive(Debug)]
struct NoCache;

#[async_trait]
impl Cache for NoCache {
    async fn get_or_make(
        &self,
        _: &str,
        _: Duration,
        make: Making<'_>,
    ) -> flowmastery_core::error::Result<bytes::Bytes> {
        make.await.map(|made| made.bytes)
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        vec![Room::Free; attempt.limits.len()]
    }

    async fn end_attempt(&self, _: &Attempt, _: bool) {}

    async fn ping(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(())
    }
}

/// A world over the database at a URL with a client of 200 workflows that ran over the year before now.
async fn year_of_200_workflows(url: &str) -> (World, String, i64) {
    let store = SqlStore::connect(&SqlConfig::new(url)).await.unwrap();
    store.migrate_up().await.unwrap();
    let world = World::with(store.into(), |builder| builder.cache(Arc::new(NoCache))).await;
    let admin = world.sign_in(ADMIN).await;
    let client = world.client(&admin, "Acme Corp").await;
    let mut dice = Dice(365);
    let year = 366 * 86_400_000;
    let run = |id: i64| {
        let at = Timestamp::parse(NOW).unwrap().as_millis() - dice.below(year) as i64;
        success(id, &format!("w{}", id % 200), Timestamp::from_millis(at), dice.below(60_000))
    };
    world.store_executions(client, (1..=6_000).map(run).collect()).await;
    (world, admin, client)
}

/// What a year's reports in a zone answer, but for trends: what they compare with begins at a quarter hour.
async fn reports(world: &World, admin: &str, client: i64, tz: &str) -> Vec<Value> {
    let mut paths: Vec<_> =
        ["", "/workflows"].map(|path| format!("client/{client}{path}?period=365d")).into();
    for of in ["all".to_owned(), format!("client/{client}")] {
        for interval in ["day", "week", "month"] {
            paths.push(format!("{of}/timeseries?period=365d&interval={interval}"));
        }
    }
    let mut answers = Vec::new();
    for path in paths {
        let mut answer = world.get(&format!("/api/v1/metrics/{path}&tz={tz}"), admin).await.expect(200);
        for pointer in ["/trends", "/summary/trends"] {
            if let Some(trends) = answer.pointer_mut(pointer) {
                trends.take();
            }
        }
        answers.push(answer);
    }
    answers
}

/// Rows that none of these zones' reports needs. Days of Berlin and New York begin on full hours, those of Kathmandu at 18:15 UTC.
const DELETIONS: [(&str, &[&str]); 3] = [
    (
        "width = 15 AND bucket / 3600000 % 24 <> 18",
        &["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu"],
    ),
    ("width = 15", &["UTC", "Europe/Berlin", "America/New_York"]),
    ("width = 60", &["UTC"]),
];

async fn coarse_rows_serve_a_year(url: &str, delete: impl AsyncFn(&str) -> u64) {
    let (world, admin, client) = year_of_200_workflows(url).await;
    for (rows, zones) in DELETIONS {
        let mut before = Vec::new();
        for zone in zones {
            before.push(reports(&world, &admin, client, zone).await);
        }
        assert!(delete(rows).await > 100, "{rows}");
        for (zone, before) in zones.iter().zip(before) {
            assert_eq!(reports(&world, &admin, client, zone).await, before, "{rows}, {zone}");
        }
    }
    assert!(delete("width = 1440").await > 1_000);
    let nothing = reports(&world, &admin, client, "UTC").await;
    assert_eq!(nothing[0]["total_executions"], 0, "it was these rows that served");
}

#[tokio::test]
async fn a_years_report_on_sqlite_touches_no_row_where_a_coarser_one_serves() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}", directory.path().join("store.db").display());
    coarse_rows_serve_a_year(&url, async |rows| {
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("DELETE FROM rollups WHERE {rows}"));
        sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected()
    })
    .await;
}

#[tokio::test]
async fn a_years_report_on_postgres_touches_no_row_where_a_coarser_one_serves() {
    let database = Database::migrated().await;
    let url = database.url();
    coarse_rows_serve_a_year(&url, async |rows| {
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let sql = sqlx::AssertSqlSafe(format!("DELETE FROM flowmastery.rollups WHERE {rows}"));
        sqlx::query(sql).execute(&mut connection).await.unwrap().rows_affected()
    })
    .await;
    database.remove().await;
}

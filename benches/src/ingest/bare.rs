//! The limits: rows that are ready in memory, into a table with the keys of ours, in one transaction.

use std::time::{Duration, Instant};

use flowmastery_core::{
    model::{execution::Execution, rollup::Recorded},
    n8n::wire::decode_executions,
    store::sql::{SqlConfig, SqlStore},
};
use rusqlite::Connection as SqliteConnection;
use sqlx::{Connection, Executor, PgConnection};

use super::{NOW, target::Target};
use crate::{Fallible, sample::Sample};

/// Whose rows the limit writes.
const CLIENT: i64 = 1;
const COLUMNS: &str = "client_id, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at, retry_of, retry_success_id, bucket, \
                       misses, seen_at";
/// So much of a COPY is sent at once.
const CHUNK: usize = 256 * 1024;

/// An execution as its columns.
pub(super) struct BareRow {
    id: i64,
    workflow: String,
    status: i16,
    mode: String,
    started: Option<i64>,
    stopped: Option<i64>,
    retry_of: Option<i64>,
    retry_success: Option<i64>,
    bucket: i64,
}

impl BareRow {
    fn new(execution: Execution) -> Fallible<Self> {
        let Recorded { execution, bucket } = Recorded::new(execution, NOW);
        Ok(Self {
            id: execution.id.0,
            workflow: execution.workflow_id.as_str().to_owned(),
            status: i16::try_from(execution.status.index())?,
            mode: execution.mode.to_string(),
            started: execution.started_at.map(|at| at.as_millis()),
            stopped: execution.stopped_at.map(|at| at.as_millis()),
            retry_of: execution.retry_of.map(|id| id.0),
            retry_success: execution.retry_success_id.map(|id| id.0),
            bucket: bucket.as_millis(),
        })
    }
}

/// The executions of a sample in the order of their key, in which they are written fastest.
pub(super) fn rows(sample: &Sample) -> Fallible<Vec<BareRow>> {
    let mut rows = Vec::with_capacity(sample.executions());
    for page in &sample.pages {
        for execution in decode_executions(page)?.items {
            rows.push(BareRow::new(execution)?);
        }
    }
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// Writes one row after the other by one prepared statement into a table as ours of a new file, with the settings that collected
/// rows are stored with.
pub(super) fn write_sqlite(tables: &[String], rows: &[BareRow]) -> Fallible<Duration> {
    let directory = tempfile::tempdir()?;
    let mut connection = SqliteConnection::open(directory.path().join("bare.db"))?;
    connection
        .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON")?;
    connection.execute_batch(&tables.join(";"))?;
    let start = Instant::now();
    let transaction = connection.transaction()?;
    let sql = format!("INSERT INTO executions ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    let mut insert = transaction.prepare(&sql)?;
    for row in rows {
        insert.execute((
            CLIENT,
            0,
            row.id,
            row.workflow.as_str(),
            row.status,
            row.mode.as_str(),
            row.started,
            row.stopped,
            row.retry_of,
            row.retry_success,
            row.bucket,
            0,
            NOW.as_millis(),
        ))?;
    }
    drop(insert);
    transaction.commit()?;
    let took = start.elapsed();
    let stored: i64 = connection.query_row("SELECT COUNT(*) FROM executions", (), |row| row.get(0))?;
    is_all(stored, rows)?;
    Ok(took)
}

fn is_all(stored: i64, rows: &[BareRow]) -> Fallible<()> {
    if usize::try_from(stored)? == rows.len() { Ok(()) } else { Err("the limit lost rows".into()) }
}

/// How many rows get into Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `COPY … (FORMAT binary)`.
    Copy,
    /// `INSERT … SELECT … FROM UNNEST`, all rows in one statement.
    Unnest,
}

/// A database of its own on a server, with our tables and one like that of executions.
pub(super) struct BarePostgres {
    connection: PgConnection,
    store: SqlStore,
}

impl BarePostgres {
    /// Makes the database anew on the server that the benchmarks were given.
    #[expect(clippy::disallowed_methods, reason = "scripts/bench says by it where its server is")]
    pub(super) async fn connect() -> Fallible<Self> {
        let server = std::env::var("FLOWMASTERY_BENCH_POSTGRES")
            .map_err(|_| "FLOWMASTERY_BENCH_POSTGRES is not set: start this by scripts/bench")?;
        let mut connection = PgConnection::connect(&server).await?;
        connection.execute("DROP DATABASE IF EXISTS ingest").await?;
        connection.execute("CREATE DATABASE ingest").await?;
        let url = server.replacen("/postgres?", "/ingest?", 1);
        let store = SqlStore::connect(&SqlConfig::new(url.clone())).await?;
        store.migrate_up().await?;
        let mut connection = PgConnection::connect(&url).await?;
        connection.execute("SET search_path = flowmastery").await?;
        connection.execute("CREATE TABLE bare (LIKE executions INCLUDING ALL)").await?;
        Ok(Self { connection, store })
    }

    /// Our tables, emptied, with a new client, through connections that are open already, as that of the limit is.
    pub(super) async fn target(&mut self) -> Fallible<Target> {
        self.empty().await?;
        Target::new(self.store.clone()).await
    }

    async fn empty(&mut self) -> Fallible<()> {
        self.connection.execute("TRUNCATE executions, rollups, workflows, bare").await?;
        // What a round before left to be written must not be in the way of this one.
        self.connection.execute("CHECKPOINT").await?;
        Ok(())
    }

    /// One text for each row of a query with one column.
    pub(super) async fn texts(&mut self, sql: &'static str) -> Fallible<Vec<String>> {
        Ok(sqlx::query_scalar(sql).fetch_all(&mut self.connection).await?)
    }

    /// The faster of both routes, each run twice.
    pub(super) async fn fastest(&mut self, rows: &[BareRow]) -> Fallible<(Route, [f64; 2])> {
        let mut best = [f64::MAX; 2];
        for _ in 0..2 {
            for (route, best) in [Route::Copy, Route::Unnest].into_iter().zip(&mut best) {
                *best = best.min(self.write(rows, route).await?.as_secs_f64());
            }
        }
        let [copy, unnest] = best;
        Ok((if copy <= unnest { Route::Copy } else { Route::Unnest }, best))
    }

    /// Writes all rows into the emptied table.
    pub(super) async fn write(&mut self, rows: &[BareRow], route: Route) -> Fallible<Duration> {
        self.empty().await?;
        let start = Instant::now();
        match route {
            Route::Copy => self.copy(rows).await?,
            Route::Unnest => self.unnest(rows).await?,
        }
        let took = start.elapsed();
        let stored = sqlx::query_scalar("SELECT COUNT(*) FROM bare").fetch_one(&mut self.connection).await?;
        is_all(stored, rows)?;
        Ok(took)
    }

    async fn copy(&mut self, rows: &[BareRow]) -> Fallible<()> {
        let sql = format!("COPY bare ({COLUMNS}) FROM STDIN (FORMAT binary)");
        let mut copy = self.connection.copy_in_raw(&sql).await?;
        let mut bytes = Vec::with_capacity(2 * CHUNK);
        bytes.extend_from_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
        for row in rows {
            encode(row, &mut bytes)?;
            if bytes.len() >= CHUNK {
                copy.send(bytes.as_slice()).await?;
                bytes.clear();
            }
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        copy.send(bytes.as_slice()).await?;
        copy.finish().await?;
        Ok(())
    }

    async fn unnest(&mut self, rows: &[BareRow]) -> Fallible<()> {
        macro_rules! column {
            ($row:ident => $value:expr) => {
                rows.iter().map(|$row| $value).collect::<Vec<_>>()
            };
        }
        let sql = "INSERT INTO bare (client_id, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at, retry_of,
                                     retry_success_id, bucket, misses, seen_at)
             SELECT $1, 0, r.*, 0, $2 FROM UNNEST($3::BIGINT[], $4::TEXT[], $5::SMALLINT[], $6::TEXT[], $7::BIGINT[], $8::BIGINT[],
                                                  $9::BIGINT[], $10::BIGINT[], $11::BIGINT[]) r";
        sqlx::query(sql)
            .bind(CLIENT)
            .bind(NOW.as_millis())
            .bind(column!(row => row.id))
            .bind(column!(row => row.workflow.as_str()))
            .bind(column!(row => row.status))
            .bind(column!(row => row.mode.as_str()))
            .bind(column!(row => row.started))
            .bind(column!(row => row.stopped))
            .bind(column!(row => row.retry_of))
            .bind(column!(row => row.retry_success))
            .bind(column!(row => row.bucket))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}

/// A row in the binary form of COPY: the number of fields, then each with its length before it, −1 for null.
fn encode(row: &BareRow, bytes: &mut Vec<u8>) -> Fallible<()> {
    bytes.extend_from_slice(&13_i16.to_be_bytes());
    let mut field = |value: Option<&[u8]>| -> Fallible<()> {
        let length = value.map_or(Ok(-1), |value| i32::try_from(value.len()))?;
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(value.unwrap_or_default());
        Ok(())
    };
    let long = |value: i64| value.to_be_bytes();
    let short = |value: i16| value.to_be_bytes();
    let [started, stopped, retry_of, retry_success] =
        [row.started, row.stopped, row.retry_of, row.retry_success].map(|value| value.map(long));
    field(Some(&long(CLIENT)))?;
    field(Some(&long(0)))?;
    field(Some(&long(row.id)))?;
    field(Some(row.workflow.as_bytes()))?;
    field(Some(&short(row.status)))?;
    field(Some(row.mode.as_bytes()))?;
    for value in [&started, &stopped, &retry_of, &retry_success] {
        field(value.as_ref().map(<[u8; 8]>::as_slice))?;
    }
    field(Some(&long(row.bucket)))?;
    field(Some(&short(0)))?;
    field(Some(&long(NOW.as_millis())))
}

//! Reading metrics: reports merged from stored buckets, over one client and over all, cold and warm, against statements that read the same rows
//! and drop them.
//!
//! On Postgres row-level security holds, on both sides. Rows of Postgres have the plain names, those of SQLite say so.

mod all;
mod bare;
mod database;
mod host;
mod miss;
mod seed;
mod year;

use std::sync::Arc;

use tokio::runtime::Runtime;

use self::database::Database;
use crate::{Fallible, report::Report};

/// The rows `year-report`, `year-hours`, `month-report`, `all-…` and `cache-miss`, of both databases.
///
/// # Errors
/// When an answer is not the known one, or a database fails.
pub fn run(report: &mut Report) -> Fallible<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for on_postgres in [true, false] {
        with_database(&runtime, on_postgres, |database| year::run(report, &runtime, database))?;
        with_database(&runtime, on_postgres, |database| {
            all::run(report, &runtime, database)?;
            miss::run(report, &runtime, database)
        })?;
    }
    Ok(())
}

/// Drops the database whatever comes of it.
fn with_database(
    runtime: &Runtime,
    on_postgres: bool,
    work: impl FnOnce(&Arc<Database>) -> Fallible<()>,
) -> Fallible<()> {
    let database = runtime.block_on(async {
        if on_postgres { Database::postgres().await } else { Database::sqlite().await }
    })?;
    let database = Arc::new(database);
    let done = work(&database);
    let removed = runtime.block_on(database.remove());
    done.and(removed)
}

//! A client of an empty store, and what must be there at the end.

use std::path::Path;

use flowmastery_core::{
    access::scope::TenantScope,
    clock::Timestamp,
    id::ClientId,
    model::{
        client::{ClientName, NewClient, SealedInstance},
        execution::Class,
        instance::InstanceUrl,
        rollup::{Range, Tally},
    },
    secret::Sealed,
    store::{
        Applied, Batch, ClientStore, ExecutionStore, Lease, LeaseStore, MetricsQuery, MetricsStore, Term,
        Turn,
        sql::{SqlConfig, SqlStore},
    },
};

use super::NOW;
use crate::{Fallible, sample::Answer};

/// A client that is being collected.
pub(super) struct Target {
    store: SqlStore,
    turn: Turn,
}

impl Target {
    /// A new client of a store.
    pub(super) async fn new(store: SqlStore) -> Fallible<Self> {
        let name = ClientName::parse("Ingested").map_err(|fault| fault.message)?;
        let new = NewClient { name, created_by_admin_id: None, created_at: NOW };
        let client = store.create_client(None, new).await?.id;
        let url = InstanceUrl::parse("https://n8n.example").map_err(|fault| fault.message)?;
        let sealed = SealedInstance { url, key: Sealed::from_stored(String::from("sealed")) };
        store.set_instance(scope(client), client, Some(&sealed), NOW).await?;
        let term = Term { now: NOW, until: NOW };
        let Lease::Leased(turn) = store.lease_client(scope(client), client, term).await? else {
            return Err("a new client can be leased".into());
        };
        Ok(Self { store, turn })
    }

    pub(super) async fn apply(&self, batch: Batch) -> Fallible<()> {
        let scope = scope(self.turn.client);
        match self.store.apply_executions(scope, self.turn, batch).await? {
            Applied::Stored { .. } => Ok(()),
            other => Err(format!("the batch was not stored: {other:?}").into()),
        }
    }

    /// Whether the client's metrics are the known answer.
    pub(super) async fn check_metrics(&self, answer: &Answer) -> Fallible<()> {
        let client = self.turn.client;
        let everything = Range { from: Timestamp::from_millis(0), to: NOW };
        let query = MetricsQuery { ranges: vec![everything], classes: Class::ALL.to_vec() };
        let snapshots = self.store.snapshots(scope(client), Some(client), &query).await?;
        let mut total = Tally::default();
        let tallies = snapshots.iter().flat_map(|snapshot| &snapshot.tallies);
        tallies.flat_map(|tallies| tallies.values()).for_each(|tally| total.merge(tally));
        let is_known = *total.counts() == answer.counts
            && total.sketch().count() == answer.durations
            && total.duration_sum_millis() == answer.duration_sum_millis;
        if is_known { Ok(()) } else { Err("the metrics are not the known answer".into()) }
    }
}

/// What a store holds, a text for each fact: the number of executions, and the sums of the rollups of each width.
pub(super) const HELD: &str = "SELECT 'executions ' || COUNT(*) FROM executions
    UNION ALL SELECT 'quarter hours ' || COUNT(*) FROM rollups WHERE width = 15
    UNION ALL SELECT 'width ' || width || ': ' || SUM(new_count) || ' ' || SUM(running_count) || ' ' || SUM(waiting_count) || ' '
        || SUM(success_count) || ' ' || SUM(error_count) || ' ' || SUM(crashed_count) || ' ' || SUM(canceled_count) || ' '
        || SUM(unknown_count) || ', ' || SUM(duration_sum_ms) || ' ms'
    FROM rollups GROUP BY width";

/// Whether what a store holds is the known answer.
pub(super) fn check_held(mut held: Vec<String>, answer: &Answer) -> Fallible<()> {
    let counts = answer.counts.map(|count| count.to_string()).join(" ");
    let width = |width| format!("width {width}: {counts}, {} ms", answer.duration_sum_millis);
    let mut known = vec![
        format!("executions {}", answer.counts.iter().sum::<i64>()),
        format!("quarter hours {}", answer.buckets),
        width(15),
        width(60),
        width(1440),
    ];
    held.sort();
    known.sort();
    if held == known { Ok(()) } else { Err(format!("the store holds {held:?} in place of {known:?}").into()) }
}

fn scope(client: ClientId) -> TenantScope {
    TenantScope::client(client)
}

/// A new SQLite database.
pub(super) async fn new_sqlite(file: &Path) -> Fallible<SqlStore> {
    let store = SqlStore::connect(&SqlConfig::new(format!("sqlite://{}", file.display()))).await?;
    store.migrate_up().await?;
    Ok(store)
}

/// The statements that make the table of executions and its indexes on SQLite.
pub(super) async fn sqlite_tables() -> Fallible<Vec<String>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("store.db");
    new_sqlite(&file).await?;
    texts(&file, "SELECT sql FROM sqlite_master WHERE tbl_name = 'executions' AND sql IS NOT NULL")
}

/// Removes what was collected into a SQLite database, and what its log holds of it.
pub(super) fn empty_sqlite(file: &Path) -> Fallible<()> {
    let connection = rusqlite::Connection::open(file)?;
    connection.execute_batch("DELETE FROM executions; DELETE FROM rollups; DELETE FROM workflows")?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?;
    Ok(())
}

/// One text for each row of a query with one column.
pub(super) fn texts(file: &Path, sql: &str) -> Fallible<Vec<String>> {
    let connection = rusqlite::Connection::open(file)?;
    let mut query = connection.prepare(sql)?;
    let texts = query.query_map((), |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(texts)
}

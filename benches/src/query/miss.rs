//! Answers that no cache has, asked for by many at once, each by several: made once each, and how many a second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use flowmastery_core::{
    Flowmastery,
    cache::{Attempt, Cache, Making, MemoryCache, Room},
    error::{BoxError, Result},
    id::ClientId,
    service::metrics::ClientView,
};
use tokio::runtime::Runtime;

use super::{
    bare::Reading,
    database::Database,
    host::{self, ADMIN, period, ranges},
};
use crate::{
    Fallible,
    measure::{Pairs, timed},
    report::{Report, Row},
};

/// How many answers are made in a round, each of another client.
const ANSWERS: i64 = 1_000;
/// How many are asked for at once.
const AT_ONCE: i64 = 16;
/// How many ask for each.
const ASKERS: usize = 4;

/// The memory of a process, which counts what is made.
#[derive(Debug, Default)]
struct Counting {
    memory: MemoryCache,
    made: AtomicI64,
}

#[async_trait]
impl Cache for Counting {
    async fn get_or_make(&self, key: &str, ttl: Duration, make: Making<'_>) -> Result<bytes::Bytes> {
        let making = async {
            self.made.fetch_add(1, Ordering::Relaxed);
            make.await
        };
        self.memory.get_or_make(key, ttl, Box::pin(making)).await
    }

    fn at_hand(&self, key: &str) -> Option<bytes::Bytes> {
        self.memory.at_hand(key)
    }

    async fn begin_attempt(&self, attempt: &Attempt) -> Vec<Room> {
        self.memory.begin_attempt(attempt).await
    }

    async fn end_attempt(&self, attempt: &Attempt, failed: bool) {
        self.memory.end_attempt(attempt, failed).await;
    }

    async fn ping(&self) -> std::result::Result<(), BoxError> {
        self.memory.ping().await
    }
}

pub(super) fn run(report: &mut Report, runtime: &Runtime, database: &Arc<Database>) -> Fallible<()> {
    let (_, period) = period("30d")?;
    let pairs = Pairs::measure(
        Duration::from_secs(report.effort.pick(6, 30)),
        || {
            let work = |client| {
                let (database, reading) = (database.clone(), Reading::of(Some(client), ranges(period)));
                async move { reading.run(&database.bare).await.map(drop).map_err(|error| error.to_string()) }
            };
            Ok(timed(|| runtime.block_on(at_once(work)))?.0)
        },
        || {
            let cache = Arc::new(Counting::default());
            let host = Arc::new(runtime.block_on(host::on(database.store.clone(), cache.clone()))?);
            let work = |client| ask(host.clone(), client);
            let (time, ()) = timed(|| runtime.block_on(at_once(work)))?;
            let made = cache.made.load(Ordering::Relaxed);
            if made != ANSWERS {
                return Err(format!("{made} answers were made for {ANSWERS} keys").into());
            }
            Ok(time)
        },
    )?;
    let name = database.pick("cache-miss", "cache-miss-sqlite");
    report.note(format!(
        "{name}: {ANSWERS} answers, the 30 days of a client each, {AT_ONCE} at once, each asked for by {ASKERS} at once and made once; {} pairs after one of warm-up; quartiles {:.2} to {:.2}",
        pairs.rounds, pairs.quartiles.0, pairs.quartiles.1,
    ));
    report.row(Row::rate(name, (ANSWERS as f64, "answers/s"), &pairs, 0.5));
    Ok(())
}

/// Several who want the same answer at once.
async fn ask(host: Arc<Flowmastery>, client: ClientId) -> std::result::Result<(), String> {
    let asked = (0..ASKERS).map(|_| async {
        let query = Default::default();
        host.metrics().document(ADMIN, client, ClientView::Summary, &query).await
    });
    let answers = futures_util::future::try_join_all(asked).await.map_err(|error| error.to_string())?;
    let same = answers.windows(2).all(|pair| matches!(pair, [one, other] if one == other));
    if same { Ok(()) } else { Err("two who asked at once were told different things".to_owned()) }
}

/// Does something for every client, for so many at once.
async fn at_once<F>(work: impl Fn(ClientId) -> F) -> Fallible<()>
where
    F: Future<Output = std::result::Result<(), String>> + Send + 'static,
{
    let mut under_way = tokio::task::JoinSet::new();
    for client in 1..=ANSWERS {
        if under_way.len() as i64 >= AT_ONCE
            && let Some(done) = under_way.join_next().await
        {
            done??;
        }
        under_way.spawn(work(ClientId(client)));
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    Ok(())
}

//! Verification: holds a client's numbers against what its n8n lists, against the rows that are kept, and against n8n's own sums.
//!
//! It only reads, so it may run beside the server. Two hosts that ask one n8n take turns only within a process.

use std::{sync::Arc, time::Duration};

use crate::{
    access::scope::TenantScope,
    clock::{Clock, Timestamp},
    error::{Error, Kind, Result},
    id::{ClientId, ExecutionId},
    model::{
        client::Instance,
        execution::Status,
        freshness::ConnectionStatus,
        rollup::{Range, Width},
        verification::{Fate, InsightsComparison, Reach, Reason, Verification, counts_in_insights, judge},
    },
    n8n::{ExecutionQuery, N8nApi, N8nError},
    secret::{Place, Vault},
    store::Store,
};

/// An instant at which no execution has started yet.
const FAR: Timestamp = Timestamp::from_millis(32_503_680_000_000);
/// The span over which n8n's own sums are compared: what an unlicensed n8n tells.
const INSIGHTS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// n8n sums up once an hour; what ended within two hours may not be in yet.
const NOT_SUMMED_UP: Duration = Duration::from_secs(2 * 60 * 60);

/// Verifies the numbers of clients.
#[derive(Clone, Debug)]
pub struct Verifications {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) n8n: Arc<dyn N8nApi>,
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Verifications {
    /// Compares everything that n8n lists, or what started within the last `days`: for the host's own command.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Conflict`] for a client without an n8n or whose numbers were never collected;
    /// [`Kind::Unavailable`] when its n8n gives no usable answer.
    pub async fn client(&self, id: ClientId, days: Option<u32>) -> Result<Verification> {
        let scope = TenantScope::client(id);
        let client = self.store.find_client(scope, id).await?.ok_or_else(|| Error::not_found("client"))?;
        let conflict = |message: &'static str| Error::new(Kind::Conflict, message);
        let sealed = self.store.find_instance(scope, id).await?;
        let sealed = sealed.ok_or_else(|| conflict("No n8n is configured for this client."))?;
        let reach = self.store.reach(scope, id).await?;
        let reach = reach.ok_or_else(|| conflict("Nothing was collected from this client's n8n yet."))?;
        let key = self.vault.open(Place::n8n_key(id), &sealed.key)?;
        let instance = Instance { url: sealed.url, key };
        let mut verification = Verification {
            client_id: id,
            client_name: client.name.as_str().to_owned(),
            last_success_at: Some(reach.last_success_at),
            listed: 0,
            agreeing: 0,
            recounted: 0,
            insights: None,
            negative_durations: 0,
            differences: Vec::new(),
        };
        let day = |days: u32| Duration::from_secs(24 * 60 * 60).saturating_mul(days);
        let ago = |days| Width::Quarter.floor(self.clock.now().minus(day(days)));
        let since = days.map_or(Timestamp::from_millis(0), ago);
        let window = days.map(|_| since);
        let listed = self.compare_list(&instance, (scope, id), (window, reach), &mut verification).await?;
        self.compare_kept((scope, id), (since, listed), &mut verification).await?;
        self.compare_rollups((scope, id), &mut verification).await?;
        self.compare_insights(&instance, (scope, id), &mut verification).await?;
        Ok(verification)
    }

    /// Whether n8n filters by time, and not only takes the parameter: asked for a time at which nothing has started.
    async fn filters_by_time(&self, instance: &Instance) -> bool {
        let query = ExecutionQuery { started_after: Some(FAR), ..ExecutionQuery::default() };
        let page = self.n8n.executions(instance, &query).await;
        page.is_ok_and(|page| page.items.is_empty())
    }

    /// How many of the listed ones are kept here.
    async fn compare_list(
        &self,
        instance: &Instance,
        (scope, id): (TenantScope, ClientId),
        (window, reach): (Option<Timestamp>, Reach),
        verification: &mut Verification,
    ) -> Result<i64> {
        let filter = match window {
            Some(since) if self.filters_by_time(instance).await => Some(since),
            _ => None,
        };
        let mut query = ExecutionQuery { started_after: filter, ..ExecutionQuery::default() };
        let (mut lowest, mut kept) = (ExecutionId(i64::MAX), 0);
        loop {
            let page = self.n8n.executions(instance, &query).await.map_err(unavailable)?;
            let is_old =
                |started: Option<Timestamp>| window.is_some_and(|since| started.is_some_and(|at| at < since));
            let ends = page.items.last().is_none_or(|last| last.id >= lowest || is_old(last.started_at));
            lowest = page.items.last().map_or(lowest, |last| last.id);
            let listed: Vec<_> = page.items.into_iter().filter(|run| !is_old(run.started_at)).collect();
            let fates = self.store.fates(scope, id, &listed).await?;
            for (execution, fate) in listed.iter().zip(&fates) {
                verification.listed += 1;
                kept += i64::from(matches!(fate, Fate::Kept(_)));
                match judge(execution, fate, reach) {
                    None => verification.agreeing += 1,
                    Some(difference) => verification.differs(difference, 1, || {
                        format!("execution {} ({}), here {fate:?}", execution.id, execution.status.as_str())
                    }),
                }
            }
            query.cursor = page.next;
            if ends || query.cursor.is_none() {
                return Ok(kept);
            }
        }
    }

    /// What is kept here and not listed there.
    async fn compare_kept(
        &self,
        (scope, id): (TenantScope, ClientId),
        (since, listed): (Timestamp, i64),
        verification: &mut Verification,
    ) -> Result<()> {
        let kept = self.store.count_kept(scope, id, since).await?;
        verification.negative_durations = kept.negative;
        let not_listed = kept.ended + kept.unfinished - listed;
        let hidden = kept.unfinished.min(not_listed);
        for (count, what, reason) in [
            (not_listed - hidden, "kept here, not listed by n8n", Reason::GoneFromN8n),
            (hidden, "unfinished here, not listed by n8n", Reason::HiddenByN8n),
            (kept.earlier, "kept here, of another database", Reason::EarlierDatabase),
        ] {
            verification.differs((what, reason), count, String::new);
        }
        Ok(())
    }

    async fn compare_rollups(
        &self,
        (scope, id): (TenantScope, ClientId),
        verification: &mut Verification,
    ) -> Result<()> {
        let recount = self.store.recount(scope, id).await?;
        verification.recounted = recount.compared;
        let aged = ("quarter hours with fewer rows than counts", Reason::RowsAgedOut);
        verification.differs(aged, recount.aged, String::new);
        for difference in recount.differing {
            let what = ("rollups that their rows do not make", Reason::Unexplained);
            verification.differs(what, 1, || difference);
        }
        Ok(())
    }

    async fn compare_insights(
        &self,
        instance: &Instance,
        (scope, id): (TenantScope, ClientId),
        verification: &mut Verification,
    ) -> Result<()> {
        let to = Width::Hour.ceil(self.clock.now());
        let range = Range { from: to.minus(INSIGHTS), to };
        let theirs = match self.n8n.insights(instance, range).await {
            Ok(Some(insights)) => insights,
            Err(error) if error.status == ConnectionStatus::MissingScope => return Ok(()),
            Ok(None) => return Ok(()),
            Err(error) => return Err(unavailable(error)),
        };
        let ours = self.counted_as_there(scope, id, range).await?;
        let recent = Range { from: to.minus(NOT_SUMMED_UP), to };
        let (recent, _) = self.counted_as_there(scope, id, recent).await?;
        let earlier = self.store.count_kept(scope, id, range.from).await?.earlier;
        let gone = verification.differences.iter().filter(|known| known.reason == Reason::GoneFromN8n);
        let gone = gone.map(|known| known.count).sum();
        verification.insights =
            Some(InsightsComparison { range, theirs: (theirs.total, theirs.failed), ours });
        let reason = match ours.0 - theirs.total {
            0 => return Ok(()),
            missing if missing > 0 && (theirs.total == 0 || missing <= recent) => Reason::NotSummedUpYet,
            missing if missing > 0 && missing <= earlier => Reason::EarlierDatabase,
            // A back-up that was restored took them back, and nothing has run since that would show it.
            missing if missing > 0 && missing <= gone => Reason::GoneFromN8n,
            missing if missing > 0 => Reason::Unexplained,
            _ => Reason::NotSaved,
        };
        verification.differs(("n8n's own sums", reason), 1, || {
            format!("{} executions there, {} here by the same definition", theirs.total, ours.0)
        });
        Ok(())
    }

    /// Total and failed by the definition of n8n's Insights.
    async fn counted_as_there(&self, scope: TenantScope, id: ClientId, range: Range) -> Result<(i64, i64)> {
        let counts = self.store.count_modes(scope, id, range).await?;
        let counted = counts.iter().filter(|(mode, status, _)| counts_in_insights(mode, *status));
        Ok(counted.fold((0, 0), |(total, failed), (_, status, count)| {
            let fails = *status != Status::Success;
            (total + count, failed + if fails { *count } else { 0 })
        }))
    }
}

fn unavailable(error: N8nError) -> Error {
    Error::new(Kind::Unavailable, format!("n8n gives no answer to compare with: {}", error.message))
        .with_source(error)
}

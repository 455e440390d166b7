//! Workflows and executions of a client: its history before its first collection here.

use std::collections::BTreeMap;

use super::{Owner, Run, unreadable};
use crate::{
    access::scope::TenantScope,
    error::Result,
    model::{
        execution::{Execution, Status},
        import::{
            ImportKind,
            source::{ImportedWorkflow, SourceExecution, SourceHistory},
        },
        workflow::TimeSaved,
    },
    store::{Applied, HistoryBatch},
};

/// How many executions of a client with the same fault are named; of the others it is said how many.
const NAMED: u64 = 10;

/// What a history came to.
#[derive(Default)]
struct Judged {
    /// How often each fault was found.
    faults: BTreeMap<&'static str, u64>,
    reclassified: u64,
    open: u64,
}

impl Run<'_> {
    pub(super) async fn workflows(&mut self, owner: &Owner<'_>) -> Result<()> {
        let mut new = Vec::new();
        for there in self.source.workflows(owner.source).await.map_err(unreadable)? {
            self.report.count(ImportKind::Workflow).found += 1;
            let id = there.workflow.id.as_str();
            if id.is_empty() {
                self.report.count(ImportKind::Workflow).skipped += 1;
                self.report.fault(ImportKind::Workflow, &there.id, "it has no n8n_workflow_id");
                continue;
            }
            if owner.standing.workflows.contains(id) {
                self.report.count(ImportKind::Workflow).present += 1;
                continue;
            }
            let time_saved = match TimeSaved::of_minutes(there.time_saved) {
                Ok(minutes) => minutes,
                Err(fault) => {
                    let text = format!("it saves {} minutes: {}", there.time_saved, fault.message);
                    self.report.fault(ImportKind::Workflow, &there.id, text);
                    TimeSaved::DEFAULT
                }
            };
            new.push(ImportedWorkflow { workflow: there.workflow, time_saved });
        }
        if let (true, Some(id)) = (self.request.apply && !new.is_empty(), owner.here) {
            self.service.store.import_workflows(TenantScope::client(id), id, &new, self.now).await?;
        }
        self.report.count(ImportKind::Workflow).imported += count(new.len());
        Ok(())
    }

    pub(super) async fn history(&mut self, owner: &mut Owner<'_>) -> Result<()> {
        let there = self.source.history(owner.source).await.map_err(unreadable)?;
        let rows = u64::try_from(there.rows).unwrap_or(0);
        self.report.count(ImportKind::Execution).found += rows;
        if self.histories.contains_key(owner.source) {
            self.report.count(ImportKind::Execution).present += rows;
            return Ok(());
        }
        if !owner.standing.is_untouched {
            self.refuse_history(owner, rows);
            return Ok(());
        }
        self.source.open_history(owner.source).await.map_err(unreadable)?;
        let mut judged = Judged::default();
        let mut unread = rows;
        loop {
            let batch = self.source.more_executions(self.request.batch_rows).await.map_err(unreadable)?;
            let is_last = batch.is_empty();
            unread = unread.saturating_sub(count(batch.len()));
            let executions = self.judge(&batch, &mut judged);
            let good = executions.len();
            let Some(stored) = self.store_batch(owner, executions, is_last).await? else {
                // Somebody configured its n8n meanwhile.
                owner.standing.is_untouched = false;
                self.refuse_history(owner, count(good) + unread);
                return Ok(());
            };
            // An import that was killed has stored some.
            self.report.count(ImportKind::Execution).present += count(good.saturating_sub(stored));
            self.report.count(ImportKind::Execution).imported += count(stored);
            if is_last {
                break;
            }
        }
        self.sum_up(owner.source, there, &judged);
        Ok(())
    }

    fn refuse_history(&mut self, owner: &Owner<'_>, rows: u64) {
        self.report.count(ImportKind::Execution).skipped += rows;
        if rows > 0 {
            let text = "an n8n was configured for it here before its executions were taken over, and what is collected cannot be told \
                        from what was there; the executions that were not taken over before are left out";
            self.report.fault(ImportKind::Client, owner.source, text);
        }
    }

    /// The executions that can be taken over.
    fn judge(&mut self, batch: &[SourceExecution], judged: &mut Judged) -> Vec<Execution> {
        let mut executions = Vec::with_capacity(batch.len());
        for there in batch {
            let fault = match there.judge() {
                Ok(good) => {
                    judged.reclassified += u64::from(good.is_reclassified);
                    let status = good.execution.status;
                    judged.open += u64::from(!status.is_terminal() && status != Status::Unknown);
                    executions.push(good.execution);
                    good.oddity
                }
                Err(reason) => {
                    self.report.count(ImportKind::Execution).skipped += 1;
                    Some(reason)
                }
            };
            let Some(fault) = fault else { continue };
            let times = judged.faults.entry(fault).or_default();
            *times += 1;
            if *times <= NAMED {
                self.report.fault(ImportKind::Execution, &there.id, fault);
            }
        }
        executions
    }

    /// Stores executions; how many were new, or `None` when the client does not take them any more.
    async fn store_batch(
        &self,
        owner: &Owner<'_>,
        executions: Vec<Execution>,
        is_last: bool,
    ) -> Result<Option<usize>> {
        let (true, Some(id)) = (self.request.apply, owner.here) else { return Ok(Some(executions.len())) };
        let end_of = is_last.then(|| owner.source.to_owned());
        let batch = HistoryBatch { executions, read_at: self.now, end_of };
        let applied = self.service.store.import_executions(TenantScope::client(id), id, batch).await?;
        Ok(match applied {
            Applied::Stored { changed } => Some(changed),
            Applied::Superseded | Applied::Parted => None,
        })
    }

    /// Says of a whole history what its executions do not say one by one.
    fn sum_up(&mut self, source: &str, there: SourceHistory, judged: &Judged) {
        for (fault, times) in &judged.faults {
            if *times > NAMED {
                let text = format!("{} more of its executions: {fault}", times - NAMED);
                self.report.fault(ImportKind::Client, source, text);
            }
        }
        let mut notice = |times: u64, text: &str| {
            if times > 0 {
                self.report.notice(ImportKind::Client, source, format!("{times} {text}"));
            }
        };
        notice(
            u64::try_from(there.shared).unwrap_or(0),
            "of n8n's numbers between those of its executions are taken by other clients there, which kept each number once: executions of \
             its own with these numbers are lost there, but for those that its n8n still has",
        );
        notice(
            judged.reclassified,
            "of its executions are production there and not here, or the other way round: here the mode alone says it",
        );
        notice(
            judged.open,
            "of its executions had not ended there; they are read again with the first collection, and count as unfinished until then",
        );
    }
}

fn count(records: usize) -> u64 {
    u64::try_from(records).unwrap_or(u64::MAX)
}

//! Pruning, as n8n does it: by age and by count, never what is open.

use flowmastery_core::clock::Timestamp;

use super::State;
use crate::run::Gone;

impl State {
    /// Looks once what is to be pruned, by [`Quirks::pruning`](crate::Quirks::pruning): "MAX_AGE=336 h (by stoppedAt),
    /// PRUNE_MAX_COUNT=10000 (0 = no limit)", "`new/running/waiting` […] rows are not pruned". Returns how many went.
    pub fn prune(&mut self, now: Timestamp) -> usize {
        self.tick([Some(now)]);
        let Some(pruning) = self.quirks.pruning else { return 0 };
        let until = now.minus(pruning.max_age);
        // Open rows count, though they are not pruned; n8n looks for the first id below the newest so many.
        let count = (pruning.max_count > 0).then_some(pruning.max_count);
        let up_to = count.and_then(|count| self.table.id_below_newest(count)).unwrap_or(i64::MIN);
        let goes = |(id, serial): &(i64, usize)| {
            self.log.get(*serial).is_some_and(|record| {
                let is_old = record.run.stopped_at.is_some_and(|stop| stop <= until);
                !record.run.is_open() && (is_old || *id <= up_to)
            })
        };
        let ids: Vec<i64> = self.table.old(until, up_to).filter(goes).map(|(id, _)| id).collect();
        for id in &ids {
            self.take_away(*id, Gone::Pruned);
        }
        self.table.measure(&self.log, until);
        ids.len()
    }
}

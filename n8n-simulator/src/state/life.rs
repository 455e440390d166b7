//! What happens to the server as a whole: it is killed and started again, emptied, backed up and restored.

use std::{collections::BTreeMap, time::Duration};

use super::{State, WorkflowRow};
use crate::{
    run::{Gone, Run},
    table::Serial,
};

/// A copy of the database.
#[derive(Clone, Debug)]
pub struct Snapshot {
    workflows: BTreeMap<String, WorkflowRow>,
    rows: Vec<(i64, Serial, Run)>,
    last_execution: i64,
}

impl State {
    /// Kills the process and starts it again: "running rows become `crashed`, […] stoppedAt = last event in n8n's log (here start+2
    /// ms, not the crash time)", and n8n 1 lists what waits, for "memory is empty then". What waits for its turn goes on waiting.
    pub fn restart(&mut self) {
        let is_running =
            |serial: &Serial| self.log.get(*serial).is_some_and(|record| record.run.status == "running");
        let running: Vec<i64> = if self.quirks.running_hidden {
            self.memory
                .iter()
                .copied()
                .filter(|id| self.table.find(*id).as_ref().is_some_and(is_running))
                .collect()
        } else {
            self.table.rows().filter(|(_, serial)| is_running(serial)).map(|(id, _)| id).collect()
        };
        for id in running {
            self.update(id, crash);
        }
        self.memory.clear();
    }

    /// Starts over with an empty database: ids start at 1 again, in another life.
    pub fn reset(&mut self) {
        let all: Vec<i64> = self.table.rows().map(|(id, _)| id).collect();
        for id in all {
            self.take_away(id, Gone::Reset);
        }
        self.workflows.clear();
        self.last_execution = 0;
        self.life += 1;
    }

    /// Copies the database.
    pub fn backup(&self) -> Snapshot {
        let row =
            |(id, serial): (i64, Serial)| self.log.get(serial).map(|record| (id, serial, record.run.clone()));
        Snapshot {
            workflows: self.workflows.clone(),
            rows: self.table.rows().filter_map(row).collect(),
            last_execution: self.last_execution,
        }
    }

    /// Puts a back-up in place of the database and starts n8n on it, in another life: ids go on from the back-up's, so that ids given
    /// since come again for other runs, and what ran when it was made is `crashed`.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        for (_, serial) in std::mem::take(&mut self.table).rows() {
            if let Some(record) = self.log.get_mut(serial) {
                record.gone = Some(Gone::Restored);
            }
        }
        self.memory.clear();
        self.queue.clear();
        for (id, serial, run) in &snapshot.rows {
            let mut run = run.clone();
            if run.status == "running" {
                crash(&mut run);
            }
            self.table.insert(*id, *serial, &run);
            if run.status == "new" {
                self.queue.insert(*id);
            }
            if let Some(record) = self.log.get_mut(*serial) {
                let reached = std::mem::replace(&mut record.run, run);
                record.undone = (reached != record.run).then(|| Box::new(reached));
                record.gone = None;
            }
        }
        snapshot.workflows.clone_into(&mut self.workflows);
        self.last_execution = snapshot.last_execution;
        self.life += 1;
    }
}

/// n8n takes the last event of its own log for the end, which is shortly after the start.
fn crash(run: &mut Run) {
    run.status = "crashed".into();
    run.stopped_at = run.started_at.map(|start| start.plus(Duration::from_millis(2)));
}

"""What every phase works with: both servers, what n8n ever had, and the comparison of the two."""

import time

from .compare import compare_metrics
from .flowmastery import INTERVAL_SECONDS
from .program import TooSlow, wait_until


class Run:
    def __init__(self, n8n, ledger, gate, flowmastery):
        self.n8n, self.ledger, self.gate, self.flowmastery = n8n, ledger, gate, flowmastery
        # What the seeding leaves for later phases: ids of workflows by name, and executions that sleep.
        self.workflows, self.asleep = {}, []
        self.faults = 0
        # Until n8n forgot executions that FlowMastery could not read, it must not say that any are lost.
        self.lost_some = False

    def settle(self, but=(), seconds=120):
        """Waits until nothing is open in n8n, but these."""
        wait_until(lambda: all(row.id in but for row in self.ledger.open()), seconds, "all executions to end")

    def fire_runs(self, name, count):
        self.n8n.fire_all([(name, {})] * count)

    def check(self, comparison, what):
        comparison.print(what)
        self.faults += comparison.differences

    def agree(self, what, as_long_as=lambda: True, ask=True):
        """FlowMastery has to come to show what n8n has and had, in time and while n8n is in the state that is meant. Without `ask` it is
        left to collect by itself."""
        # What differed once will differ again, and need not be waited for each time.
        seconds = 12 if self.faults else 30
        begun, asked, comparison = time.monotonic(), None, None
        while True:
            if ask and (asked is None or time.monotonic() - asked > INTERVAL_SECONDS):
                self.flowmastery.collect_now()
                asked = time.monotonic()
            latest = self.compare()
            if not as_long_as():
                break
            comparison = latest or comparison
            if (comparison and not comparison.differences) or time.monotonic() - begun > seconds:
                break
            time.sleep(0.3)
        if comparison is None:
            raise TooSlow(f"n8n did not stay as it was for long enough to compare: {what}")
        self.check(comparison, f"{what}, {time.monotonic() - begun:.1f} s later")

    def compare(self):
        """Nothing when n8n's executions changed meanwhile."""
        before = self.ledger.state()
        metrics = self.flowmastery.metrics()
        comparison = compare_metrics(before, metrics, self.flowmastery.workflow_metrics(), self.flowmastery.all_metrics())
        if not self.lost_some:
            comparison.compare("spans said to be lost", 0, len(metrics["freshness"]["gaps"]), show=False)
        return comparison if self.ledger.state() == before else None

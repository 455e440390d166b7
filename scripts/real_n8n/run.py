"""What every phase works with: both servers, what n8n ever had, and the comparison of the two."""

import datetime
import time

from .compare import compare_metrics
from .flowmastery import INTERVAL_SECONDS
from .ledger import OPEN
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
        """Fires short runs and waits for their ends: n8n answers before it has written down that they are there."""
        before = max(self.ledger.known)
        self.n8n.fire_all([(name, {})] * count)

        def have_ended():
            self.ledger.look()
            fired = [row for row in self.ledger.known.values() if row.id > before and row.workflow == self.workflows[name]]
            return len(fired) >= count and all(row.status not in OPEN for row in fired)

        wait_until(have_ended, 120, f"{count} executions to end")

    def fall_asleep(self, runs):
        """Fires runs that wait for long. n8n 1 lists them nowhere, it answers for them by their numbers."""
        before = len(self.ledger.listed("waiting"))
        self.n8n.fire_all(runs)
        wait_until(lambda: len(self.ledger.listed("waiting")) == before + len(runs), 30, "executions to fall asleep")

    def check(self, comparison, what):
        comparison.print(what)
        self.faults += comparison.differences

    def agree(self, what, as_long_as=lambda: True, ask=True):
        """From here on FlowMastery has to collect, and to come to show what n8n has and had, in time and while n8n is in the state that is
        meant. Without `ask` it is left to collect by itself."""
        # What differed once will differ again, and need not be waited for each time.
        seconds = 12 if self.faults else 30
        begun, asked, comparison = time.time(), None, None
        while True:
            if ask and (asked is None or time.time() - asked > INTERVAL_SECONDS):
                self.flowmastery.collect_now()
                asked = time.time()
            latest = self.compare(instant_of(begun))
            if not as_long_as():
                break
            comparison = latest or comparison
            if (comparison and not comparison.differences) or time.time() - begun > seconds:
                break
            time.sleep(0.3)
        if comparison is None:
            raise TooSlow(f"{what}: FlowMastery did not collect in time, or n8n did not stay as it was for long enough to compare")
        self.check(comparison, f"{what}, {time.time() - begun:.1f} s later")

    def compare(self, since):
        """Nothing when n8n's executions changed meanwhile, and when FlowMastery has collected nothing since."""
        before = self.ledger.state()
        metrics = self.flowmastery.metrics()
        comparison = compare_metrics(before, metrics, self.flowmastery.workflow_metrics(), self.flowmastery.all_metrics())
        if not self.lost_some:
            comparison.compare("spans said to be lost", 0, len(metrics["freshness"]["gaps"]), show=False)
        is_new = (metrics["freshness"]["last_success_at"] or "") > since
        return comparison if is_new and self.ledger.state() == before else None


def instant_of(seconds):
    """Seconds since 1970 as FlowMastery writes instants."""
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")

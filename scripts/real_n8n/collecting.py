"""Phases in which n8n goes on as usual, and FlowMastery is killed."""

import time

from .n8n import SUCCEED
from .program import TooSlow, wait_until
from .seeding import LONG_WAIT_SECONDS

# Longer than it takes to compare, and under the 65 s from which n8n puts a run to sleep.
RUNNING_SECONDS, RUNNING = 60, 4
# How long after n8n's answer FlowMastery is killed, in seconds.
WHILE_STORING = (0, 0.02)


def is_list(path):
    return path.startswith("/api/v1/executions?") and "status=" not in path


def is_later_page(path):
    return is_list(path) and "cursor=" in path


def kill_in_collection(run, matches, begin, after_answer=None):
    """Kills FlowMastery while a request of a collection is on its way or, with `after_answer`, so many seconds after its answer; and starts
    it again."""
    hold = run.gate.hold_next(matches, answered=after_answer is not None)
    begin()
    if not hold.reached.wait(60):
        raise TooSlow("FlowMastery did not ask n8n for what was to be held")
    if after_answer is None:
        print(f"  killed between two requests, when it said: {run.flowmastery.sync()}")
    else:
        print(f"  killed {after_answer} s after an answer")
        time.sleep(after_answer)
    run.flowmastery.program.kill()
    hold.released.set()
    run.flowmastery.start()


def killed_in_back_fill(run):
    """A kill -9 between two pages of the first back-fill, and some while a page is stored, neither lose nor double anything."""
    flowmastery = run.flowmastery
    flowmastery.walk_usage_flow()
    # The first collection is to meet executions that run.
    run.n8n.fire_all([("Waits", {"seconds": RUNNING_SECONDS})] * RUNNING)
    wait_until(lambda: len(run.ledger.listed("running")) == RUNNING, 20, "executions to run")
    kill_in_collection(run, is_later_page, lambda: flowmastery.configure(f"{run.gate.url}/api/v1", run.n8n.monitor_key))
    for seconds in WHILE_STORING:
        kill_in_collection(run, is_later_page, flowmastery.collect_now, after_answer=seconds)
    run.agree("after the kills", lambda: len(run.ledger.listed("running")) == RUNNING)


def running_and_waiting(run):
    """What runs, and what is asleep, counts as unfinished: also on n8n 1, whose lists hide a run that is asleep."""
    asleep = len(run.ledger.listed("waiting"))
    print(f"  n8n has {len(run.ledger.listed('running'))} running and {asleep} waiting executions")
    run.agree("while they run and wait", lambda: len(run.ledger.listed("waiting")) == asleep)


def killed_in_collection(run):
    """A kill -9 before the list of a later collection, and some while its page is stored, neither lose nor double anything."""
    for seconds in (None, *WHILE_STORING):
        run.fire_runs("Succeeds", 15)
        kill_in_collection(run, is_list, run.flowmastery.collect_now, after_answer=seconds)
    run.agree("after the kills")


def cancelled(run):
    """One that is cancelled while it runs, and one while it is asleep, end as canceled; nobody asks FlowMastery to collect."""
    newest = run.ledger.listed()[-1].id
    run.n8n.fire_all([("Waits", {"seconds": seconds}) for seconds in (RUNNING_SECONDS, LONG_WAIT_SECONDS)])
    begun = lambda status: [row for row in run.ledger.listed(status) if row.id > newest]
    wait_until(lambda: begun("running") and begun("waiting"), 20, "executions to be cancelled")
    for row in begun("running") + begun("waiting"):
        run.n8n.cancel(row.id)
    run.agree("after the cancellations", ask=False)


def resumed(run):
    """Long waits that resume while we watch end as they do in n8n, though n8n 1 then says that they started anew."""
    # The endless one of the workflow that is deleted later stays asleep.
    run.settle(but={row.id for row in run.ledger.listed("waiting", workflow=run.workflows["Deleted"])})
    for before in run.asleep:
        now = run.ledger.known[before.id]
        print(f"  {now.id}: {before.status}, started {before.started} → {now.status}, started {now.started}")
    run.agree("after the long waits", ask=False)


def retried(run):
    """A retry is an execution of its own: one that fails again, two that succeed. The failed one that it retries stays failed."""
    n8n = run.n8n
    run.fire_runs("Repaired", 2)
    first, second = [row.id for row in run.ledger.listed("error", workflow=run.workflows["Repaired"])][-2:]
    n8n.retry(first, with_new_workflow=False)
    run.agree("after a retry that failed")
    n8n.change_workflow(run.workflows["Repaired"], "Repaired", "Repaired", SUCCEED)
    n8n.retry(first, with_new_workflow=True)
    n8n.retry_over_public_api(second)
    retries = [row.status for row in run.ledger.listed() if row.mode == "retry"]
    print(f"  n8n's retries ended as {', '.join(retries)}")
    run.agree("after two retries that succeeded")


def workflows_changed(run):
    """A renamed workflow has its new name; an archived one, a deleted one and a deleted execution stay counted with what they did."""
    n8n, names = run.n8n, run.workflows
    run.fire_runs("Deleted", 5)
    run.agree("before the changes")
    n8n.change_workflow(names["Succeeds"], "Succeeds", "Succeeds, renamed", SUCCEED)
    n8n.archive(names["Repaired"])
    deleted = run.ledger.listed(workflow=names["Deleted"])
    n8n.delete(names["Deleted"])
    print(f"  with the workflow, n8n deleted {len(deleted)} executions, {sum(row.status == 'waiting' for row in deleted)} of them asleep")
    n8n.public("DELETE", f"/executions/{run.ledger.listed()[-1].id}")
    # Had n8n given the number of the deleted one again, this would wait in vain.
    run.fire_runs("Succeeds", 1)
    run.agree("after the changes")

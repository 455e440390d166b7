"""Phases in which n8n is stopped, killed, and forgets."""

import time

from .collecting import is_list
from .compare import TOTALS, Comparison, instant
from .program import wait_until
from .seeding import LONG_WAIT_SECONDS

LIMIT, QUEUED, QUEUE_SECONDS = 5, 6, 40
KEPT, BURST, BURSTS, UNSEEN = 100, 60, 4, 250
# So many that n8n takes a second or two to look at them when it starts again.
ASLEEP = 24

WITH_LIMIT = {"N8N_CONCURRENCY_PRODUCTION_LIMIT": str(LIMIT)}
# In minutes and hours, of which n8n takes fractions: looks every 12 s, and deletes for good within 6 s more.
WITH_PRUNING = WITH_LIMIT | {
    "EXECUTIONS_DATA_PRUNE_MAX_COUNT": str(KEPT), "EXECUTIONS_DATA_PRUNE_SOFT_DELETE_INTERVAL": "0.2",
    "EXECUTIONS_DATA_PRUNE_HARD_DELETE_INTERVAL": "0.1", "EXECUTIONS_DATA_HARD_DELETE_BUFFER": "0",
}


def start_watched(run, **settings):
    """Starts n8n while FlowMastery looks all the time, and so at what is not the last word: while n8n goes through what it left unfinished,
    it calls each that sleeps crashed for some milliseconds. FlowMastery's requests for the list are put off until it does."""
    looks = run.gate.prefer(is_list, calls_sleeping_crashed)
    run.n8n.start(run.flowmastery.collect_now, **settings)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        run.flowmastery.collect_now()
        time.sleep(0.1)
    run.gate.preference = None
    print(f"  n8n told FlowMastery {looks.count} times of a sleeping execution that it crashed")


def calls_sleeping_crashed(page):
    return any(row["status"] == "crashed" and row["waitTill"] is not None for row in page.get("data", []))


def restarted(run):
    """While n8n restarts, the numbers stay and say that they are old; afterwards they are right again, with runs that slept through it."""
    n8n, flowmastery = run.n8n, run.flowmastery
    run.fall_asleep([("Waits", {"seconds": LONG_WAIT_SECONDS})] * ASLEEP)
    run.agree("before n8n stops")
    before = flowmastery.metrics()
    print(f"  n8n stops with status {n8n.program.stop()}")
    flowmastery.collect_now()
    freshness = lambda: flowmastery.metrics()["freshness"]
    wait_until(lambda: freshness()["status"] in ("unreachable", "not_n8n"), 60, "FlowMastery to notice that n8n is away")
    print(f"  {freshness()['message']}")
    comparison, during = Comparison("meanwhile"), flowmastery.metrics()
    for name in TOTALS:
        comparison.compare(name, before[name], during[name])
    run.check(comparison, "while n8n is away")
    start_watched(run, **WITH_LIMIT)
    run.agree("after n8n came back")
    wait_until(lambda: freshness()["status"] == "live", 30, "FlowMastery to be live again")


def queued(run):
    """Executions that wait for a free place (new) count as unfinished; one that is cancelled there ends without ever having started."""
    count = lambda status: len(run.ledger.listed(status))
    run.n8n.fire_behind("Waits", LIMIT + QUEUED, seconds=QUEUE_SECONDS)
    wait_until(lambda: count("running") == LIMIT and count("new") == QUEUED, 20, "executions to be queued")
    run.agree("with a queue", lambda: count("new") == QUEUED)
    run.n8n.cancel(run.ledger.listed("new")[-1].id)
    # n8n lets the next one run in its place, over the limit.
    wait_until(lambda: count("new") == QUEUED - 2, 20, "the queue to move on")
    run.agree("with one of the queue cancelled", lambda: count("new") == QUEUED - 2)


def crashed(run):
    """After a kill -9 of n8n the running ones are crashed, queued ones run, and those asleep go on; FlowMastery shows them so."""
    running, waiting = run.ledger.listed("running"), run.ledger.listed("new")
    run.n8n.program.kill()
    start_watched(run, **WITH_PRUNING)
    wait_until(lambda: {run.ledger.known[row.id].status for row in running} == {"crashed"}, 60, "n8n to find its crashed executions")
    wait_until(lambda: not run.ledger.listed("new"), 60, "the queue to run")
    print(f"  {len(running)} crashed, and {len(waiting)} of the queue run now")
    run.agree("after the crash")


def pruned_slowly(run):
    """n8n keeps only its newest executions, and forgets no faster than we read: nothing is lost, the totals stay exact."""
    run.settle()
    for burst in range(1, BURSTS + 1):
        run.fire_runs("Fails" if burst % 2 else "Succeeds", BURST)
        run.agree(f"after burst {burst}", ask=False)
    wait_until(lambda: len(run.ledger.listed()) == KEPT, 60, "n8n to prune")
    print(f"  n8n has {len(run.ledger.listed())} of {len(run.ledger.state()[0])} executions left")
    run.agree("after n8n pruned")


def pruned_unseen(run):
    """What n8n forgot while FlowMastery was stopped is lost, and FlowMastery says from when to when."""
    run.agree("before FlowMastery stops")
    known = {row.id for row in run.ledger.state()[0]}
    status = run.flowmastery.program.stop()
    run.fire_runs("Succeeds", UNSEEN)
    wait_until(lambda: len(run.ledger.listed()) == KEPT, 60, "n8n to prune")
    fresh = [row for row in run.ledger.state()[0] if row.id not in known]
    lost = [row for row in fresh if row.id not in run.ledger.visible]
    run.ledger.lost = frozenset(row.id for row in lost)
    print(f"  of {len(fresh)} executions that ran meanwhile, n8n forgot {len(lost)}")
    run.flowmastery.start()
    run.lost_some = True
    run.agree("without what was lost")
    gaps = [(gap["from"], gap["to"]) for gap in run.flowmastery.metrics()["freshness"]["gaps"]]
    comparison = Comparison()
    comparison.compare("exit status of FlowMastery's stop", 0, status)
    comparison.compare("lost executions within a span that is said", len(lost),
                       sum(any(start <= instant(row.started) < end for start, end in gaps) for row in lost))
    for start, end in gaps:
        print(f"  FlowMastery says that executions from {start} to {end} are lost")
    run.check(comparison, "what is lost")

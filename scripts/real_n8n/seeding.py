"""The n8n that FlowMastery meets: workflows of every state, some 300 executions of known outcomes, some of them asleep."""

from .compare import Comparison
from .n8n import FAIL, SUCCEED, WAIT
from .program import wait_until

SUCCESSES, FAILURES, SHORT_WAITS, CANCELLED, LONG_WAITS = 200, 70, 20, 10, 2
# Under 65 s an execution that waits stays `running`, from 65 s on n8n puts it to sleep: it is `waiting`.
SHORT_WAIT_SECONDS, LONG_WAIT_SECONDS, ENDLESS_SECONDS = 10, 90, 3600


def seeded(run):
    """n8n's public API shows a monitor what n8n's database has: but what runs and, on n8n 1, what waits."""
    n8n, ledger = run.n8n, run.ledger
    n8n.setup()
    make_workflows(run)
    n8n.fire_all([("Waits", {"seconds": SHORT_WAIT_SECONDS})] * CANCELLED)
    wait_until(lambda: len(ledger.open()) == CANCELLED, SHORT_WAIT_SECONDS, "executions to be cancelled")
    for row in ledger.open():
        n8n.cancel(row.id)
    # The first run of each active workflow was fired when it was activated.
    runs = [("Succeeds", {})] * (SUCCESSES - 1) + [("Fails", {})] * (FAILURES - 1)
    runs += [("Waits", {"seconds": SHORT_WAIT_SECONDS})] * SHORT_WAITS
    # Spread over each other by a step that is prime to the length, so that every run has the same order.
    n8n.fire_all(runs[step * 41 % len(runs)] for step in range(len(runs)))
    run.settle()
    run.fall_asleep([("Waits", {"seconds": LONG_WAIT_SECONDS})] * LONG_WAITS + [("Deleted", {"seconds": ENDLESS_SECONDS})])
    run.asleep = ledger.listed("waiting", workflow=run.workflows["Waits"])
    check_public_api(run)


def make_workflows(run):
    n8n = run.n8n
    for name, second, settings in [
        ("Archived", SUCCEED, {}), ("Succeeds", SUCCEED, {}), ("Fails", FAIL, {}), ("Repaired", FAIL, {}), ("Waits", WAIT, {}),
        ("Deleted", WAIT, {}), ("Unsaved", SUCCEED, {"saveDataSuccessExecution": "none"}), ("Draft", SUCCEED, {}),
    ]:
        run.workflows[name] = n8n.make_workflow(name, second, **settings)
        if name == "Unsaved":
            run.ledger.unsaved_workflow = run.workflows[name]
        if name != "Draft":
            n8n.activate(run.workflows[name], name)
    run.settle()
    n8n.archive(run.workflows["Archived"])
    # They leave holes in the numbers of executions, which must not be taken for lost ones.
    n8n.fire_all([("Unsaved", {})] * 5)


def check_public_api(run):
    listed, comparison = run.n8n.listed_executions(), Comparison("public API")
    hidden = ("running", "waiting") if run.n8n.is_first else ("running",)
    rows = [row for row in reversed(run.ledger.listed()) if row.status not in hidden]
    comparison.compare("ids", [row.id for row in rows], [int(row["id"]) for row in listed])
    for status in sorted({row.status for row in run.ledger.listed()}):
        comparison.compare(status, sum(row.status == status for row in rows), sum(row["status"] == status for row in listed))
    # Archived, Repaired, Waits and Deleted ran once when they were activated.
    planned = {"success": 3 + SUCCESSES + SHORT_WAITS, "error": 1 + FAILURES, "canceled": CANCELLED}
    comparison.compare("planned outcomes", planned, {status: sum(row["status"] == status for row in listed) for status in planned})
    pages = run.n8n.call("GET", "/api/v1/workflows?limit=250&excludePinnedData=true", key=run.n8n.monitor_key)["data"]
    states = {row["name"]: "archived" if row["isArchived"] else "active" if row["active"] else "inactive" for row in pages}
    comparison.compare("workflows", {row.name: row.state for row in run.ledger.state()[1]}, states)
    run.check(comparison, "what a monitor is shown")

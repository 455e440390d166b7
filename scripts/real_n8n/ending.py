"""Phases that look at the end of it all."""

from .compare import Comparison, instant
from .ledger import OPEN


def listed_one_by_one(run):
    """The list of single executions has every one that n8n ever showed, each as it ended."""
    # One that n8n deleted before it ended is unfinished for ever, by whichever word.
    known = lambda workflow, status, mode, started: (workflow, "unfinished" if status in OPEN else status, mode, started)
    expected = {row.id: known(row.workflow, row.status, row.mode, instant(row.started)) for row in run.ledger.state()[0]}
    found = {int(row["id"]): known(row["workflow_id"], row["status"], row["mode"], row["started_at"])
             for row in run.flowmastery.executions()}
    comparison = Comparison()
    comparison.compare("executions", len(expected), len(found))
    comparison.compare("with the same workflow, status, mode and start", len(expected),
                       sum(expected.get(key) == row for key, row in found.items()))
    run.check(comparison, "one by one")


def verified(run):
    """`flowmastery verify` finds no difference that it cannot explain."""
    if "verify" not in run.flowmastery.run("--help").stdout:
        print("  this binary has no such command")
        return "NOT SHOWN"
    verify = run.flowmastery.run("verify", "--client", str(run.flowmastery.client))
    print(verify.stdout + verify.stderr)
    comparison = Comparison("verify")
    comparison.compare("exit status", 0, verify.returncode)
    run.check(comparison, "flowmastery verify")
    return None

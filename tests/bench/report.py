# SPDX-License-Identifier: Apache-2.0
"""Measures us beside our peers, and says who keeps to which bar.

    bench = Report("config", rounds=9)
    program = Program("tests/bench/config_measures")
    bench.compare("read.integer", "ns", program.measurement("handle_integer"),
                  [Peer("raw gflags variable", program.measurement("gflags_variable"), bar=1.2)])
    sys.exit(bench.finish())

Everybody takes a turn in each round, in changing order. A ratio is the median of the
ratios within the rounds, since what else the machine does then matters less. Prints one
JSON object a line (metric, unit, ours, peer, theirs, ratio, bar, holds), then a table.

With BERGEN_BENCH_RECORD=FOLDER in the environment it also writes FOLDER/TITLE.json, of which docs/performance.md is
made:

    BERGEN_BENCH_RECORD=$PWD/docs/performance ./bazelw run -c opt //tests/bench:config
"""

import datetime
import json
import math
import os
import platform
import pathlib
import statistics
import subprocess
import sys


class Peer:
    """What we are compared with. Of `measure` None, `missing` says what is not installed."""

    def __init__(self, name, measure, bar=None, missing=None):
        self.name = name
        self.measure = measure
        self.bar = bar
        self.missing = missing


class Program:
    """A program that measures on request (measures.h)."""

    def __init__(self, path, arguments=()):
        self.started_with = (path, arguments)
        self.process = subprocess.Popen(
            [path, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def measure(self, name):
        self.process.stdin.write(name + "\n")
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args[0]} ended while measuring {name}")
        return float(answer)

    def measurement(self, name):
        return lambda: self.measure(name)

    def first_measurement(self, name):
        """The same as the first thing that a process does: nothing is in its caches, and it has no memory to spare."""

        def measure():
            program = Program(*self.started_with)
            try:
                return program.measure(name)
            finally:
                program.close()

        return measure

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        for line in info:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return "unknown processor"


def machine():
    return f"{processor()}, {os.cpu_count()} cores, Linux {platform.release()}"


# What we are measured beside and with, by the name of its Debian package.
PACKAGES = """
g++ gunicorn libabsl-dev libboost-dev libevent-dev libgflags-dev libgrpc++-dev libuv1-dev nginx
python3-oslo.config python3-oslo.service uwsgi-core wrk
""".split()


def versions():
    """{name: version} of ours and of what is installed."""
    found = {"bergen": pathlib.Path(__file__).parents[2].joinpath("VERSION").read_text(encoding="utf-8").strip()}
    listed = subprocess.run(
        ["dpkg-query", "--showformat=${db:Status-Abbrev}${Package} ${Version}\n", "--show", *PACKAGES],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    ).stdout
    for line in listed.splitlines():
        if line.startswith("ii "):
            name, version = line[3:].split()
            found[name] = version
    return found


class Report:
    """The comparisons of one benchmark."""

    def __init__(self, title, rounds, calls=1, estimate="medians"):
        """A turn is so many calls in a row, of which the least counts: what is short finds the
        caches as somebody else has left them, and what else the machine does only adds. `estimate` says
        what of the rounds the numbers are, if `record` is given something else than all."""
        self.title = title
        self.rounds = rounds
        self.calls = calls
        self.estimate = estimate
        self.lines = []

    def compare(self, metric, unit, ours, peers, rounds=None):
        """Measures `ours`, a function that returns a number, beside all peers.

        A bar is the highest ratio of ours to theirs; None only informs."""
        present = [peer for peer in peers if peer.measure]
        everybody = [ours] + [peer.measure for peer in present]
        rounds = rounds or self.rounds
        results = [[] for _ in everybody]
        for number in range(rounds):
            order = list(range(len(everybody)))
            turn = number % len(order)
            for i in order[turn:] + order[:turn]:
                results[i].append(min(everybody[i]() for _ in range(self.calls)))
        theirs = {id(peer): measured for peer, measured in zip(present, results[1:])}
        for peer in peers:
            self.record(metric, unit, results[0], peer, theirs.get(id(peer)))

    def record(self, metric, unit, ours, peer, theirs):
        """Takes what was measured in turns: one number a round of each. `theirs` is None if the peer is missing."""
        ours_median = statistics.median(ours)
        if theirs is None:
            self._add(metric, unit, ours_median, peer, None, None)
            return
        ratio = statistics.median(self._ratio(a, b) for a, b in zip(ours, theirs))
        self._add(metric, unit, ours_median, peer, statistics.median(theirs), ratio)

    @staticmethod
    def _ratio(ours, theirs):
        if ours == theirs:
            return 1.0
        return ours / theirs if theirs else math.inf

    def _add(self, metric, unit, ours, peer, theirs, ratio):
        line = {
            "metric": metric,
            "unit": unit,
            "ours": float(f"{ours:.4g}"),
            "peer": peer.name,
            "theirs": None if theirs is None else float(f"{theirs:.4g}"),
            "ratio": None if ratio is None else float(f"{ratio:.3g}"),
            "bar": peer.bar,
            "holds": None if ratio is None or peer.bar is None else ratio <= peer.bar,
        }
        if theirs is None:
            line["missing"] = peer.missing
        self.lines.append(line)
        print(json.dumps(line), flush=True)

    def write_record(self, folder):
        record = {
            "title": self.title,
            "machine": machine(),
            "versions": versions(),
            "command": " ".join(["./bazelw run -c opt", f"//tests/bench:{self.title}", *(["--"] + sys.argv[1:] if sys.argv[1:] else [])]),
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            "rounds": self.rounds,
            "estimate": self.estimate,
            "lines": self.lines,
        }
        path = pathlib.Path(folder, f"{self.title}.json")
        path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    def finish(self):
        """Prints the table; the exit status is 1 if a bar does not hold."""
        if folder := os.environ.get("BERGEN_BENCH_RECORD"):
            self.write_record(folder)
        print(f"\n{self.title}: {machine()}; {self.estimate} of {self.rounds} rounds")
        print(f"{'metric':34} {'ours':>10} {'theirs':>10} unit {'ratio':>7} {'bar':>6}       peer")
        for line in self.lines:
            if line["theirs"] is None:
                print(
                    f"{line['metric']:34} {line['ours']:>10.4g} {'-':>10} {line['unit']:4} {'-':>7} {'':6}       "
                    f"{line['peer']}: not measured, {line['missing']}"
                )
                continue
            verdict = {True: "holds", False: "OVER", None: ""}[line["holds"]]
            bar = "" if line["bar"] is None else f"{line['bar']:g}"
            print(
                f"{line['metric']:34} {line['ours']:>10.4g} {line['theirs']:>10.4g} {line['unit']:4} "
                f"{line['ratio']:>7.3g} {bar:>6} {verdict:5} {line['peer']}"
            )
        return 1 if any(line["holds"] is False for line in self.lines) else 0

# SPDX-License-Identifier: Apache-2.0
"""Compares the timers of //periodic with other libraries' and with stated bounds.

    ./bazelw run -c opt //tests/bench:periodic [-- --rounds=5]

A million timers of one second each, with a callback that does nothing but say when it was called,
on one thread. They are inserted at random points of the next second, which is harder than all at its
end; those that are cancelled are the last that were inserted, in that order. `shuffled` ones are
cancelled in an order that has nothing to do with where they are in memory: that is what fetching
memory costs, and has no bar. Costs are processor time of that thread (or of the one that inserts),
lateness is from when a timer was due to when it was called, in real time: it needs a core of its own.
A peer that is called a bar is a number, not a program.
"""

import argparse
import os
import sys

import oslo_service_peer
from report import Peer, Program, Report

HERE = os.path.dirname(os.path.abspath(__file__))
MISSING = None if oslo_service_peer.eventlet else "Debian package python3-oslo.service is not installed"


def bar(value, unit):
    return Peer(f"the bar of {value:g} {unit}", lambda: value, bar=1)


def compare_costs(report, ask):
    for step in ("insert", "cancel"):
        report.compare(
            f"{step}.1000000",
            "ns",
            ask(f"ours_{step}_1000000"),
            [
                bar(15.0, "ns"),
                Peer("ourselves, 1000", ask(f"ours_{step}_1000"), bar=2),
                Peer("libuv", ask(f"uv_{step}_1000000"), bar=1),
                Peer("libevent", ask(f"event_{step}_1000000"), bar=1),
            ],
        )
        report.compare(
            f"{step}.shuffled",
            "ns",
            ask(f"ours_{step}_shuffled"),
            [Peer("libuv", ask(f"uv_{step}_shuffled")), Peer("libevent", ask(f"event_{step}_shuffled"))],
            rounds=1,
        )
        report.compare(f"{step}.other_thread", "ns", ask(f"ours_{step}_other"), [bar(100.0, "ns")])
    report.compare(
        "fire.1000000", "ns", ask("ours_fire_1000000"), [bar(500.0, "ns"), Peer("ourselves, 1000", ask("ours_fire_1000"))]
    )
    report.compare(
        "memory",
        "B",
        ask("ours_bytes"),
        [bar(64.0 + 32.0, "B, 32 of them the callback"), Peer("libuv", ask("uv_bytes"), bar=1), Peer("libevent", ask("event_bytes"), bar=1)],
        rounds=1,
    )


def compare_runs(report, ask, rounds):
    original = (lambda: oslo_service_peer.nanoseconds_per_fire(1000)) if oslo_service_peer.eventlet else None
    report.compare(
        "run.1000000.cpu",
        "ns",
        ask("ours_run_cpu"),
        [
            bar(500.0, "ns"),
            Peer("libuv", ask("uv_run_cpu"), bar=1),
            Peer("libevent", ask("event_run_cpu"), bar=1),
            Peer("oslo.service, 1000 calls", original, bar=0.1, missing=MISSING),
        ],
        rounds=rounds,
    )
    report.compare(
        "run.1000000.lateness_p99",
        "us",
        ask("ours_run_lateness"),
        [
            bar(2000.0, "us"),
            Peer("libuv", ask("uv_run_lateness"), bar=1),
            Peer("libevent", ask("event_run_lateness"), bar=1),
        ],
        rounds=rounds,
    )
    report.compare(
        "run.10.lateness_p99",
        "us",
        ask("ours_few_lateness"),
        [
            bar(200.0, "us"),
            Peer("libuv", ask("uv_few_lateness")),
            Peer("libevent", ask("event_few_lateness")),
        ],
        rounds=rounds,
    )
    report.compare(
        "idle.wake_ups", "/s", ask("ours_wake_ups"), [Peer("the bar of less than one", lambda: 1.0, bar=0)], rounds=1
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--run_rounds", type=int, default=3, help="of the runs against real time")
    options = arguments.parse_args()
    report = Report("periodic", options.rounds)
    program = Program(os.path.join(HERE, "periodic_measures"))
    compare_costs(report, program.measurement)
    compare_runs(report, program.measurement, options.run_rounds)
    program.close()
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Compares //launcher with nginx, gunicorn, uWSGI and oslo.service: how fast workers come and go.

    ./bazelw run -c opt //tests/bench:launcher [-- --rounds=9]

Everybody has 8 workers, writes a log file, and is watched from outside in the same way
(fleet.py). `idle` is a service that costs nothing, so what is measured is the launcher: the bars
are for that one. `wsgi` has an HTTP server of ours in each worker, as nginx's workers are; its
bars are that a reload takes no longer and a worker no more memory than nginx's.

start: until all are ready. replace: from SIGKILL of a worker until another is ready. reload: from
SIGHUP until all are new and ready, and the old ones gone. stop: from SIGTERM until all are gone.
memory: proportional (PSS) of an idle worker. cpu: processor time of the supervisor.

Times are real ones. Run by root, everybody measured is scheduled before (SCHED_RR) whatever else
the machine does; what that does to caches and to a virtual machine's share is still in them. A peer
that is called a bar is a number, not a program.
"""

import argparse
import importlib.util
import os
import resource
import shutil
import statistics
import sys
import time

from fleet import Fleet, Folder, is_marked, is_nginx_worker, write
from report import Peer, Report

HERE = os.path.dirname(os.path.abspath(__file__))
WORKERS = 8
MANY = (100, 300, 1000)
# Until nothing is left to do for anybody.
SETTLE_SECONDS = 0.3
PAUSE_SECONDS = 0.1
IDLE_SECONDS = 1.0
DRAIN_SECONDS = 2.0
# Fewer than what makes anybody wait before the next restart.
KILLS = 5
# What a worker costs among many, of what it costs among few. Memory that all share is cold.
LINEAR = 1.5

MILLISECONDS = ("start", "replace", "reload", "stop")

NGINX = """
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/nginx.log notice;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
  server {{ listen unix:{folder}/nginx.sock; return 200; }}
}}
"""


class Contender:
    """How to run somebody; `missing` says what is not installed."""

    def __init__(self, name, command, ready=is_marked, missing=None):
        self.name = name
        self.command = command
        self.ready = ready
        self.missing = missing

    def fleet(self, workers=WORKERS):
        return Fleet(self.command, workers, self.ready)


def ours(program, folder, workers=WORKERS, drain_seconds=0.0):
    path = os.path.join(HERE, f"launcher_{program}")
    return Contender(
        program,
        [path, f"--workers={workers}", f"--log_file={folder.name(program)}", f"--drain_seconds={drain_seconds}"],
    )


def installed(package, found):
    return None if found else f"Debian package {package} is not installed"


def oslo_service(drain_seconds=0.0):
    # Debian's interpreter is the one that has it.
    return Contender(
        "oslo.service",
        [sys.executable, os.path.join(HERE, "fleet_peer.py"), str(WORKERS), str(drain_seconds)],
        missing=installed("python3-oslo.service", importlib.util.find_spec("oslo_service")),
    )


def peers(folder):
    nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    gunicorn = shutil.which("gunicorn")
    uwsgi = shutil.which("uwsgi-core")
    configuration = folder.write("nginx.conf", NGINX.format(workers=WORKERS, folder=folder.path))
    peer = os.path.join(HERE, "fleet_peer.py")
    return [
        Contender(
            "nginx",
            [nginx, "-c", configuration, "-e", folder.name("nginx.log")],
            ready=is_nginx_worker,
            missing=installed("nginx-light", nginx),
        ),
        Contender(
            "gunicorn",
            [
                gunicorn,
                f"--workers={WORKERS}",
                f"--config={peer}",
                f"--pythonpath={HERE}",
                f"--bind=unix:{folder.name('gunicorn.sock')}",
                f"--log-file={folder.name('gunicorn.log')}",
                "fleet_peer:application",
            ],
            missing=installed("gunicorn", gunicorn),
        ),
        Contender(
            "uWSGI",
            [
                uwsgi,
                "--plugin=python3",
                "--master",
                "--die-on-term",
                f"--processes={WORKERS}",
                f"--socket={folder.name('uwsgi.sock')}",
                f"--logto={folder.name('uwsgi.log')}",
                f"--wsgi-file={peer}",
            ],
            missing=installed("uwsgi-core and uwsgi-plugin-python3", uwsgi),
        ),
        oslo_service(),
    ]


def live(contender):
    """One life, from the start to the stop: what was measured, by name."""
    with contender.fleet() as fleet:
        measured = {"start": fleet.start()}
        time.sleep(SETTLE_SECONDS)
        measured["memory"] = fleet.worker_memory() / 1e6
        measured["cpu.idle"] = fleet.supervisor_cpu(IDLE_SECONDS) / IDLE_SECONDS
        replaced = []
        for _ in range(KILLS):
            replaced.append(fleet.replace())
            time.sleep(PAUSE_SECONDS)
        measured["replace"] = statistics.median(replaced)
        measured["reload"] = fleet.reload()
        time.sleep(SETTLE_SECONDS)
        measured["stop"] = fleet.stop()
    return measured


def take_turns(contenders, rounds):
    """Lets everybody live once a round, in changing order: what was measured, by contender and name."""
    results = {contender.name: {} for contender in contenders}
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            for name, value in live(contender).items():
                results[contender.name].setdefault(name, []).append(value)
    return results


def record_lives(report, program, results, peer, bars):
    """Says how our `program` compares with `peer`."""
    for name in (*MILLISECONDS, "memory", "cpu.idle"):
        unit = {"memory": "MB", "cpu.idle": "us/s"}.get(name, "ms")
        theirs = results.get(peer.name)
        report.record(
            f"{program}.{name}",
            unit,
            results[program][name],
            Peer(peer.name, None, bars.get(name), missing=peer.missing),
            theirs and theirs[name],
        )


def compare_lives(report, folder, rounds, slow_rounds):
    nginx, *others = peers(folder)
    programs = [ours("idle", folder), ours("wsgi", folder)]
    bars = {
        "idle": {"start": 0.5, "replace": 0.5, "stop": 0.5, "reload": 1.0, "memory": 1.0},
        "wsgi": {"reload": 1.0, "memory": 1.0},
    }
    results = take_turns(programs + [nginx] * (not nginx.missing), rounds)
    for program in programs:
        record_lives(report, program.name, results, nginx, bars[program.name])
    for program in programs:
        report.record(
            f"{program.name}.cpu.idle",
            "us/s",
            results[program.name]["cpu.idle"],
            Peer("the bar of none", None, bar=0),
            [1.0] * rounds,
        )
    # These take seconds, and are nowhere near: fewer rounds do.
    results = take_turns(programs[:1] + [other for other in others if not other.missing], slow_rounds)
    for other in others:
        record_lives(report, "idle", results, other, {})


def drain_cpu(contender):
    """Microseconds a second that the supervisor uses while all workers take their time to stop."""
    with contender.fleet() as fleet:
        fleet.start()
        fleet.begin_stop()
        time.sleep(DRAIN_SECONDS / 4)
        used = fleet.supervisor_cpu(DRAIN_SECONDS / 2) / (DRAIN_SECONDS / 2)
        fleet.await_end()
    return used


def compare_draining(report, folder):
    program = ours("idle", folder, drain_seconds=DRAIN_SECONDS)
    original = oslo_service(DRAIN_SECONDS)
    report.compare(
        "idle.cpu.drain",
        "us/s",
        lambda: drain_cpu(program),
        [
            Peer("the bar of none", lambda: 1.0, bar=0),
            Peer(original.name, None if original.missing else lambda: drain_cpu(original), missing=original.missing),
        ],
        rounds=2,
    )


def live_with_many(folder, count):
    """One life with many workers: milliseconds a worker, by name; and processor time of all processes."""
    with ours("idle", folder, workers=count).fleet(count) as fleet:
        measured = {"start": fleet.start()}
        time.sleep(SETTLE_SECONDS)
        measured["reload"] = fleet.reload()
        time.sleep(SETTLE_SECONDS)
        measured["stop"] = fleet.stop()
        measured["cpu"] = fleet.total_cpu() * 1e3
    return {name: value / count for name, value in measured.items()}


def compare_many(report, folder, rounds):
    results = {count: [live_with_many(folder, count) for _ in range(rounds)] for count in MANY}
    few = MANY[0]
    for count in MANY[1:]:
        for name in ("start", "reload", "stop", "cpu"):
            report.record(
                f"idle.{count}.{name}",
                "ms",
                [measured[name] for measured in results[count]],
                Peer(f"ourselves, {few}; a worker", None, bar=LINEAR),
                [measured[name] for measured in results[few]],
            )


def look_closely():
    """Naps of the watcher end when they should, and not when it suits the kernel."""
    write("/proc/self/timerslack_ns", "1")


def go_before_others():
    """Keeps programs that compute beside us from being measured too; everybody started here inherits it."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except PermissionError:
        print("launcher: may not go before other programs, whose time is measured too", file=sys.stderr)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--slow_rounds", type=int, default=2, help="beside the peers that take seconds")
    arguments.add_argument("--many_rounds", type=int, default=3, help="with hundreds of workers")
    options = arguments.parse_args()
    # One for each worker.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    look_closely()
    go_before_others()
    report = Report("launcher", options.rounds)
    folder = Folder()
    try:
        compare_lives(report, folder, options.rounds, options.slow_rounds)
        compare_draining(report, folder)
        compare_many(report, folder, options.many_rounds)
    finally:
        folder.remove()
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

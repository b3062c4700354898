# SPDX-License-Identifier: Apache-2.0
"""Compares the backdoor's profiler with gperftools, -pg, XRay and gdb.

    ./bazelw run -c opt //tests/bench:backdoor_profiler [-- --rounds=5]

sampling: processor time of a process at work, at 99 Hz. call: what a call of a function that does
next to nothing takes longer than a plain one; -pg counts and does not time. dump: the stacks of 100 waiting threads, as text. A peer that is called a bar is a number,
not a program. Peers are compiled here, of the same source.
"""

import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time

from report import Peer, Program, Report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
OURS = os.path.join(HERE, "backdoor_profiler_measures")
GPERFTOOLS = glob.glob("/usr/lib/*/libprofiler.so.0")
THREADS = 100
XRAY = ("clang++", "-fxray-instrument", "-fxray-instruction-threshold=1")


def compare_sampling(report, folder):
    ours = Program(OURS)
    peer = None
    if GPERFTOOLS:
        settings = [f"LD_PRELOAD={GPERFTOOLS[0]}", f"CPUPROFILE={folder}/gperftools", "CPUPROFILE_FREQUENCY=99"]
        peer = Program("env", [*settings, OURS]).measurement("work")
    report.compare(
        "sampling.work",
        "ms",
        ours.measurement("sampled_work"),
        [
            Peer("not sampled", ours.measurement("work"), bar=1.01),
            Peer("gperftools", peer, missing="Debian package libgoogle-perftools4 is not installed"),
        ],
    )
    ours.close()


def compiled(folder, name, compiler, *options):
    """A measurement of the program of call_cost.cc; None without the compiler."""
    if not shutil.which(compiler):
        return None
    program = os.path.join(folder, name)
    subprocess.run(
        [compiler, "-std=c++20", "-O2", f"-I{ROOT}", "-DCALL_COST_MAIN", "-DCALL_COST_NAME=PlainCallCost", *options]
        + [os.path.join(HERE, "call_cost.cc"), "-o", program],
        check=True,
    )
    return program


def compare_calls(report, folder):
    ours = Program(OURS)

    def above_plain(measure, plain):
        return lambda: max(0.0, measure() - plain())

    own_plain = ours.measurement("plain_call")
    peers = []
    gprof = compiled(folder, "gprof", "g++", "-pg")
    if gprof:
        # It writes gmon.out where it runs.
        run = Program("env", ["-C", folder, gprof]).measurement("call")
        peers.append(Peer("-pg", above_plain(run, own_plain)))
    else:
        peers.append(Peer("-pg", None, missing="g++ is not installed"))
    xray = compiled(folder, "xray", *XRAY)
    missing = "Debian packages clang and libclang-rt-14-dev are not installed"
    xray_off = xray_on = None
    if xray:
        xray_off = above_plain(Program(xray).measurement("call"), own_plain)
        xray = compiled(folder, "xray_on", *XRAY, "-DCALL_COST_XRAY")
        xray_on = above_plain(Program(xray).measurement("call"), own_plain)
    report.compare(
        "call.off",
        "ns",
        above_plain(ours.measurement("traced_call_off"), own_plain),
        [Peer("the bar of 1 ns", lambda: 1.0, bar=1), Peer("XRay, not patched", xray_off, missing=missing)],
    )
    report.compare(
        "call.on",
        "ns",
        above_plain(ours.measurement("traced_call_on"), own_plain),
        [
            Peer("the bar of 35 ns", lambda: 35.0, bar=1),
            *peers,
            Peer("XRay, a counter and a time stamp", xray_on, missing=missing),
        ],
    )


def compare_dumps(report):
    ours = Program(OURS, [str(THREADS)])

    def gdb():
        begin = time.monotonic()
        subprocess.run(
            ["gdb", "-batch", "-p", str(ours.process.pid), "-ex", "thread apply all bt"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        return 1e3 * (time.monotonic() - begin)

    peer = gdb if shutil.which("gdb") else None
    report.compare(
        f"dump.{THREADS}",
        "ms",
        ours.measurement("dump"),
        [Peer("gdb -batch", peer, bar=1, missing="Debian package gdb is not installed")],
    )
    ours.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    report = Report("backdoor_profiler", options.rounds)
    with tempfile.TemporaryDirectory(prefix="profiler.") as folder:
        compare_sampling(report, folder)
        compare_calls(report, folder)
        compare_dumps(report)
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

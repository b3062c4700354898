# SPDX-License-Identifier: Apache-2.0
"""Compares the backdoor's gRPC door with a plain gRPC server that does nothing but echo.

    ./bazelw run -c opt //tests/bench:backdoor [-- --rounds=5]

p50: median time of a call that is alone, there and back; with TLS both ends have a terminator, as
bergenctl has. cpu: processor time of the server's process for a call, of 64 that the client has
under way on one connection, of which our door takes 32 at once. The peer speaks gRPC over a unix
socket without TLS, roles, or a command table.
"""

import argparse
import os
import sys

from report import Peer, Program, Report

HERE = os.path.dirname(os.path.abspath(__file__))
ECHO = "plain gRPC echo, unix socket"


def compare_rpc(report):
    program = Program(os.path.join(HERE, "backdoor_rpc_measures"))
    for measure, bar in (("cpu", 1.5), ("p50", 1.4)):
        echo = program.measurement(f"echo_{measure}")
        report.compare(f"execute.tls.{measure}", "us", program.measurement(f"tls_{measure}"), [Peer(ECHO, echo, bar=bar)])
        report.compare(f"execute.unix.{measure}", "us", program.measurement(f"unix_{measure}"), [Peer(ECHO, echo)])
    program.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    options = arguments.parse_args()
    report = Report("backdoor", options.rounds)
    compare_rpc(report)
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

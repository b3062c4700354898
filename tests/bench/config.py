# SPDX-License-Identifier: Apache-2.0
"""Compares //config with other libraries of options.

    ./bazelw run -c opt //tests/bench:config [-- --rounds=11]

Times are processor time of the one thread that works. Loading is the first thing that a
process does, ours and theirs, as when a service starts. It begins with options that exist as
objects, and ends when values can be read: registered, read from the file, parsed to their
types, checked, published; "one by one" makes each option as well. Boost's read_ini
stops at strings in a tree. oslo.config's parse call is `conf(arguments)` with a file, and does
less than our loading: options are registered before it, and a value gets its type when it is
first read. Its grammar alone stops at strings in a dict; that figure has no bar.
"""

import argparse
import os
import sys
import tempfile

import oslo_config_peer
from report import Peer, Program, Report

SOME = 10000
MANY = 100000
GROUP_SIZE = oslo_config_peer.GROUP_SIZE
HERE = os.path.dirname(os.path.abspath(__file__))


def write_file(path, count, changed_every=0):
    """Values of five types. Some differ from those of a file with another argument."""
    with open(path, "w", encoding="ascii") as file:
        for i in range(count):
            if i % GROUP_SIZE == 0:
                file.write(f"\n[group_{i // GROUP_SIZE}]\n")
            number = i + 1 if changed_every and i % changed_every == 1 else i
            values = (f"value of option {number}", number, "true", number / 4, f"a{number},b,c")
            file.write(f"option_{i} = {values[i % len(values)]}\n")
    return path


def compare_reads(report, program):
    ask = program.measurement
    report.compare(
        "read.integer",
        "ns",
        ask("handle_integer"),
        [
            Peer("raw gflags variable", ask("gflags_variable"), bar=1.2),
            Peer("absl::GetFlag<int>", ask("absl_integer")),
        ],
    )
    report.compare(
        "read.string", "ns", ask("handle_string"), [Peer("absl::GetFlag<string>", ask("absl_string"), bar=0.1)]
    )
    report.compare(
        "read.by_name",
        "ns",
        ask("find_integer"),
        [Peer("gflags::GetCommandLineOption", ask("gflags_find"), bar=0.15)],
    )
    report.compare("read.snapshot", "ns", ask("snapshot_integer"), [Peer("raw gflags variable", ask("gflags_variable"))])
    report.compare(
        "take_snapshot",
        "ns",
        ask("take_snapshot"),
        [Peer("std::atomic<shared_ptr>", ask("atomic_shared_ptr")), Peer("mutex and shared_ptr", ask("mutex"))],
    )
    report.compare(
        "take_snapshot.two_readers",
        "ns",
        ask("take_snapshot_two"),
        [
            Peer("std::atomic<shared_ptr>, two readers", ask("atomic_shared_ptr_two")),
            Peer("mutex and shared_ptr, two readers", ask("mutex_two")),
        ],
    )
    for kind in ("integer", "string"):
        one = ask(f"handle_{kind}")
        report.compare(
            f"read.{kind}.two_readers", "ns", ask(f"handle_{kind}_two"), [Peer("ourselves, one reader", one, bar=1.2)]
        )
        report.compare(
            f"read.{kind}.during_mutates", "ns", ask(f"handle_{kind}_mutating"), [Peer("ourselves, idle", one, bar=1.2)]
        )


def compare_loads(report, program, files):
    first = program.first_measurement
    has_oslo = oslo_config_peer.cfg is not None
    missing = None if has_oslo else "Debian package python3-oslo.config is not installed"
    mutating = oslo_config_peer.Mutating(SOME, *files[2:]) if has_oslo else None

    def original(measure):
        return measure if has_oslo else None

    def first_of_original(function):
        return original(lambda: oslo_config_peer.first(function, SOME, files[0]))

    grammar = first_of_original(oslo_config_peer.parse)
    call = first_of_original(oslo_config_peer.call)
    all_of_it = first_of_original(oslo_config_peer.register_and_load)
    # Making the options is no part of loading them: there is no bar for both together.
    for metric, name, bars in (
        (f"load.{SOME}", "load_10000", (1.5, 0.1)),
        (f"load.{SOME}.one_by_one", "load_one_by_one_10000", (None, None)),
    ):
        report.compare(
            metric,
            "ms",
            first(name),
            [
                Peer("Boost's read_ini alone", first("read_ini_10000"), bar=bars[0]),
                Peer("oslo.config's parse call", call, bar=bars[1], missing=missing),
                Peer("oslo.config's grammar alone", grammar, missing=missing),
                Peer("oslo.config, the same work", all_of_it, missing=missing),
            ],
        )
    report.compare(
        f"load.{MANY}",
        "ms",
        first("load_100000"),
        [
            Peer(f"ourselves, {SOME}", first("load_10000"), bar=11),
            Peer("Boost's read_ini alone", first("read_ini_100000")),
        ],
    )
    report.compare(
        f"mutate.{SOME}",
        "ms",
        program.measurement("mutate_10000"),
        [Peer("oslo.config's", original(lambda: mutating.mutate()), bar=0.1, missing=missing)],
    )
    report.compare("flags.4000", "ms", first("flags_4000"), [Peer("ourselves, 1000", first("flags_1000"), bar=4.4)])
    report.compare(
        "read.integer",
        "ns",
        program.measurement("handle_integer"),
        [Peer("oslo.config's attribute", original(lambda: mutating.attribute()), missing=missing)],
    )


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=11)
    options = arguments.parse_args()
    report = Report("config", options.rounds, calls=3)
    with tempfile.TemporaryDirectory() as folder:
        files = [
            write_file(os.path.join(folder, name), count, every)
            for name, count, every in (("some", SOME, 0), ("many", MANY, 0), ("one", SOME, 0), ("other", SOME, 100))
        ]
        program = Program(os.path.join(HERE, "config_measures"), files)
        compare_reads(report, program)
        compare_loads(report, program, files)
        program.close()
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

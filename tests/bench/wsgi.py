# SPDX-License-Identifier: Apache-2.0
"""Compares //wsgi with nginx, uWSGI, gunicorn, oslo.service and a bare epoll loop: what a request costs.

    ./bazelw run -c opt //tests/bench:wsgi [-- --rounds=5 --seconds=3]
    ./bazelw run -c opt //tests/bench:wsgi -- --rounds=1 --seconds=1 --idle=1000 --megabytes=64   # short

Names are MODE.CONNECTIONS.WORKERS.WHAT: the application runs on the thread that waits (inline) or on
those of the pool. cpu: processor time of the server a request, by wrk. period: real time a request, the
inverse of requests a second. p99: latency. Everybody takes a turn in each round, and the least of all
rounds counts: what else the machine does only adds.
"""

import argparse
import os
import resource
import shutil
import socket
import sys
import time

from fleet import Folder
from http_servers import PIPELINE, Servers, h2load, run_load, wrk
from report import Peer, Report

CONNECTIONS = (64, 1000)
WORKERS = (1, 2)
INLINE_OF_EPOLL = 1.10
INLINE_OF_NGINX = 0.95
POOL_OF_NGINX = 1.6
PIPELINED_US = 2.5
IDLE_KIB = 4.0
GROWTH_MB = 1.0
HTTP2_OF_NGINX = 1 / 0.8
H2LOAD_A_SECOND = 50000


def take_turns(contenders, rounds, measure):
    """By contender, what `measure` has returned in all rounds."""
    results = {contender.name: [] for contender in contenders}
    for number in range(rounds):
        turn = number % len(contenders)
        for contender in contenders[turn:] + contenders[:turn]:
            with contender.run() as server:
                result = measure(server)
                if result is not None:
                    results[contender.name].append(result)
    return results


def least(results, value):
    """The least `value` of the results of one contender; nothing if there are none."""
    return [min(value(result) for result in results)] if results else None


def compare_requests(report, servers, options, workers, connections):
    ours = [servers.ours(workers, inline=True), servers.ours(workers, inline=False)]
    nginx = servers.nginx(workers)
    present = ours + ([servers.epoll()] if workers == 1 else []) + [nginx] * (not nginx.missing)
    results = take_turns(present, options.rounds, lambda server: wrk(server, connections, options.seconds))
    for program in ours:
        name = f"{program.name}.{connections}.{workers}"
        inline = program.name == "inline"
        mine = results[program.name]

        def record(what, unit, value, peer, bar=None, missing=None):
            report.record(
                f"{name}.{what}",
                unit,
                least(mine, value),
                Peer(peer, None, bar, missing=missing),
                least(results.get(peer), value),
            )

        if workers == 1:
            bar = INLINE_OF_EPOLL if inline else None
            record("cpu", "us", lambda r: r.cpu_us, "bare epoll loop", bar)
        bar = INLINE_OF_NGINX if inline else POOL_OF_NGINX
        record("cpu", "us", lambda r: r.cpu_us, "nginx", bar, nginx.missing)
        bar = 1.0 if inline else None
        record("period", "us", lambda r: 1e6 / r.rate, "nginx", bar, nginx.missing)
        record("p99", "ms", lambda r: r.p99_ms, "nginx", bar, nginx.missing)


def compare_slow(report, servers, options):
    """With those that are nowhere near: one worker, 64 connections."""
    pool = servers.ours(inline=False)
    peers = [servers.uwsgi(), servers.gunicorn(), servers.oslo_service()]
    present = [pool] + [peer for peer in peers if not peer.missing]
    results = take_turns(
        present, options.slow_rounds, lambda server: wrk(server, 64, options.seconds, strict=False)
    )
    for peer in peers:
        report.record(
            "pool.64.1.cpu",
            "us",
            least(results["pool"], lambda r: r.cpu_us),
            Peer(peer.name, None, missing=peer.missing or "it answers nothing"),
            least(results.get(peer.name), lambda r: r.cpu_us),
        )


def compare_pipelined(report, servers, folder, options):
    script = folder.write("pipeline.lua", PIPELINE)
    nginx = servers.nginx()
    ours = [servers.ours(inline=True), servers.ours(inline=False)]
    results = take_turns(
        ours + [nginx] * (not nginx.missing),
        options.rounds,
        lambda server: wrk(server, 64, options.seconds, script=script),
    )
    for program in ours:
        name = f"{program.name}.pipelined.cpu"
        mine = least(results[program.name], lambda r: r.cpu_us)
        report.record(name, "us", mine, Peer("what is allowed", None, 1.0), [PIPELINED_US])
        report.record(
            name,
            "us",
            mine,
            Peer(nginx.name, None, missing=nginx.missing),
            least(results.get(nginx.name), lambda r: r.cpu_us),
        )


class Transfer:
    """A large body: real seconds, and megabytes that the server has grown."""

    def __init__(self, server, *arguments):
        before = server.memory()
        begin = time.perf_counter()
        _, cpu_us = run_load(server, ["curl", "-sSf", *arguments])
        self.seconds = time.perf_counter() - begin
        self.cpu_seconds = cpu_us / 1e6
        self.growth = max(0, server.memory() - before) / 1e6


def compare_transfers(report, servers, folder, options):
    name = folder.name("large")
    with open(name, "wb") as file:
        for _ in range(options.megabytes):
            file.write(os.urandom(1 << 20))
    nginx = servers.nginx()
    pool = servers.ours(inline=False)

    def download(server):
        return Transfer(server, "-o", "/dev/null", f"{server.url}large")

    def upload(server):
        return Transfer(server, "-o", "/dev/null", "-H", "Expect:", "-T", name, f"{server.url}upload")

    results = take_turns([pool] + [nginx] * (not nginx.missing), options.rounds, download)
    for what, unit, value, bar in (
        ("download", "s", lambda t: t.seconds, 1.0),
        ("download.cpu", "s", lambda t: t.cpu_seconds, None),
    ):
        report.record(
            f"pool.{what}",
            unit,
            least(results["pool"], value),
            Peer(nginx.name, None, bar, missing=nginx.missing),
            least(results.get(nginx.name), value),
        )
    uploads = take_turns([pool], options.rounds, upload)["pool"]
    report.record(
        "pool.upload",
        "s",
        least(uploads, lambda t: t.seconds),
        Peer("ourselves, download", None),
        least(results["pool"], lambda t: t.seconds),
    )
    for what, transfers in (("download", results["pool"]), ("upload", uploads)):
        report.record(
            f"pool.{what}.growth",
            "MB",
            [max(t.growth for t in transfers)],
            Peer("what is allowed", None, 1.0),
            [GROWTH_MB],
        )
    os.unlink(name)


def kibibytes_idle(server, count, connect):
    """What a connection costs that has had an answer and waits."""
    clients = [connect(server) for _ in range(count // 10)]  # What grows once is there.
    before = server.memory()
    clients += [connect(server) for _ in range(count)]
    grown = server.memory() - before
    for client in clients:
        client.close()
    return grown / count / 1024


def get(client):
    client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"Hello, world!"):
        piece = client.recv(4096)
        if not piece:
            raise RuntimeError("a server has closed a connection")
        answer += piece
    return client


def compare_idle(report, servers, options):
    def connect(server):
        return get(socket.create_connection(("127.0.0.1", server.port)))

    nginx = servers.nginx()
    ours = [servers.ours(inline=True), servers.ours(inline=False)]
    results = take_turns(
        ours + [nginx] * (not nginx.missing), 1, lambda server: kibibytes_idle(server, options.idle, connect)
    )
    for program in ours:
        name = f"{program.name}.idle.memory"
        mine = results[program.name]
        report.record(name, "KiB", mine, Peer("what is allowed", None, 1.0), [IDLE_KIB])
        report.record(name, "KiB", mine, Peer(nginx.name, None, missing=nginx.missing), results.get(nginx.name))


def compare_http2(report, servers, options, tls=None):
    """By prior knowledge, or with TLS."""
    if not shutil.which("h2load"):
        print("not measured: HTTP/2, Debian package nghttp2-client is not installed", file=sys.stderr)
        return
    nginx = servers.nginx(tls=tls, http2=True)
    ours = [servers.ours(inline=inline, tls=tls, http2=True) for inline in (True, False)]
    results = take_turns(
        ours + [nginx] * (not nginx.missing),
        options.rounds,
        lambda server: h2load(server, H2LOAD_A_SECOND * options.seconds),
    )
    for program in ours:
        for what, value, bar in (
            ("period", lambda r: 1e6 / r.rate, HTTP2_OF_NGINX),
            ("cpu", lambda r: r.cpu_us, None),
        ):
            report.record(
                f"{program.name}.http2.{what}",
                "us",
                least(results[program.name], value),
                Peer(nginx.name, None, bar if program.name == "inline" else None, missing=nginx.missing),
                least(results.get(nginx.name), value),
            )


def raise_limits():
    """Each connection needs two descriptors, here and there."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def parse_arguments(what, **more):
    arguments = argparse.ArgumentParser(description=what)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=3)
    arguments.add_argument("--idle", type=int, default=10000, help="connections that wait")
    arguments.add_argument("--only", default="", help="comma-separated parts to measure")
    for name, default in more.items():
        arguments.add_argument(f"--{name}", type=int, default=default)
    options = arguments.parse_args()
    options.only = set(filter(None, options.only.split(",")))
    return options


def run_parts(parts, options):
    """Those that were asked for, or all."""
    unknown = options.only - set(parts)
    if unknown:
        sys.exit(f"--only: no such part: {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for name, part in parts.items():
        if not options.only or name in options.only:
            part()


def main():
    options = parse_arguments(__doc__.splitlines()[0], slow_rounds=1, megabytes=1024)
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian package wrk)")
    raise_limits()
    report = Report("wsgi", options.rounds, estimate="minima")
    folder = Folder()
    servers = Servers(folder)

    def requests():
        for workers in WORKERS:
            for connections in CONNECTIONS:
                compare_requests(report, servers, options, workers, connections)

    try:
        run_parts(
            {
                "requests": requests,
                "slow": lambda: compare_slow(report, servers, options),
                "pipelined": lambda: compare_pipelined(report, servers, folder, options),
                "transfers": lambda: compare_transfers(report, servers, folder, options),
                "idle": lambda: compare_idle(report, servers, options),
                "http2": lambda: compare_http2(report, servers, options),
            },
            options,
        )
    finally:
        folder.remove()
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

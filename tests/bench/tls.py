# SPDX-License-Identifier: Apache-2.0
"""Compares TLS of //wsgi with nginx and oslo.service: what handshakes and requests cost the server.

    ./bazelw run -c opt //tests/bench:tls [-- --rounds=5 --seconds=3]
    ./bazelw run -c opt //tests/bench:tls -- --rounds=1 --seconds=1 --idle=200   # short

cpu: processor time of the server. full: TCP connection, TLS 1.3 handshake, one request, end; resumed:
the same with the session of the visit before; both by Python's ssl, so the server is never busy. delayed:
a visit with Nagle's algorithm on, in real time. kept: a request on a connection that lives, by wrk. The application runs on the thread that waits. The least
of all rounds counts: what else the machine does only adds.
"""

import shutil
import socket
import ssl
import subprocess
import sys
import time

from fleet import Folder
from http_servers import Servers, wrk
from report import Peer, Report
from wsgi import compare_http2, get, kibibytes_idle, least, parse_arguments, raise_limits, run_parts, take_turns

HANDSHAKE_OF_NGINX = 0.75
KEPT_OF_NGINX = 0.95
# Most of it is the client's own; an acknowledgement that is not sent at once makes it ten times.
DELAYED_OF_NGINX = 1.2
IDLE_KIB = 20.0
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEYS = {
    "p256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "rsa2048": ("-newkey", "rsa:2048"),
}


def issue(folder, kind):
    """A certificate and its key."""
    pair = (folder.name(f"{kind}.crt"), folder.name(f"{kind}.key"))
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-days", "1", "-subj", "/CN=bench", *KEYS[kind]]
        + ["-out", pair[0], "-keyout", pair[1]],
        check=True,
        capture_output=True,
    )
    return pair


def new_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def visit(server, context, session=None, delay=False):
    """One request on a connection of its own; the next session. `delay`: with Nagle's algorithm."""
    plain = socket.create_connection(("127.0.0.1", server.port))
    if not delay:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with context.wrap_socket(plain, session=session) as client:
        client.sendall(REQUEST)
        while client.recv(4096):
            pass
        if session is not None and not client.session_reused:
            raise RuntimeError(f"{server.url}: a session was not resumed")
        return client.session


def visits(server, seconds, resume):
    """Microseconds of the server for each."""
    context = new_context()
    session = visit(server, context) if resume else None
    before = server.cpu_us()
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        next_session = visit(server, context, session)
        if resume:
            session = next_session
        count += 1
    return (server.cpu_us() - before) / count


def compare_visits(report, servers, options, kind, pair):
    ours = servers.ours(tls=pair)
    peers = [servers.nginx(tls=pair), servers.oslo_service(tls=pair)]
    present = [ours] + [peer for peer in peers if not peer.missing]
    for what, resume in (("full", False), ("resumed", True)):
        # oslo.service keeps no sessions.
        able = [one for one in present if not resume or one.name != "oslo.service"]
        results = take_turns(able, options.rounds, lambda server: visits(server, options.seconds, resume))
        for peer in peers:
            if peer not in able and not peer.missing:
                continue
            bar = HANDSHAKE_OF_NGINX if peer.name == "nginx" and kind == "p256" else None
            report.record(
                f"{kind}.{what}.cpu",
                "us",
                least(results[ours.name], float),
                Peer(peer.name, None, bar, missing=peer.missing),
                least(results.get(peer.name), float),
            )


def delayed_visit(server, seconds):
    """Real milliseconds for each, with a client that waits for acknowledgements."""
    context = new_context()
    begin = time.monotonic()
    count = 0
    while time.monotonic() < begin + seconds:
        visit(server, context, delay=True)
        count += 1
    return (time.monotonic() - begin) * 1e3 / count


def compare_delayed(report, servers, options, pair):
    ours = servers.ours(tls=pair)
    nginx = servers.nginx(tls=pair)
    results = take_turns(
        [ours] + [nginx] * (not nginx.missing), options.rounds, lambda server: delayed_visit(server, options.seconds)
    )
    report.record(
        "delayed.period",
        "ms",
        least(results[ours.name], float),
        Peer(nginx.name, None, DELAYED_OF_NGINX, missing=nginx.missing),
        least(results.get(nginx.name), float),
    )


def compare_kept(report, servers, options, pair):
    ours = servers.ours(tls=pair)
    peers = [servers.nginx(tls=pair), servers.oslo_service(tls=pair)]
    present = [ours] + [peer for peer in peers if not peer.missing]
    results = take_turns(present, options.rounds, lambda server: wrk(server, 64, options.seconds, strict=False))
    for peer in peers:
        report.record(
            "kept.64.cpu",
            "us",
            least(results[ours.name], lambda r: r.cpu_us),
            Peer(peer.name, None, KEPT_OF_NGINX if peer.name == "nginx" else None, missing=peer.missing),
            least(results.get(peer.name), lambda r: r.cpu_us),
        )


def compare_idle(report, servers, options, pair):
    context = new_context()

    def connect(server):
        return get(context.wrap_socket(socket.create_connection(("127.0.0.1", server.port))))

    ours = servers.ours(tls=pair)
    nginx = servers.nginx(tls=pair)
    results = take_turns(
        [ours] + [nginx] * (not nginx.missing), 1, lambda server: kibibytes_idle(server, options.idle, connect)
    )
    mine = results[ours.name]
    # BoringSSL's own part is in it.
    report.record("idle.memory", "KiB", mine, Peer("what is allowed", None, 1.0), [IDLE_KIB])
    report.record("idle.memory", "KiB", mine, Peer(nginx.name, None, missing=nginx.missing), results.get(nginx.name))


def main():
    options = parse_arguments(__doc__.splitlines()[0])
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian package wrk)")
    raise_limits()
    report = Report("tls", options.rounds, estimate="minima")
    folder = Folder()
    servers = Servers(folder)
    pairs = {kind: issue(folder, kind) for kind in KEYS}
    pair = pairs["p256"]
    try:
        run_parts(
            {
                "visits": lambda: [compare_visits(report, servers, options, *one) for one in pairs.items()],
                "delayed": lambda: compare_delayed(report, servers, options, pair),
                "kept": lambda: compare_kept(report, servers, options, pair),
                "idle": lambda: compare_idle(report, servers, options, pair),
                "http2": lambda: compare_http2(report, servers, options, tls=pair),
            },
            options,
        )
    finally:
        folder.remove()
    sys.exit(report.finish())


if __name__ == "__main__":
    main()

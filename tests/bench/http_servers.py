# SPDX-License-Identifier: Apache-2.0
"""HTTP servers, ours and the peers', started and watched in the same way.

    servers = Servers(folder)
    with servers.ours(workers=1, inline=True).run() as server:
        requests = wrk(server, connections=64, seconds=3)
        print(requests.cpu_us, requests.rate, requests.p99_ms)

All answer `/` with the same 13 bytes and write no access log. With one worker a server has the first
core and whoever loads it the second; otherwise both have both. What counts is the processor time (user
and system, from /proc) of all processes of a server, which hardly depends on what else the machine does.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

from fleet import proportional_bytes, read

# Of the program: an imported module is found in the source tree, where no binaries are.
HERE = os.path.dirname(os.path.abspath(sys.argv[0]))
START_SECONDS = 20.0
NAP = 0.02

NGINX = """
{user}
daemon off;
worker_processes {workers};
worker_rlimit_nofile 50000;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  sendfile on;
  keepalive_requests 1000000000;
  keepalive_timeout 1000;
  client_max_body_size 0;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  scgi_temp_path {folder}/scgi;
  uwsgi_temp_path {folder}/uwsgi;
  server {{
    listen 127.0.0.1:{port} {listen};
    ssl_protocols TLSv1.2 TLSv1.3;
    {tls}
    location = / {{ default_type text/plain; return 200 "Hello, world!"; }}
    location / {{ root {folder}; }}
  }}
}}
"""

PIPELINE = """
init = function(args)
  local all = {}
  for i = 1, 16 do all[i] = wrk.format("GET", "/") end
  whole = table.concat(all)
end
request = function() return whole end
"""


def pin_to(core):
    """For preexec_fn: stays on one core, if there are two. None: on all."""
    cores = sorted(os.sched_getaffinity(0))
    if core is not None and len(cores) > 1:
        os.sched_setaffinity(0, {cores[core]})


def family_of(pid):
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                found += [int(child) for child in read(f"/proc/{parent}/task/{task}/children").split()]
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Running:
    """A server that answers."""

    def __init__(self, process, port, scheme, pinned):
        self.pid = process.pid
        self.port = port
        self.scheme = scheme
        self.pinned = pinned

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}/"

    def cpu_us(self):
        """Microseconds of processor time that all threads of all its processes have used."""
        nanoseconds = 0
        for pid in family_of(self.pid):
            with contextlib.suppress(OSError):
                for task in os.listdir(f"/proc/{pid}/task"):
                    nanoseconds += int((read(f"/proc/{pid}/task/{task}/schedstat") or "0").split()[0])
        return nanoseconds / 1e3

    def memory(self):
        """Proportional bytes of all its processes."""
        return sum(proportional_bytes(pid) for pid in family_of(self.pid))


class Contender:
    """How to run a server; `missing` says what is not installed. `command` is made of a port, or is
    one that prints its port."""

    def __init__(self, name, command, port=None, tls=False, http2=False, workers=1, missing=None):
        self.name = name
        self.command = command
        self.port = port
        self.scheme = "https" if tls else "http"
        # nginx speaks only one of the two on a plain socket.
        self.ask = ["curl", "-sk", *(["--http2-prior-knowledge"] if http2 and not tls else [])]
        self.pinned = workers == 1
        self.missing = missing

    @contextlib.contextmanager
    def run(self):
        process = subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self.port is None else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: pin_to(0 if self.pinned else None),
        )
        try:
            port = int(process.stdout.readline()) if self.port is None else self.port
            self._await_answer(process, port)
            yield Running(process, port, self.scheme, self.pinned)
        finally:
            # The session is the server's own.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()

    def _await_answer(self, process, port):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                subprocess.run(
                    [*self.ask, "-o", "/dev/null", f"{self.scheme}://127.0.0.1:{port}/"],
                    check=True,
                )
                return
            except subprocess.CalledProcessError:
                if process.poll() is not None:
                    break
                time.sleep(NAP)
        raise RuntimeError(f"{self.name} does not answer: {' '.join(map(str, self.command))}")


class Servers:
    """The contenders. `tls` is a pair of files, certificate and key."""

    def __init__(self, folder):
        self.folder = folder

    def ours(self, workers=1, inline=True, tls=None, http2=False):
        command = [
            os.path.join(HERE, "wsgi_server"),
            f"--workers={workers}",
            f"--inline_app={str(inline).lower()}",
            f"--http2={str(http2).lower()}",
            f"--directory={self.folder.path}",
        ]
        if tls:
            command += [f"--cert_file={tls[0]}", f"--key_file={tls[1]}"]
        return Contender("inline" if inline else "pool", command, tls=bool(tls), workers=workers)

    def epoll(self):
        return Contender("bare epoll loop", [os.path.join(HERE, "engine_servers", "engine_epoll")])

    def nginx(self, workers=1, tls=None, http2=False):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
        port = free_port()
        configuration = self.folder.write(
            f"nginx.{port}.conf",
            NGINX.format(
                # Or nobody, who may not read the folder.
                user="user root root;" if os.geteuid() == 0 else "",
                workers=workers,
                folder=self.folder.path,
                port=port,
                listen=("ssl " if tls else "") + ("http2" if http2 else ""),
                tls=f"ssl_certificate {tls[0]}; ssl_certificate_key {tls[1]};" if tls else "",
            ),
        )
        return Contender(
            "nginx",
            [program, "-c", configuration, "-e", self.folder.name("nginx.log")],
            port=port,
            tls=bool(tls),
            http2=http2,
            workers=workers,
            missing=missing("nginx-light", program),
        )

    def uwsgi(self, workers=1):
        program = shutil.which("uwsgi-core")
        port = free_port()
        return Contender(
            "uWSGI",
            [program, "--plugin=python3", "--master", "--disable-logging", f"--processes={workers}"]
            + [f"--http-socket=127.0.0.1:{port}", f"--wsgi-file={HERE}/wsgi_peer.py", "--listen=100"],
            port=port,
            workers=workers,
            missing=missing("uwsgi-core and uwsgi-plugin-python3", program),
        )

    def gunicorn(self, workers=1):
        program = shutil.which("gunicorn")
        port = free_port()
        return Contender(
            "gunicorn",
            [program, f"--workers={workers}", "--worker-class=gthread", "--threads=4"]
            + ["--keep-alive=60", f"--pythonpath={HERE}", f"--bind=127.0.0.1:{port}", "wsgi_peer:application"],
            port=port,
            workers=workers,
            missing=missing("gunicorn", program),
        )

    def oslo_service(self, workers=1, tls=None):
        port = free_port()
        return Contender(
            "oslo.service",
            # Debian's interpreter is the one that has it.
            [sys.executable, f"{HERE}/wsgi_peer.py", str(port), str(workers), *(tls or ())],
            port=port,
            tls=bool(tls),
            workers=workers,
            missing=missing("python3-oslo.service", importlib.util.find_spec("oslo_service")),
        )


def missing(package, found):
    return None if found else f"Debian package {package} is not installed"


class Requests:
    """What a load generator said, and what the server used meanwhile."""

    def __init__(self, cpu_us, rate, p99_ms=None):
        self.cpu_us = cpu_us  # A request.
        self.rate = rate  # A second.
        self.p99_ms = p99_ms


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[unit]


def run_load(server, command):
    """The output of a load generator, and the microseconds that the server used."""
    before = server.cpu_us()
    output = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
        preexec_fn=lambda: pin_to(1 if server.pinned else None),
    ).stdout
    return output, server.cpu_us() - before


def wrk(server, connections, seconds, script=None, strict=True):
    """`strict`: errors end the benchmark, as those of peers that cannot keep up need not."""
    script = ["-s", script] if script else []
    output, used = run_load(
        server,
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", *script, server.url],
    )
    if strict and ("Socket errors" in output or "Non-2xx" in output):
        sys.exit(f"{server.url}: wrk reports errors:\n{output}")
    count = int(re.search(r"(\d+) requests in", output).group(1))
    if count == 0:
        return None
    return Requests(
        used / count,
        float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1)),
        milliseconds(re.search(r"^\s+99%\s+(\S+)$", output, re.M).group(1)),
    )


def h2load(server, requests):
    """One connection with 100 streams at once."""
    output, used = run_load(server, ["h2load", "-c1", "-m100", "-t1", f"-n{requests}", server.url])
    if f"{requests} succeeded" not in output:
        sys.exit(f"{server.url}: h2load reports errors:\n{output}")
    return Requests(used / requests, float(re.search(r"([\d.]+) req/s", output).group(1)))

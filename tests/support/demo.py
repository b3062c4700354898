# SPDX-License-Identifier: Apache-2.0
"""Starts //examples/demo for a test, and ends it and all of its workers afterwards.

    with Demo("--workers=2", settings={"demo.greeting": "hi"}) as demo:
        assert demo.get("/").text == "hi\n"
"""

import collections
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

# Tests get these from here too.
from tests.support.lines import DEADLINE, Lines, children_of, wait_gone

Response = collections.namedtuple("Response", "status text headers")


def binary():
    return os.path.join(os.environ["TEST_SRCDIR"], "bergen/examples/demo/demo")


class Demo:
    """One demo with its own folder and ports, which it lets the kernel choose.

    `settings` are option values, GROUP.NAME to text. They are written to `config`, a file
    that a test may rewrite with `configure` before it sends SIGHUP. `prefix` is a command that
    runs the rest of the line.
    """

    def __init__(
        self, *arguments, settings=None, environment=None, wait=True, prefix=(), pass_fds=()
    ):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="demo.", dir="/tmp"))
        self.config = self.folder / "demo.conf"
        self.settings = {
            "demo.bind_port": "0",
            "DEFAULT.backdoor_port": "0",
            "demo.grpc_listen": f"unix:{self.folder}/grpc.sock",
        }
        self.settings.update(settings or {})
        self.configure()
        # A name of its own, so that a test can put another program in its place.
        self.program = self.folder / "demo"
        self.program.symlink_to(binary())
        self.process = subprocess.Popen(
            [*prefix, str(self.program), f"--config_file={self.config}", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "TMPDIR": str(self.folder), **(environment or {})},
            start_new_session=True,
            pass_fds=pass_fds,
        )
        self.output = Lines(self.process.stdout)
        self.log = Lines(self.process.stderr)
        if wait:
            self.log.wait_for("phase: running")
            self.where()

    def where(self):
        """Waits until the demo has said where it listens."""
        where = self.output.wait_for(r"listening on (https?)://(.+):(\d+)")[0]
        self.scheme, self.host, self.port = where[1], where[2].strip("[]"), int(where[3])

    def configure(self, **changes):
        """Writes the configuration file; `demo__greeting="hi"` sets demo.greeting."""
        for name, value in changes.items():
            self.settings[name.replace("__", ".")] = value
        groups = collections.defaultdict(list)
        for name, value in self.settings.items():
            group, _, option = name.partition(".")
            if value is not None:
                groups[group].append(f"{option} = {value}\n")
        text = "".join(f"[{group}]\n{''.join(lines)}" for group, lines in groups.items())
        new = self.config.with_suffix(".new")
        new.write_text(text)
        new.rename(self.config)

    def replace_program(self, script):
        """What SIGUSR2 starts from now on is this shell script; None: the demo again."""
        new = self.program.with_suffix(".new")
        if script is None:
            new.symlink_to(binary())
        else:
            new.write_text(f"#!/bin/sh\n{script}\n")
            new.chmod(0o700)
        new.rename(self.program)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(DEADLINE)

    def connect(self, tls=None):
        """`tls` is the ssl.SSLContext of a client, if the demo serves TLS."""
        if tls is None:
            return http.client.HTTPConnection(self.host, self.port, timeout=DEADLINE)
        return http.client.HTTPSConnection(self.host, self.port, timeout=DEADLINE, context=tls)

    def request(self, method, path, body=None, headers=None, connection=None):
        own = connection is None
        connection = connection or self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, answer.read().decode("latin-1"), answer.headers)
        finally:
            if own:
                connection.close()

    def get(self, path, connection=None):
        return self.request("GET", path, connection=connection)

    def workers(self):
        """Pids of the processes that the demo has forked."""
        return children_of(self.process.pid)

    def backdoor_ports(self, count):
        """Where the backdoors of workers 0 to `count` - 1 listen."""

        def all_listen(text):
            found = dict(re.findall(r"worker (\d+): backdoor listening on \S*:(\d+)", text))
            return [int(found[str(n)]) for n in range(count)] if len(found) >= count else None

        return self.log.wait_until(all_listen, f"want {count} backdoors")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        try:
            # The session is the demo's own: nobody else's processes are in it.
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        self.output.close()
        self.log.close()
        if kind is not None:
            print(self.log.text())
        shutil.rmtree(self.folder, ignore_errors=True)


def connect_localhost(port):
    """As nc does: each address of localhost in turn."""
    return socket.create_connection(("localhost", port), timeout=DEADLINE)

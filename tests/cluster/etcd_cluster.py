# SPDX-License-Identifier: Apache-2.0
"""Debian's etcd as a cluster on loopback, for a test.

    with EtcdCluster(members=3) as cluster:
        connect(cluster.target)
        cluster.kill(0)
        cluster.start(0)
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile

# Elections are quick, so that tests are.
HEARTBEAT_MS = 50
ELECTION_MS = 500


# Below those that the system gives to outgoing connections: a port of a member that is down must
# not be taken by a client, perhaps one that looks for this very member.
PORTS = range(15000, 32000)


def free_ports(count):
    ports = []
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError("no free ports")


class EtcdCluster:
    """Members are numbered from 0. All of them, and their data, end with the object."""

    def __init__(self, members):
        ports = free_ports(2 * members)
        self._clients = ports[:members]
        self._peers = ports[members:]
        self._folder = tempfile.mkdtemp(prefix="etcd")
        self._processes = [None] * members

    def __enter__(self):
        for member in range(len(self._processes)):
            self.start(member)
        return self

    def __exit__(self, *error):
        for member in range(len(self._processes)):
            self.kill(member)
        shutil.rmtree(self._folder)

    @property
    def target(self):
        """All members, as gRPC takes them."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self._clients)

    def log(self, member):
        with open(self._path(f"{member}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self, member):
        """Starts a member that does not run, with the data it had. Does not wait for it."""
        client = f"http://127.0.0.1:{self._clients[member]}"
        peers = [f"http://127.0.0.1:{port}" for port in self._peers]
        with open(self._path(f"{member}.log"), "ab") as log:
            self._processes[member] = subprocess.Popen(
                [
                    "etcd",
                    f"--name=m{member}",
                    f"--data-dir={self._path(str(member))}",
                    f"--listen-client-urls={client}",
                    f"--advertise-client-urls={client}",
                    f"--listen-peer-urls={peers[member]}",
                    f"--initial-advertise-peer-urls={peers[member]}",
                    "--initial-cluster=" + ",".join(f"m{i}={peer}" for i, peer in enumerate(peers)),
                    f"--heartbeat-interval={HEARTBEAT_MS}",
                    f"--election-timeout={ELECTION_MS}",
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self, member):
        process = self._processes[member]
        if process is None:
            return
        self._processes[member] = None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def _path(self, name):
        return os.path.join(self._folder, name)

# SPDX-License-Identifier: Apache-2.0
"""What /proc tells of processes that are not ours."""

import os
import pathlib


def stat_of(pid):
    """The fields of proc(5)'s stat after the name: state, parent, group, session, ..."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None  # It is gone.
    return text.rpartition(")")[2].split()


def living(pids):
    """Those that have not ended; of the others the parent may not know yet."""
    return [pid for pid in pids if (stat := stat_of(pid)) is not None and stat[0] not in "ZX"]


def members(session):
    """Processes of the session that have not ended."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in living(pids) if (stat := stat_of(pid)) and int(stat[3]) == session]


def resident(pid):
    """Bytes of memory."""
    pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def is_stopped(pid):
    """Whether no thread of the process runs any more, after SIGSTOP."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/stat")
    states = {task.read_text().rpartition(")")[2].split()[0] for task in tasks}
    assert "Z" not in states, f"process {pid} has ended"
    return states == {"T"}


def client_ports(pid, port):
    """The ports of those that are connected to the process's sockets of local port `port`."""
    inodes = set()
    for descriptor in os.scandir(f"/proc/{pid}/fd"):
        target = os.readlink(descriptor.path)
        if target.startswith("socket:["):
            inodes.add(target[len("socket:[") : -1])
    ports = []
    for line in pathlib.Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote, inode = fields[1], fields[2], fields[9]
        if inode in inodes and int(local.rpartition(":")[2], 16) == port:
            ports.append(int(remote.rpartition(":")[2], 16))
    return [remote for remote in ports if remote != 0]

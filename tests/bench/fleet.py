# SPDX-License-Identifier: Apache-2.0
"""A supervisor with its workers, watched from outside in the same way whoever made it.

    with Fleet(["nginx", "-c", path], workers=8, ready=is_nginx_worker) as fleet:
        print(fleet.start(), fleet.replace(), fleet.reload(), fleet.stop())

A worker is a child of the supervisor. It is ready when `ready` says so of its process;
by default when it is named `bench-ready`, which everything that can run code of ours does.
All this is seen by looking (about ten times in a millisecond), and the end of the
supervisor by its pidfd.
"""

import os
import select
import shutil
import signal
import tempfile
import time

MARK = "bench-ready"
NAP = 0.00005
# From the moment when the kernel gives a number away to that when its process can be seen.
BIRTH_SECONDS = 0.02


class Late(Exception):
    """Something took longer than it may."""


def read(path):
    """What a file in /proc says; nothing if its process is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return os.read(descriptor, 4096).decode(errors="replace")
        finally:
            os.close(descriptor)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def is_marked(pid):
    return read(f"/proc/{pid}/comm").strip() == MARK


def is_nginx_worker(pid):
    """nginx has no hook; a worker takes this name when it is about to wait for clients."""
    return read(f"/proc/{pid}/cmdline").startswith("nginx: worker process")


def cpu_nanoseconds(pid):
    """Processor time that a process of one thread has used so far."""
    return int(read(f"/proc/{pid}/schedstat").split()[0])


def proportional_bytes(pid):
    for line in read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/smaps_rollup says nothing of PSS")


class Children:
    """The processes that some process starts: looks at each number that the kernel gives away."""

    def __init__(self):
        with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
            self.pid_max = int(file.read())
        self.last = self._last_given()
        self.unborn = []  # Given away, but not there when last looked for; and until when to look.

    @staticmethod
    def _last_given():
        return int(read("/proc/loadavg").split()[4])

    def new(self, parent):
        """Those of `parent` since the last call, or since the beginning."""
        now = time.perf_counter()
        last = self._last_given()
        candidates, self.unborn = self.unborn, []
        while self.last != last:
            self.last = self.last + 1 if self.last < self.pid_max else 1
            candidates.append((self.last, now + BIRTH_SECONDS))
        found = []
        for pid, until in candidates:
            status = read(f"/proc/{pid}/status")
            if not status and now < until:
                self.unborn.append((pid, until))
                continue
            fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
            if fields.get("PPid") == str(parent) and fields["Tgid"] == str(pid):
                found.append(pid)
        return found


class Fleet:
    """One supervisor. Leaving the context kills what is left of its process group."""

    def __init__(self, command, workers, ready=is_marked, limit=30.0, environment=None):
        self.command = command
        self.workers = workers
        self.ready = ready
        self.limit = limit
        self.environment = environment
        self.pid = None
        self.pidfd = None
        self.usage = None  # Once it was reaped.
        self.children = None
        self.known = []  # Workers that are alive, or were when they were last looked at.
        self.seen_ready = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid is None:
            return
        os.close(self.pidfd)
        if self.usage is None:
            # Not reaped yet, so the number is still its own.
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)

    def _look(self):
        """Returns how many workers are ready."""
        self.known += self.children.new(self.pid)
        for pid in self.known:
            if pid not in self.seen_ready and self.ready(pid):
                self.seen_ready.add(pid)
        return len(self.seen_ready)

    def _await(self, what, done):
        begin = time.perf_counter()
        while not done():
            if time.perf_counter() - begin > self.limit:
                raise Late(f"{self.command[0]}: {what} took more than {self.limit:g} s")
            time.sleep(NAP)

    def _forget(self, pid):
        self.known.remove(pid)
        self.seen_ready.discard(pid)

    def start(self):
        """Milliseconds until all workers are ready."""
        self.children = Children()
        begin = time.perf_counter()
        # Faster than subprocess, which waits for the exec.
        self.pid = os.posix_spawnp(
            self.command[0],
            self.command,
            self.environment or os.environ,
            file_actions=[(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in (0, 1, 2)],
            setpgroup=0,
        )
        self.pidfd = os.pidfd_open(self.pid)
        self._await("a start", lambda: self._look() >= self.workers)
        return (time.perf_counter() - begin) * 1e3

    def replace(self):
        """Milliseconds from the SIGKILL of a worker until another one is ready in its place."""
        victim = self.known[len(self.known) // 2]
        self._forget(victim)
        begin = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        self._await("a replacement", lambda: self._look() >= self.workers)
        return (time.perf_counter() - begin) * 1e3

    def _drop_ended(self, pids):
        for pid in list(pids):
            state = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
            if state and state[0] != "Z":
                return
            pids.remove(pid)

    def reload(self):
        """Milliseconds from SIGHUP until all workers are new and ready, and the old ones gone."""
        old = list(self.known)
        self.known.clear()
        self.seen_ready.clear()
        begin = time.perf_counter()
        os.kill(self.pid, signal.SIGHUP)

        def done():
            ready = self._look() >= self.workers
            self._drop_ended(old)
            return ready and not old

        self._await("a reload", done)
        return (time.perf_counter() - begin) * 1e3

    def stop(self):
        """Milliseconds from SIGTERM until the supervisor has ended, and its workers before it."""
        begin = time.perf_counter()
        self.begin_stop()
        self.await_end()
        took = (time.perf_counter() - begin) * 1e3
        for pid in self.known:
            if f"\nPPid:\t{self.pid}\n" in read(f"/proc/{pid}/status"):
                raise RuntimeError(f"{self.command[0]}: worker {pid} outlives the supervisor")
        return took

    def begin_stop(self):
        os.kill(self.pid, signal.SIGTERM)

    def await_end(self):
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        if not poll.poll(self.limit * 1e3):
            raise Late(f"{self.command[0]}: a stop took more than {self.limit:g} s")

    def total_cpu(self):
        """After a stop: seconds of processor time that the supervisor and all its workers have used."""
        _, _, self.usage = os.wait4(self.pid, 0)
        return self.usage.ru_utime + self.usage.ru_stime

    def supervisor_cpu(self, seconds):
        """Microseconds of processor time that the supervisor uses meanwhile, when nothing happens."""
        before = cpu_nanoseconds(self.pid)
        time.sleep(seconds)
        return (cpu_nanoseconds(self.pid) - before) / 1e3

    def worker_memory(self):
        """Proportional bytes of the median worker."""
        sizes = sorted(proportional_bytes(pid) for pid in self.known)
        return sizes[len(sizes) // 2]


class Folder:
    """A temporary folder with a short name, since sockets are in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="fleet")

    def write(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path

    def name(self, name):
        return os.path.join(self.path, name)

    def remove(self):
        shutil.rmtree(self.path)

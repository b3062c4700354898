# SPDX-License-Identifier: Apache-2.0
"""Signals, workers and what happens to requests in flight."""

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import tempfile
import threading
import time
import unittest

from tests.support.demo import DEADLINE, Demo, wait_gone


class Load:
    """Clients that request `path` one after the other, each on new connections."""

    def __init__(self, demo, path="/", clients=4):
        self.failures = []
        self.answers = []
        self._demo = demo
        self._path = path
        self._stop = threading.Event()
        self._answered = threading.Semaphore(0)
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                answer = self._demo.get(self._path)
                if answer.status != 200:
                    self.failures.append(answer)
                self.answers.append(answer.text)
            except OSError as error:
                self.failures.append(error)
            self._answered.release()

    def wait_for_answers(self, count):
        """Waits until `count` more requests have been answered."""
        for _ in range(count):
            assert self._answered.acquire(timeout=DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class ServedRequest:
    """A request that a worker is busy with: it has read the head and waits for the body."""

    def __init__(self, demo, path="/echo"):
        self.socket = socket.create_connection((demo.host, demo.port), timeout=DEADLINE)
        self.socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            "Expect: 100-continue\r\n\r\n".encode()
        )
        # The server says 100 when it waits for the body: a worker has the request.
        assert b" 100 " in self.socket.recv(4096)

    def finish(self):
        self.socket.sendall(b"body")
        answer = b""
        while piece := self.socket.recv(4096):
            answer += piece
        self.socket.close()
        return answer


class StopTest(unittest.TestCase):
    def check_term_during_a_slow_request(self, *arguments):
        with Demo(*arguments) as demo:
            busy = ServedRequest(demo)  # Tells when a worker has it.
            with concurrent.futures.ThreadPoolExecutor() as pool:
                connection = demo.connect()
                connection.connect()
                demo.get("/pid", connection)
                slow = pool.submit(demo.get, "/sleep?seconds=2", connection)
                demo.log.wait_for(r"sleeping 2")
                signalled = time.monotonic()
                demo.signal(signal.SIGTERM)
                demo.log.wait_for("Caught SIGTERM")
                answer = busy.finish()
                self.assertIn(b"200", answer.split(b"\r\n")[0])
                self.assertIn(b"body", answer)
                self.assertEqual(slow.result(DEADLINE).status, 200)
                self.assertEqual(demo.wait(), 0)
                # The bound of the service's contract, not of this machine's speed.
                self.assertLess(time.monotonic() - signalled, 3.0)
            with self.assertRaises(ConnectionRefusedError):
                demo.connect().connect()

    # OS-032.
    def test_term_lets_a_slow_request_finish_with_workers(self):
        self.check_term_during_a_slow_request("--workers=2")

    # OS-035.
    def test_term_lets_a_slow_request_finish_in_process(self):
        self.check_term_during_a_slow_request("--workers=1")

    def test_new_connections_are_refused_while_draining(self):
        with Demo("--workers=2") as demo:
            busy = ServedRequest(demo)
            demo.signal(signal.SIGTERM)
            demo.log.wait_for("Stopped listening")
            with self.assertRaises(ConnectionRefusedError):
                demo.connect().connect()
            self.assertIn(b"body", busy.finish())
            self.assertEqual(demo.wait(), 0)

    def test_the_graceful_timeout_ends_supervisor_and_workers(self):
        for workers in (1, 2):
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", settings={"DEFAULT.graceful_shutdown_timeout": "1"}
            ) as demo:
                pids = demo.workers()
                busy = ServedRequest(demo)
                demo.signal(signal.SIGTERM)
                self.assertEqual(demo.wait(), 1)
                demo.log.wait_for("Graceful shutdown timeout exceeded, instantaneous exiting")
                for pid in pids:
                    wait_gone(pid)
                busy.socket.close()

    def test_int_ends_at_once_and_leaves_nobody(self):
        for workers in (1, 3):
            with self.subTest(workers=workers), Demo(f"--workers={workers}") as demo:
                pids = demo.workers()
                busy = ServedRequest(demo)
                demo.signal(signal.SIGINT)
                self.assertEqual(demo.wait(), 1)
                demo.log.wait_for("Caught SIGINT signal, instantaneous exiting")
                for pid in pids:
                    wait_gone(pid)
                busy.socket.close()

    def test_a_second_term_is_ignored(self):
        with Demo("--workers=2") as demo:
            busy = ServedRequest(demo)
            demo.signal(signal.SIGTERM)
            demo.log.wait_for("Caught SIGTERM")
            demo.signal(signal.SIGTERM)
            self.assertIn(b"body", busy.finish())
            self.assertEqual(demo.wait(), 0)

    def test_workers_leave_when_the_supervisor_is_killed(self):
        with Demo("--workers=2") as demo:
            pids = demo.workers()
            self.assertEqual(len(pids), 2)
            demo.process.kill()
            demo.wait()
            for pid in pids:
                wait_gone(pid)
            demo.log.wait_for("Parent process has died unexpectedly, exiting", count=2)


class ReloadTest(unittest.TestCase):
    def check_greeting_changes_without_a_failed_request(self, workers):
        with Demo(f"--workers={workers}", settings={"demo.greeting": "old"}) as demo:
            old_workers = demo.workers()
            with Load(demo) as load:
                load.wait_for_answers(20)
                demo.configure(demo__greeting="new")
                demo.signal(signal.SIGHUP)
                for pid in old_workers:
                    wait_gone(pid)
                demo.log.wait_for("phase: running", count=2)
                load.wait_for_answers(20)
            self.assertEqual(load.failures, [])
            self.assertEqual(load.answers[0], "old\n")
            self.assertEqual({demo.get("/").text for _ in range(20)}, {"new\n"})
            self.assertEqual(len(demo.workers()), workers if workers > 1 else 0)
            self.assertIsNone(demo.process.poll())

    def test_hup_replaces_the_workers(self):
        self.check_greeting_changes_without_a_failed_request(2)

    def test_hup_in_process(self):
        self.check_greeting_changes_without_a_failed_request(1)

    def test_hup_with_mutate_keeps_the_workers(self):
        for workers in (1, 2):
            settings = {"demo.greeting": "old", "demo.restart_method": "mutate"}
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", settings=settings
            ) as demo:
                before = demo.workers()
                demo.configure(demo__greeting="new")
                demo.signal(signal.SIGHUP)
                # The supervisor says it too.
                processes = 1 if workers == 1 else 1 + workers
                demo.log.wait_for(r"demo\.greeting.*new", count=processes)
                self.assertEqual({demo.get("/").text for _ in range(20)}, {"new\n"})
                self.assertEqual(demo.workers(), before)

    def test_a_bad_file_changes_nothing_and_the_log_says_why(self):
        for method in ("reload", "mutate"):
            settings = {"demo.greeting": "old", "demo.restart_method": method}
            with self.subTest(method=method), Demo(settings=settings) as demo:
                before = demo.workers()
                demo.configure(demo__greeting="new", demo__heartbeat_interval="soon")
                line = demo.config.read_text().splitlines().index("heartbeat_interval = soon") + 1
                demo.signal(signal.SIGHUP)
                demo.log.wait_for(rf"demo\.conf:{line}: demo\.heartbeat_interval: .*soon")
                self.assertEqual(demo.get("/").text, "old\n")
                self.assertEqual(demo.workers(), before)
                # And it recovers once the file is right.
                demo.configure(demo__heartbeat_interval="0.5")
                demo.signal(signal.SIGHUP)
                demo.log.wait_for("phase: running", count=2)

    def test_a_burst_of_hups_is_harmless(self):
        with Demo("--workers=2") as demo, Load(demo) as load:
            load.wait_for_answers(10)
            for _ in range(20):
                demo.signal(signal.SIGHUP)
            demo.log.wait_for("phase: running", count=2)
            load.wait_for_answers(20)
            self.assertEqual(load.failures, [])
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)
            load.failures.clear()  # Refused connections after the end are expected.


class WorkerTest(unittest.TestCase):
    def test_a_killed_worker_is_replaced_under_its_number(self):
        with Demo("--workers=3") as demo:
            victim = json.loads(demo.get("/counters").text)
            os.kill(victim["pid"], signal.SIGKILL)
            demo.log.wait_for(rf"Child {victim['pid']} killed by signal 9")
            numbers = {}
            while len(numbers) < 3:
                counters = json.loads(demo.get("/counters").text)
                numbers[counters["worker"]] = counters["pid"]
            self.assertEqual(sorted(numbers), [0, 1, 2])
            self.assertNotEqual(numbers[victim["worker"]], victim["pid"])

    def test_the_supervisor_has_one_thread_and_sleeps(self):
        with Demo("--workers=2", settings={"demo.heartbeat_interval": "0.01"}) as demo:
            status = pathlib.Path(f"/proc/{demo.process.pid}/status")

            def field(name):
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
                return int(lines[name])

            demo.get("/pid")
            before = field("voluntary_ctxt_switches")
            for _ in range(300):
                demo.get("/")
            self.assertEqual(field("voluntary_ctxt_switches"), before)
            self.assertEqual(field("Threads"), 1)


    def test_ttin_adds_a_worker_and_ttou_takes_it_away(self):
        with Demo("--workers=2") as demo, Load(demo) as load:
            load.wait_for_answers(5)
            before = set(demo.workers())
            demo.signal(signal.SIGTTIN)
            demo.log.wait_for("worker 2: backdoor speaks gRPC")
            (added,) = set(demo.workers()) - before
            numbers = set()
            while numbers != {0, 1, 2}:
                numbers.add(json.loads(demo.get("/counters").text)["worker"])
            demo.signal(signal.SIGTTOU)
            demo.log.wait_for(f"Child {added} exited with status 0")
            self.assertEqual(set(demo.workers()), before)
            load.wait_for_answers(5)
            self.assertEqual(load.failures, [])

    def test_a_reload_replaces_added_workers_and_follows_the_option(self):
        # Not by --workers, which would win over the file.
        settings = {"demo.workers": "2"}
        with Demo(settings=settings) as demo, Load(demo) as load:
            demo.signal(signal.SIGTTIN)
            demo.log.wait_for("worker 2: backdoor speaks gRPC")
            demo.configure(demo__workers="3")
            demo.signal(signal.SIGHUP)
            demo.log.wait_for("Reload finished")
            demo.log.wait_for("worker 2: backdoor speaks gRPC", count=2)
            demo.configure(demo__workers="1")
            demo.signal(signal.SIGHUP)
            demo.log.wait_for("1 workers from now on, 3 before")
            demo.log.wait_for("Reload finished", count=2)
            # The number that is left, each time.
            demo.log.wait_for(r"Child \d+ exited with status 0", count=6)
            self.assertEqual(len(demo.workers()), 1)
            load.wait_for_answers(5)
            self.assertEqual(load.failures, [])

    def test_usr1_opens_a_log_that_was_moved_away(self):
        for workers in (1, 2):
            with self.subTest(workers=workers):
                with tempfile.TemporaryDirectory(dir="/tmp") as folder:
                    self.check_usr1_opens_the_log(workers, pathlib.Path(folder) / "demo.log")

    def check_usr1_opens_the_log(self, workers, log):
        settings = {"demo.log_file": str(log)}
        with Demo(f"--workers={workers}", settings=settings, wait=False) as demo:
            demo.where()
            while "phase: running" not in log.read_text():
                demo.get("/")
            moved = log.with_suffix(".1")
            log.rename(moved)
            demo.signal(signal.SIGUSR1)
            # Each process opens it anew, in its own time; what it logs next is there.
            served = set()
            while len(served) < workers:
                demo.get("/sleep?seconds=0")
                if log.exists():
                    served = set(re.findall(r" (\d+) info sleeping 0 s", log.read_text()))
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)
            self.assertIn("phase: running", moved.read_text())
            self.assertIn("phase: stopped", log.read_text())


class HealthTest(unittest.TestCase):
    def test_a_stopped_worker_is_killed_and_replaced(self):
        settings = {"DEFAULT.worker_hang_timeout": "1"}
        with Demo("--workers=2", settings=settings) as demo:
            victim = demo.workers()[0]
            os.kill(victim, signal.SIGSTOP)
            demo.log.wait_for(rf"worker \d \(process {victim}\) hangs, asking for its stacks")
            demo.log.wait_for(rf"worker \d \(process {victim}\) hangs, killing it")
            demo.log.wait_for(rf"Child {victim} killed by signal 9")
            wait_gone(victim)
            self.assertEqual({demo.get("/").status for _ in range(20)}, {200})

    def test_a_request_that_hangs_shows_its_stack(self):
        for inline in ("false", "true"):
            settings = {
                # Time enough to find names in the debug information.
                "DEFAULT.worker_hang_timeout": "6",
                "DEFAULT.wsgi_request_deadline": "0.1",
                "demo.inline_app": inline,
            }
            with self.subTest(inline=inline), Demo("--workers=2", settings=settings) as demo:
                connection = demo.connect()
                connection.request("GET", "/sleep?seconds=1000")
                demo.log.wait_for("hangs, asking for its stacks")
                demo.log.wait_for(r"stacks of all threads:[\s\S]*bergen::demo::.*Sleep")
                connection.close()

    def test_workers_are_recycled_without_a_failed_request(self):
        settings = {"DEFAULT.worker_max_requests": "50"}
        with Demo("--workers=2", settings=settings) as demo:
            before = set(demo.workers())
            with Load(demo) as load:
                demo.log.wait_for(r"is recycled after \d+ requests", count=4)
                load.wait_for_answers(20)
            self.assertEqual(load.failures, [])
            self.assertFalse(before & set(demo.workers()))


class DrainTest(unittest.TestCase):
    def test_readiness_fails_first_and_everything_is_served_meanwhile(self):
        settings = {"DEFAULT.drain_delay": "3600"}
        for workers in (1, 2):
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", settings=settings
            ) as demo:
                self.assertEqual(demo.get("/healthz").status, 200)
                demo.signal(signal.SIGTERM)
                demo.log.wait_for("phase: draining")
                while demo.get("/healthz").status != 503:
                    pass
                self.assertEqual(demo.get("/").status, 200)
                demo.signal(signal.SIGTERM)
                self.assertEqual(demo.wait(), 0)

    def test_the_stop_follows_the_delay(self):
        for workers in (1, 2):
            with self.subTest(workers=workers), Demo(
                f"--workers={workers}", settings={"DEFAULT.drain_delay": "0.1"}
            ) as demo:
                demo.signal(signal.SIGTERM)
                self.assertEqual(demo.wait(), 0)
                demo.log.wait_for(r"phase: draining[\s\S]*phase: stopping")


class NotifyTest(unittest.TestCase):
    def said_until(self, manager, line):
        """The messages up to the first that begins with `line`."""
        said = []
        while not said or not said[-1].startswith(line):
            said.append(manager.recv(4096).decode())
        return said

    def test_ready_is_said_once_and_only_after_the_services_have_started(self):
        for workers in (1, 2):
            with self.subTest(workers=workers):
                manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                manager.bind("")  # The kernel chooses a name.
                manager.settimeout(DEADLINE)
                name = "@" + manager.getsockname()[1:].decode()
                with Demo(f"--workers={workers}", environment={"NOTIFY_SOCKET": name}) as demo:
                    said = self.said_until(manager, "READY=1")
                    self.assertIn("FDSTORE=1\nFDNAME=http", said)
                    self.assertIn("FDSTORE=1\nFDNAME=grpc.0", said)
                    self.assertEqual(demo.get("/").status, 200)
                    demo.signal(signal.SIGTERM)
                    self.assertEqual(demo.wait(), 0)
                    self.assertEqual(len(self.said_until(manager, "STOPPING=1")), 1)
                manager.close()


if __name__ == "__main__":
    unittest.main()

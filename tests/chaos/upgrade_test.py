# SPDX-License-Identifier: Apache-2.0
"""Upgrades under load: no request fails, whatever becomes of the new generation."""

import contextlib
import os
import random
import signal
import socket
import unittest

from tests.support.demo import DEADLINE, Demo, children_of, wait_gone
from tests.support.generations import Generations
from tests.support.load import KeepAliveLoad, NewConnectionLoad
from tests.support.processes import members

UPGRADES = 100
KILLS = 20


class UpgradeTest(unittest.TestCase):
    def check_upgrades_drop_nothing(self, workers, upgrades):
        with Demo(f"--workers={workers}") as demo, contextlib.ExitStack() as loads:
            generations = Generations(demo)
            keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=3))
            new = loads.enter_context(NewConnectionLoad(demo, clients=2))
            backdoors = demo.backdoor_ports(workers)
            for _ in range(upgrades):
                old = generations.upgrade()
                keep_alive.wait_for_answers(3)
                new.wait_for_answers(3)
                if old == demo.process.pid:
                    self.assertEqual(demo.wait(), 0)
                else:
                    wait_gone(old)
            loads.close()
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(new.failures, [])
            for port in backdoors:
                socket.create_connection(("127.0.0.1", port), timeout=DEADLINE).close()
            self.assertTrue((demo.folder / "grpc.sock").exists())
            generations.stop()
            self.assertFalse((demo.folder / "grpc.sock").exists())
            with self.assertRaises(ConnectionRefusedError):
                demo.connect().connect()

    def test_a_hundred_upgrades_drop_nothing(self):
        self.check_upgrades_drop_nothing(workers=2, upgrades=UPGRADES)

    def test_upgrades_of_a_single_process_drop_nothing(self):
        self.check_upgrades_drop_nothing(workers=1, upgrades=20)

    def test_a_slow_request_of_the_old_generation_finishes(self):
        for workers in (1, 2):
            with self.subTest(workers=workers), Demo(f"--workers={workers}") as demo:
                generations = Generations(demo)
                connection = demo.connect()
                connection.request("GET", "/sleep?seconds=1")
                demo.log.wait_for("sleeping 1")
                generations.upgrade()
                self.assertEqual(connection.getresponse().status, 200)
                connection.close()
                self.assertEqual(demo.wait(), 0)
                self.assertEqual(demo.get("/").status, 200)
                generations.stop()

    def check_a_failed_upgrade_changes_nothing(self, script, act, verdict):
        """`act` gets the pid of the new generation, which runs `script`."""
        for workers in (1, 2):
            with self.subTest(workers=workers), Demo(f"--workers={workers}") as demo:
                generations = Generations(demo)
                with KeepAliveLoad(demo) as load:
                    before = demo.workers()
                    demo.replace_program(script)
                    act(generations)
                    demo.log.wait_for(f"Upgrade failed, the old generation goes on: {verdict}")
                    load.wait_for_answers(10)
                    self.assertEqual(load.failures, [])
                self.assertEqual(demo.workers(), before)
                # And it can be done once the reason is gone.
                demo.replace_program(None)
                generations.upgrade()
                self.assertEqual(demo.wait(), 0)
                generations.stop()

    def test_a_new_generation_that_exits_changes_nothing(self):
        self.check_a_failed_upgrade_changes_nothing(
            "exit 7", lambda generations: generations.begin(), "exited with status 7"
        )

    def test_a_new_generation_that_is_killed_changes_nothing(self):
        self.check_a_failed_upgrade_changes_nothing(
            "exec sleep 1000",
            lambda generations: os.kill(generations.begin(), signal.SIGKILL),
            "killed by signal 9",
        )

    def test_a_program_that_cannot_run_changes_nothing(self):
        def remove_and_begin(generations):
            generations.demo.program.unlink()
            os.kill(generations.pid, signal.SIGUSR2)

        self.check_a_failed_upgrade_changes_nothing("exit 0", remove_and_begin, ".*cannot run .*demo")

    def test_a_bad_configuration_changes_nothing(self):
        with Demo("--workers=2") as demo:
            before = demo.workers()
            demo.configure(demo__heartbeat_interval="soon")
            Generations(demo).begin()
            demo.log.wait_for("Upgrade failed, the old generation goes on: exited with status 78")
            self.assertEqual(demo.workers(), before)
            self.assertEqual(demo.get("/").status, 200)

    def test_an_old_generation_that_is_killed_leaves_the_new_one(self):
        with Demo("--workers=2") as demo:
            generations = Generations(demo)
            workers = demo.workers()
            generations.pid = generations.begin()
            demo.process.kill()
            demo.wait()
            for pid in workers:
                wait_gone(pid)
            demo.log.wait_for("phase: running", count=2)
            self.assertEqual(demo.get("/").status, 200)
            self.assertEqual(len(generations.workers()), 2)
            generations.stop()

    def test_old_generations_killed_at_any_moment_are_not_missed(self):
        chance = random.Random(1)
        with Demo("--workers=2") as demo, contextlib.ExitStack() as loads:
            generations = Generations(demo)
            keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=2))
            new = loads.enter_context(NewConnectionLoad(demo, clients=2))
            for _ in range(KILLS):
                old = generations.pid
                generations.pid = generations.begin()
                new.wait_for_answers(chance.randrange(40))
                with contextlib.suppress(ProcessLookupError):  # It has left already.
                    os.kill(old, signal.SIGKILL)
                demo.log.wait_for(rf" {generations.pid} info phase: running")
            loads.close()
            self.assertEqual(keep_alive.failures, [])
            self.assertEqual(new.failures, [])
            generations.stop()
            for pid in members(demo.process.pid):
                wait_gone(pid)

    def test_new_generations_killed_before_they_serve_are_not_missed(self):
        chance = random.Random(1)
        failed = 0
        while failed < KILLS:
            with Demo("--workers=2") as demo, contextlib.ExitStack() as loads:
                generations = Generations(demo)
                keep_alive = loads.enter_context(KeepAliveLoad(demo, clients=2))
                new = loads.enter_context(NewConnectionLoad(demo, clients=2))
                served = False
                while failed < KILLS and not served:
                    pid = generations.begin()
                    new.wait_for_answers(chance.randrange(20))
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    verdict = demo.log.wait_for(
                        "Upgrade (failed|finished)", count=generations.count
                    )[-1][1]
                    # Too late: it was everything, and nobody is left.
                    served = verdict == "finished"
                    if not served:
                        failed += 1
                        new.wait_for_answers(5)
                        self.assertEqual(keep_alive.failures, [])
                        self.assertEqual(new.failures, [])
                if not served:
                    demo.signal(signal.SIGTERM)
                self.assertEqual(demo.wait(), 0)
                for pid in members(demo.process.pid):
                    wait_gone(pid)

    def test_a_stop_during_an_upgrade_leaves_nobody(self):
        for workers in (1, 2):
            for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 1)):
                with self.subTest(workers=workers, number=number):
                    with Demo(f"--workers={workers}") as demo:
                        demo.replace_program("exec sleep 1000")
                        new = Generations(demo).begin()
                        demo.signal(number)
                        self.assertEqual(demo.wait(), status)
                        wait_gone(new)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The gRPC door, driven by Python's grpc, with messages from its proto and by reflection alone."""

import pathlib
import pstats
import signal
import unittest

import grpc

from backdoor.control_client_for_test import SERVICE, execute
from tests.support.demo import DEADLINE, Demo
from tests.support.reflection import reflected

# Answers of health: field 1, the status.
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


class GrpcDoorTest(unittest.TestCase):
    def test_commands_run_over_a_unix_socket(self):
        with Demo() as demo:
            with grpc.insecure_channel(f"unix:{demo.folder}/grpc.sock") as channel:
                self.assertIn("prof", execute(channel, "help"))
                self.assertIn("Thread", execute(channel, "pnt()"))
                with self.assertRaises(grpc.RpcError) as error:
                    execute(channel, "no_such_thing")
                self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)

    def test_the_door_stays_open_across_a_reload(self):
        with Demo() as demo:
            address = f"unix:{demo.folder}/grpc.sock"
            with grpc.insecure_channel(address) as channel:
                execute(channel, "help")
            demo.signal(signal.SIGHUP)
            demo.log.wait_for("phase: running", count=2)
            with grpc.insecure_channel(address) as channel:
                self.assertIn("prof", execute(channel, "help"))


class TypedCallsTest(unittest.TestCase):
    """The calls that have types, on one demo, with the descriptors that it sends."""

    @classmethod
    def setUpClass(cls):
        cls.demo = cls.enterClassContext(Demo("--workers=1"))
        channel = grpc.insecure_channel(f"unix:{cls.demo.folder}/grpc.sock")
        cls.enterClassContext(channel)
        cls.control = reflected(channel, SERVICE)

    def fails(self, code, call, **fields):
        with self.assertRaises(grpc.RpcError) as error:
            call(timeout=DEADLINE, **fields)
        self.assertEqual(error.exception.code(), code)
        return error.exception.details()

    def test_options_are_read_set_and_mutated(self):
        reply = self.control.GetConfig(pattern="demo.greeting", timeout=DEADLINE)
        (greeting,) = reply.options
        self.assertEqual((greeting.name, greeting.value), ("demo.greeting", "Hello, world!"))
        self.assertTrue(greeting.mutable)
        self.assertIn("default", greeting.origin)
        reply = self.control.SetConfig(name="demo.greeting", value="it's, me", timeout=DEADLINE)
        self.assertEqual((reply.old_value, reply.new_value), ("Hello, world!", "it's, me"))
        self.assertEqual(self.demo.get("/").text, "it's, me\n")
        self.demo.log.wait_for(r"ran config_set\(demo.greeting, it's, me\): OK")
        text = self.fails(
            grpc.StatusCode.FAILED_PRECONDITION,
            self.control.SetConfig,
            name="demo.workers",
            value="3",
        )
        self.assertIn("not mutable", text)

    def test_a_dry_run_says_what_a_mutation_would_do(self):
        self.demo.configure(demo__heartbeat_interval="2.5")
        for dry_run, verdict in [(True, "needs a restart"), (False, "needs a restart")]:
            reply = self.control.MutateConfig(dry_run=dry_run, timeout=DEADLINE)
            changes = {change.name: change for change in reply.changes}
            self.assertIn(verdict, changes["demo.heartbeat_interval"].verdict)
            self.assertEqual(changes["demo.heartbeat_interval"].new_value, "2.5")

    def test_threads_tasks_and_levels(self):
        threads = self.control.ListThreads(timeout=DEADLINE).threads
        self.assertIn("backdoor-grpc", [thread.name for thread in threads])
        self.assertTrue([thread for thread in threads if "ppoll" in thread.stack])
        (level,) = self.control.LogLevel(level="debug", timeout=DEADLINE).loggers
        self.assertEqual((level.name, level.level), ("demo", "debug"))
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, self.control.LogLevel, level="loud")
        self.control.ControlTask(task="heartbeat", action="TASK_ACTION_PAUSE", timeout=DEADLINE)
        (task,) = self.control.ListTasks(timeout=DEADLINE).tasks
        self.assertEqual((task.name, task.paused, task.next), ("heartbeat", True, "never"))
        self.control.ControlTask(task="heartbeat", action="TASK_ACTION_RESUME", timeout=DEADLINE)
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, self.control.ControlTask, task="heartbeat")
        self.fails(
            grpc.StatusCode.NOT_FOUND, self.control.ControlTask, task="x", action="TASK_ACTION_RUN"
        )

    def test_a_profile_comes_in_the_answer(self):
        files, said = {}, ""
        for reply in self.control.Profile(
            name="mine",
            seconds=0.3,
            clock="wall",
            formats=["pstats", "folded", "svg"],
            timeout=DEADLINE,
        ):
            if reply.WhichOneof("piece") == "file":
                files[reply.file.name] = files.get(reply.file.name, b"") + reply.file.data
            else:
                said += reply.text
        self.assertEqual(sorted(files), ["mine.folded", "mine.prof", "mine.svg"])
        self.assertIn("mine.prof", said)
        self.assertFalse((self.demo.folder / "mine.prof").exists())
        path = pathlib.Path(self.demo.folder / "received.prof")
        path.write_bytes(files["mine.prof"])
        self.assertTrue(pstats.Stats(str(path)).stats)
        self.assertTrue(files["mine.svg"].rstrip().endswith(b"</svg>"))


class HealthTest(unittest.TestCase):
    def test_health_is_watched_through_a_drain(self):
        with Demo(settings={"DEFAULT.drain_delay": "20"}) as demo:
            with grpc.insecure_channel(f"unix:{demo.folder}/grpc.sock") as channel:
                # gRPC's own health service is not known to its reflection.
                raw = {
                    "request_serializer": lambda name: bytes([0x0A, len(name)]) + name.encode(),
                    "response_deserializer": bytes,
                }

                def check(name):
                    call = channel.unary_unary("/grpc.health.v1.Health/Check", **raw)
                    return call(name, timeout=DEADLINE)

                watch = channel.unary_stream("/grpc.health.v1.Health/Watch", **raw)
                watched = watch("ready", timeout=DEADLINE)
                while next(watched) != SERVING:
                    pass
                self.assertEqual([check(name) for name in ("", "live")], [SERVING, SERVING])
                self.assertEqual(check("draining"), NOT_SERVING)
                with self.assertRaises(grpc.RpcError) as error:
                    check("nonsense")
                self.assertEqual(error.exception.code(), grpc.StatusCode.NOT_FOUND)
                demo.signal(signal.SIGTERM)
                self.assertEqual(next(watched), NOT_SERVING)
                self.assertEqual(check("draining"), SERVING)
                self.assertEqual(check("live"), SERVING)
                # A second one ends the delay.
                demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)

    def test_a_reload_has_a_number_and_a_verdict(self):
        with Demo("--workers=2") as demo:
            with grpc.insecure_channel(f"unix:{demo.folder}/grpc.sock") as channel:
                control = reflected(channel, SERVICE)
                number = control.Reload(timeout=DEADLINE).number
                self.assertEqual(number, 1)
            demo.log.wait_for("phase: running", count=2)
            with grpc.insecure_channel(f"unix:{demo.folder}/grpc.sock") as channel:
                control = reflected(channel, SERVICE)
                self.assertEqual(control.GetReloadVerdict(number=1, timeout=DEADLINE).number, 1)
                with self.assertRaises(grpc.RpcError) as error:
                    control.GetReloadVerdict(number=2, timeout=DEADLINE)
                self.assertEqual(error.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()

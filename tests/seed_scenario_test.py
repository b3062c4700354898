# SPDX-License-Identifier: Apache-2.0
"""The scenario that this project was created from, typed as its users type it."""

import concurrent.futures
import io
import os
import pathlib
import pstats
import signal
import subprocess
import tempfile
import unittest

from tests.support.demo import DEADLINE, Demo, connect_localhost


def nc(command, port):
    """`echo "COMMAND" | nc localhost PORT`, in a shell, which must come back by itself."""
    return subprocess.run(
        f'echo "{command}" | nc localhost {port}',
        shell=True,
        check=True,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    ).stdout


class SeedScenarioTest(unittest.TestCase):
    def test_a_worker_is_profiled_through_nc_and_read_with_pstats(self):
        with Demo("--workers=1") as demo:
            (port,) = demo.backdoor_ports(1)
            nc("prof()", port)
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                paths = ["/fib?n=35", "/pid"] * 20
                for answer in pool.map(demo.get, paths):
                    self.assertEqual(answer.status, 200)
            said = nc("prof('neutron')", port)
            path = demo.folder / "neutron.prof"
            self.assertIn(str(path), said)

            out = io.StringIO()
            stats = pstats.Stats(str(path), stream=out)
            stats.sort_stats("tottime").print_stats()
            stats.print_callers()
            stats.print_callees()
            self.assertIn("Fibonacci", out.getvalue())
            own = {key[2]: entry[2] for key, entry in stats.stats.items()}
            fibonacci = sum(time for name, time in own.items() if "Fibonacci" in name)
            self.assertGreater(fibonacci, sum(own.values()) / 2)
            # Somebody calls it besides itself.
            callers = {
                caller[2]
                for key, entry in stats.stats.items()
                if "Fibonacci" in key[2]
                for caller in entry[4]
            }
            self.assertTrue([name for name in callers if "Fibonacci" not in name], callers)

    def test_every_worker_has_its_own_port_also_after_a_reload_and_a_crash(self):
        with Demo("--workers=2") as demo:
            first, second = demo.backdoor_ports(2)
            self.assertNotEqual(first, second)
            self.assertIn("prof", nc("help", first))
            self.assertIn("prof", nc("help", second))
            demo.signal(signal.SIGHUP)
            demo.log.wait_for("phase: running", count=2)
            # Not one that leaves anyway.
            demo.log.wait_until(lambda _: len(demo.workers()) == 2, "the old workers to have left")
            os.kill(demo.workers()[0], signal.SIGKILL)
            demo.log.wait_for("killed by signal 9")
            self.assertIn("prof", nc("help", first))
            self.assertIn("prof", nc("help", second))

    def test_an_interactive_client_gets_a_banner_and_keeps_its_session(self):
        with Demo("--workers=1") as demo, connect_localhost(demo.backdoor_ports(1)[0]) as door:
            stream = door.makefile("rw", newline="\n")

            def prompt():
                text = ""
                while not text.endswith(">>> "):
                    piece = stream.read(1)
                    assert piece, text
                    text += piece
                return text

            self.assertIn("(InteractiveConsole)", prompt())
            for command, expected in (
                ("help()", "prof"),
                ("pnt()", "Thread"),
                ("no_such_thing", "no_such_thing"),
                ("exit()", "disconnect instead"),
                ("prof('never started')", "Error while saving the trace stats"),
            ):
                stream.write(command + "\n")
                stream.flush()
                self.assertIn(expected, prompt())

    def test_a_name_that_leaves_the_directory_is_refused(self):
        with Demo("--workers=1") as demo:
            (port,) = demo.backdoor_ports(1)
            nc("prof()", port)
            self.assertIn("Error", nc("prof('../outside')", port))
            self.assertFalse((demo.folder.parent / "outside.prof").exists())
            target = demo.folder / "target"
            target.write_text("keep")
            (demo.folder / "link.prof").symlink_to(target)
            nc("prof('link')", port)
            self.assertEqual(target.read_text(), "keep")

    def test_a_unix_socket_with_the_pid_in_its_name(self):
        # Not TEST_TMPDIR: the path of a socket has at most 107 bytes.
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(dir="/tmp")))
        settings = {"DEFAULT.backdoor_socket": f"{folder}/b-{{pid}}.sock"}
        with Demo("--workers=2", settings=settings) as demo:
            demo.log.wait_for(r"backdoor listening on \S*b-\d+\.sock", count=2)
            for pid in demo.workers():
                path = folder / f"b-{pid}.sock"
                self.assertEqual(path.stat().st_mode & 0o777, 0o600)
                said = subprocess.run(
                    f'echo "help" | nc -U {path}',
                    shell=True,
                    check=True,
                    capture_output=True,
                    text=True,
                    timeout=DEADLINE,
                ).stdout
                self.assertIn("prof", said)
            demo.signal(signal.SIGTERM)
            self.assertEqual(demo.wait(), 0)
            self.assertEqual(list(folder.glob("b-*.sock")), [])


if __name__ == "__main__":
    unittest.main()

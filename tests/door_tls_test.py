# SPDX-License-Identifier: Apache-2.0
"""Doors on TCP with TLS: Python's grpc and ssl, and bergenctl, each with certificates or without."""

import os
import pathlib
import re
import socket
import ssl
import subprocess
import tempfile
import unittest

import grpc

from backdoor.control_client_for_test import SERVICE, execute, list_commands
from tests.support.certificates import Authority
from tests.support.demo import DEADLINE, Demo
from tests.support.reflection import reflected

BERGENCTL = os.path.join(os.environ["TEST_SRCDIR"], "bergen/backdoor/bergenctl")


class DoorTlsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.authority = Authority(folder)
        cls.server = cls.authority.issue("server")
        cls.ops = cls.authority.issue("ops")
        cls.viewer = cls.authority.issue("viewer", "DNS:viewer.example.org")
        cls.nobody = cls.authority.issue("nobody")
        cls.stranger = Authority(folder, "other").issue("ops2")
        cls.demo = cls.enterClassContext(
            Demo(
                "--workers=1",
                settings={
                    "DEFAULT.backdoor_bind_host": "0.0.0.0",
                    "DEFAULT.backdoor_use_ssl": "true",
                    "DEFAULT.backdoor_roles": "cn:ops=admin, san:viewer.example.org=view",
                    "demo.grpc_listen": "0.0.0.0:0",
                    "ssl.cert_file": cls.server.certificate,
                    "ssl.key_file": cls.server.key,
                    "ssl.ca_file": cls.authority.certificate,
                },
            )
        )
        port = cls.demo.output.wait_for(r"gRPC .* at 0\.0\.0\.0:(\d+)")[0][1]
        cls.address = f"127.0.0.1:{port}"
        cls.text_port = int(cls.demo.output.wait_for(r"nc localhost (\d+)")[0][1])

    def channel(self, client):
        def read(path):
            return pathlib.Path(path).read_bytes()

        pair = {}
        if client is not None:
            pair = {
                "private_key": read(client.key),
                "certificate_chain": read(client.certificate),
            }
        credentials = grpc.ssl_channel_credentials(read(self.authority.certificate), **pair)
        return grpc.secure_channel(self.address, credentials)

    def text(self, client, lines):
        """What the text door answers."""
        context = self.authority.context(client)
        with socket.create_connection(("127.0.0.1", self.text_port), DEADLINE) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as door:
                door.sendall(lines.encode())
                answer = b""
                while not answer.endswith(b"exiting InteractiveConsole...\n"):
                    piece = door.recv(65536)
                    if not piece:
                        break
                    answer += piece
                return answer.decode()

    def bergenctl(self, client, *words):
        return subprocess.run(
            [
                *(BERGENCTL, f"--address={self.address}", f"--ca={self.authority.certificate}"),
                *(f"--cert={client.certificate}", f"--key={client.key}", *words),
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )

    def test_an_admin_does_everything_and_is_named_in_the_log(self):
        with self.channel(self.ops) as channel:
            self.assertIn("demo: debug", execute(channel, "log_level('debug')"))
            self.assertIn("Thread", execute(channel, "pnt()"))
        self.demo.log.wait_for(r"127\.0\.0\.1:\d+ CN=ops ran log_level\('debug'\): OK")
        self.assertIn("demo: debug", self.text(self.ops, "log_level('debug')\n"))
        done = self.bergenctl(self.ops, "log_level")
        self.assertEqual((done.returncode, done.stdout), (0, "demo: debug\n"), done.stderr)

    def test_a_viewer_is_refused_each_command_that_changes_state(self):
        with self.channel(self.viewer) as channel:
            self.assertIn("pid: ", execute(channel, "status"))
            changing = [one.name for one in list_commands(channel) if one.changes_state]
            self.assertIn("set_workers", changing)
            for name in changing:
                with self.assertRaises(grpc.RpcError) as error:
                    execute(channel, name)
                self.assertEqual(error.exception.code(), grpc.StatusCode.PERMISSION_DENIED, name)
                self.demo.log.wait_for(rf"CN=viewer may not run {name}: ")
            control = reflected(channel, SERVICE)
            for call, fields in [
                (control.SetConfig, {"name": "demo.greeting", "value": "x"}),
                (control.MutateConfig, {"dry_run": True}),
                (control.LogLevel, {"level": "debug"}),
                (control.ControlTask, {"task": "heartbeat", "action": "TASK_ACTION_PAUSE"}),
                (control.Reload, {}),
                (lambda **fields: list(control.Profile(**fields)), {"seconds": 1}),
            ]:
                with self.assertRaises(grpc.RpcError) as error:
                    call(timeout=DEADLINE, **fields)
                self.assertEqual(error.exception.code(), grpc.StatusCode.PERMISSION_DENIED)
            self.assertTrue(control.ListTasks(timeout=DEADLINE).tasks)
        answer = self.text(self.viewer, "".join(f"{name}\n" for name in changing))
        self.assertEqual(answer.count(", you have view\n"), len(changing), answer)
        done = self.bergenctl(self.viewer, "reload")
        self.assertEqual(done.returncode, 1)
        self.assertIn("reload: needs the role operate, you have view", done.stderr)

    def test_without_a_certificate_nobody_gets_in(self):
        for client in (None, self.stranger, self.nobody):
            with self.channel(client) as channel:
                with self.assertRaises(grpc.RpcError) as error:
                    execute(channel, "status")
                self.assertEqual(error.exception.code(), grpc.StatusCode.UNAVAILABLE)
            try:
                self.assertNotIn("pid: ", self.text(client, "status\n"))
            except (ssl.SSLError, ConnectionError):
                pass
        self.demo.log.wait_for("refused: TLS handshake: peer did not return a certificate")
        self.demo.log.wait_for("CN=nobody refused: ")
        done = self.bergenctl(self.nobody, "status")
        self.assertEqual(done.returncode, 1, done)

    def test_a_plain_client_is_refused(self):
        with grpc.insecure_channel(self.address) as channel:
            with self.assertRaises(grpc.RpcError):
                execute(channel, "status")
        with socket.create_connection(("127.0.0.1", self.text_port), DEADLINE) as door:
            door.sendall(b"status\n")
            self.assertNotIn(b"pid", door.recv(100))

    def test_a_line_that_was_cut_is_not_run(self):
        context = self.authority.context(self.ops)
        plain = socket.create_connection(("127.0.0.1", self.text_port), DEADLINE)
        door = context.wrap_socket(plain, server_hostname="127.0.0.1")
        door.sendall(b"log_level('info')\nlog_level(")
        # Closes the connection without TLS's own end.
        door.close()
        self.demo.log.wait_for(r"CN=ops ran log_level\('info'\): OK")
        self.assertEqual(self.text(self.ops, "log_level()\n").split("\n")[0], "demo: info")

    def test_an_open_address_without_tls_stops_the_start(self):
        for settings, text in [
            ({"DEFAULT.backdoor_bind_host": "0.0.0.0"}, "without TLS only"),
            ({"DEFAULT.backdoor_roles": "root=admin"}, "backdoor_roles 'root=admin'"),
            (
                {
                    "DEFAULT.backdoor_use_ssl": "true",
                    "ssl.cert_file": self.server.certificate,
                    "ssl.key_file": self.server.key,
                },
                "TLS needs ssl.ca_file",
            ),
        ]:
            with Demo(settings=settings, wait=False) as demo:
                self.assertNotEqual(demo.wait(), 0)
                demo.log.wait_for(re.escape(text))


if __name__ == "__main__":
    unittest.main()

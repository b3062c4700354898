# SPDX-License-Identifier: Apache-2.0
import os
import pathlib
import signal
import socket
import ssl
import tempfile
import unittest
import urllib.request

from examples.program_for_test import Program
from tests.support.certificates import Authority
from tests.support.lines import DEADLINE


class TlsTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory(dir="/tmp"))
        self.authority = Authority(self.folder)
        self.server = self.authority.issue("server")

    def start(self, *settings):
        pair = (f"cert_file={self.server.certificate}", f"key_file={self.server.key}", *settings)
        program = self.enterContext(Program("tls", "--port=0", *(f"--set=ssl.{setting}" for setting in pair)))
        self.where = program.address()
        return program

    def get(self, context):
        host, port = self.where
        with urllib.request.urlopen(f"https://{host}:{port}/", timeout=DEADLINE, context=context) as answer:
            return answer.read().decode()

    def serial(self):
        """Of the certificate that the server shows to a new connection."""
        with socket.create_connection(self.where, timeout=DEADLINE) as plain:
            with self.authority.context().wrap_socket(plain, server_hostname=self.where[0]) as secured:
                return secured.getpeercert()["serialNumber"]

    def test_a_renewed_certificate_is_used_without_a_restart(self):
        program = self.start()
        self.assertEqual(self.get(self.authority.context()), "Hello, stranger\n")
        old = self.serial()
        new = self.authority.issue("new")
        os.replace(new.key, self.server.key)
        os.replace(new.certificate, self.server.certificate)
        # Files are looked at once a second while connections come.
        self.assertTrue(any(self.serial() != old for _ in range(10_000)))
        self.assertEqual(program.stop(), 0)

    def test_hup_reads_other_names_of_files(self):
        new = self.authority.issue("new")
        config = pathlib.Path(self.folder, "tls.conf")
        config.write_text(f"[ssl]\ncert_file = {self.server.certificate}\nkey_file = {self.server.key}\n")
        program = self.enterContext(Program("tls", "--port=0", f"--config_file={config}"))
        self.where = program.address()
        old = self.serial()
        config.write_text(f"[ssl]\ncert_file = {new.certificate}\nkey_file = {new.key}\n")
        program.signal(signal.SIGHUP)
        program.log.wait_for("wsgi: serving", 2)
        # The old server may still take one more connection, but not all of them.
        self.assertTrue(any(self.serial() != old for _ in range(10_000)))
        self.assertEqual(program.stop(), 0)

    def test_with_ca_file_clients_show_who_they_are(self):
        program = self.start(f"ca_file={self.authority.certificate}")
        ann = self.authority.issue("ann")
        self.assertEqual(self.get(self.authority.context(ann)), "Hello, ann\n")
        with self.assertRaises((ssl.SSLError, OSError)):
            self.get(self.authority.context())
        self.assertEqual(program.stop(), 0)


if __name__ == "__main__":
    unittest.main()

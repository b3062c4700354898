# SPDX-License-Identifier: Apache-2.0
"""migrating.md names everything that oslo.service has, and what it names here exists."""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen")
PAGE = (ROOT / "docs/migrating.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`]+)`", PAGE))

OPTIONS = """
backdoor_port backdoor_socket run_external_periodic_tasks log_options graceful_shutdown_timeout api_paste_config
wsgi_log_format tcp_keepidle wsgi_default_pool_size max_header_line wsgi_keep_alive client_socket_timeout
wsgi_server_debug ca_file cert_file key_file version ciphers
""".split()

# Without their module, which the page may leave out.
NAMES = """
list_opts register_service_opts set_service_opts_defaults register_opts
ServiceBase Service Services launch Launcher ServiceLauncher ProcessLauncher launch_service SignalHandler run_service
wait_interval restart_method no_fork init_backend get_backend get_backend_type register_backend_default_hook BackendType
notify notify_once onready backdoor_port
periodic_task spacing run_immediately name enabled external_process_ok PeriodicTasks run_periodic_tasks
run_periodic_tasks_in_parallel add_periodic_task InvalidPeriodicTaskArg
FixedIntervalLoopingCall FixedIntervalWithTimeoutLoopingCall DynamicLoopingCall BackOffLoopingCall LoopingCallDone
LoopingCallTimeOut RetryDecorator ThreadGroup Thread add_thread add_timer add_timer_args add_dynamic_timer
add_dynamic_timer_args timer_done stop_timers waitall cancel link SleepFixture
Server Request Router Loader ConfigNotFound PasteAppNotFound InvalidInput is_enabled wrap
initialize_if_enabled EventletBackdoorConfigValueError
SIGTERM SIGINT SIGHUP SIGALRM oslo-config-generator oslo-config-validator api-paste.ini
prof() pnt() pgt() exit() quit() help
""".split()


class MigratingTest(unittest.TestCase):
    def test_every_option_has_a_row(self):
        rows = set(re.findall(r"^\| `(\w+)`(?: in `\[ssl\]`)? \|", PAGE, re.MULTILINE))
        self.assertEqual([], [option for option in OPTIONS if option not in rows])

    def test_options_are_ours_too(self):
        ours = (ROOT / "docs/configuration.md").read_text(encoding="utf-8")
        self.assertEqual([], [o for o in OPTIONS if not re.search(rf'id="(DEFAULT|ssl)\.{o}"', ours)])

    def test_every_name_is_there(self):
        known = CODE | {code.rpartition(".")[2] for code in CODE}
        self.assertEqual([], [name for name in NAMES if name not in known])

    def test_files_that_are_named_exist(self):
        files = [code for code in CODE if re.fullmatch(r"[a-z0-9_/]+/\w+\.(h|bzl|cc)", code)]
        self.assertGreater(len(files), 15)
        self.assertEqual([], [file for file in files if not (ROOT / file).is_file()])

    def test_what_headers_are_said_to_have_is_in_them(self):
        claims = re.findall(r"`(?:\w+::)*(\w+)` of `([a-z_/]+\.h)`", PAGE)
        self.assertGreater(len(claims), 15)
        missing = [
            (name, file)
            for name, file in claims
            if not re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8"))
        ]
        self.assertEqual([], missing)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""What an operator gets for right and wrong configuration."""

import unittest

from tests.support.demo import Demo


class OptionsTest(unittest.TestCase):
    def refused(self, *arguments, settings=None):
        """Starts a demo that must refuse to; returns what it said."""
        with Demo(*arguments, settings=settings, wait=False) as demo:
            self.assertNotEqual(demo.wait(), 0)
        return demo.log.text()

    def test_a_wrong_value_names_file_line_option_and_bound(self):
        said = self.refused(settings={"demo.workers": "0"})
        self.assertRegex(said, r"demo\.conf:\d+: demo\.workers: .*at least 1")
        self.assertIn('0', said)

    def test_text_where_a_number_is_due(self):
        said = self.refused(settings={"demo.heartbeat_interval": "often"})
        self.assertRegex(said, r'demo\.conf:\d+: demo\.heartbeat_interval: .*often')

    def test_all_errors_are_told_at_once(self):
        said = self.refused(settings={"demo.workers": "0", "demo.bind_port": "70000"})
        self.assertIn("demo.workers", said)
        self.assertIn("demo.bind_port", said)

    def test_a_choice_that_does_not_exist(self):
        said = self.refused(settings={"demo.restart_method": "sometimes"})
        self.assertRegex(said, r"demo\.restart_method: .*sometimes")

    def test_set_wins_over_the_file_and_its_errors_name_it(self):
        with Demo("--set", "demo.greeting=from the line", settings={"demo.greeting": "x"}) as demo:
            self.assertEqual(demo.get("/").text, "from the line\n")
        self.assertRegex(self.refused("--set=demo.workers=0"), r"--set.*demo\.workers")
        self.assertRegex(self.refused("--set=nonsense"), r"nonsense")

    def test_a_missing_file_is_named(self):
        self.assertIn("/no/such.conf", self.refused("--config_file=/no/such.conf"))

    def test_directories_are_read_in_order_after_the_files(self):
        with Demo(wait=False) as first:
            folder = first.folder / "conf.d"
            folder.mkdir()
            (folder / "10.conf").write_text("[demo]\ngreeting = ten\n")
            (folder / "20.conf").write_text("[demo]\ngreeting = twenty\n")
            (folder / "30.txt").write_text("[demo]\ngreeting = thirty\n")
            with Demo(f"--config_dir={folder}", settings={"demo.greeting": "file"}) as demo:
                self.assertEqual(demo.get("/").text, "twenty\n")

    def test_an_unknown_flag_is_refused(self):
        self.assertIn("no_such_flag", self.refused("--no_such_flag"))

    def test_a_taken_port_is_named(self):
        with Demo() as demo:
            said = self.refused(settings={"demo.bind_port": str(demo.port)})
            self.assertIn(str(demo.port), said)

    def test_tls_without_a_certificate_is_refused_at_the_start(self):
        self.assertIn("cert_file", self.refused(settings={"demo.use_ssl": "true"}))

    def test_the_option_dump_masks_nothing_that_is_not_secret(self):
        with Demo(settings={"DEFAULT.debug": "true", "demo.greeting": "shown"}) as demo:
            demo.log.wait_for(r"demo\.greeting\s+= shown")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The console in a browser, as an operator clicks through it; keeps a screenshot of each tab.

Run by hand, since it installs 130 MB of Debian packages (as root) if they are missing:

    ./bazelw test //tests:console_browser_test
    ls bazel-testlogs/tests/console_browser_test/test.outputs
"""

import os
import pathlib
import shutil
import subprocess
import unittest

from tests.support.demo import DEADLINE, Demo

PACKAGES = ["chromium", "chromium-driver", "python3-selenium"]
if not shutil.which("chromedriver") or not shutil.which("chromium"):
    subprocess.run(
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES],
        check=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

OUTPUTS = pathlib.Path(os.environ["TEST_UNDECLARED_OUTPUTS_DIR"])


class ConsoleBrowserTest(unittest.TestCase):
    def setUp(self):
        self.demo = Demo(
            "--workers=1",
            settings={"demo.console_listen": "127.0.0.1:0", "demo.console_role": "operate"},
        )
        self.enterContext(self.demo)
        where = self.demo.output.wait_for(r"console of worker 0 at (http://\S+)")[0]
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        for argument in ("--headless=new", "--no-sandbox", "--window-size=1200,900"):
            options.add_argument(argument)
        options.add_argument(f"--user-data-dir={self.demo.folder}/chromium")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.browser = webdriver.Chrome(
            service=Service(shutil.which("chromedriver")), options=options
        )
        self.addCleanup(self.browser.quit)
        self.browser.get(where[1])

    def wait_for_script(self, script, *arguments):
        """Waits until the value is true. In one step: the page replaces its elements."""
        WebDriverWait(self.browser, DEADLINE).until(
            lambda browser: browser.execute_script(script, *arguments), f"{script} {arguments}"
        )

    def wait_for(self, selector, text):
        self.wait_for_script(
            "return [...document.querySelectorAll(arguments[0])]"
            ".some((one) => one.textContent.includes(arguments[1]))",
            selector,
            text,
        )

    def open_tab(self, name):
        self.browser.find_element(By.CSS_SELECTOR, f"[data-tab={name}]").click()

    def keep(self, name):
        self.browser.save_screenshot(str(OUTPUTS / f"{name}.png"))

    def test_every_tab_shows_what_it_is_for(self):
        self.wait_for("#title", "Bergen demo")
        self.wait_for("#overview pre", "program: Bergen demo")
        self.wait_for("#overview pre", "service 0: 1")
        self.keep("overview")
        for name, selector, text in [
            ("threads", "#threads pre", "Thread "),
            ("tasks", "#tasks pre", "heartbeat"),
            ("config", "#options td", "demo.greeting"),
            ("metrics", "#charts .name", "wsgi_connections"),
        ]:
            self.open_tab(name)
            self.wait_for(selector, text)
            self.keep(name)
        # A chart has a line once there are two points.
        self.wait_for_script(
            "return document.querySelector('#charts polyline').points.length > 1"
        )
        self.keep("metrics")

        self.open_tab("command")
        self.browser.find_element(By.ID, "line").send_keys("hlep\n")
        self.wait_for("#answer.error", "did you mean help?")

    def test_takes_a_profile_and_shows_its_flame_graph(self):
        self.wait_for("#title", "Bergen demo")
        self.open_tab("profile")
        seconds = self.browser.find_element(By.ID, "seconds")
        seconds.clear()
        seconds.send_keys("1")
        self.browser.find_element(By.ID, "take").click()

        self.wait_for("#profile-state", "recording")
        while "samples in" not in self.browser.find_element(By.ID, "profile-state").text:
            self.demo.get("/fib?n=27")
        self.wait_for("#profile-state", "samples in")
        # Its script, which labels the frames, runs in there.
        self.browser.switch_to.frame(self.browser.find_element(By.ID, "flame"))
        self.wait_for("text", "Fibonacci")
        self.browser.switch_to.default_content()
        self.keep("profile")

    def tearDown(self):
        errors = [
            entry
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE" and "favicon" not in entry["message"]
            # A command that was mistyped on purpose.
            and "404" not in entry["message"]
        ]
        self.assertEqual(errors, [])


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The site in a browser, from disk: on a phone nothing is too wide, and the search finds.

Run by hand, since it installs 130 MB of Debian packages (as root) if they are missing:

    ./bazelw test //docs:site_browser_test
    ls bazel-testlogs/docs/site_browser_test/test.outputs
"""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PACKAGES = ["chromium", "chromium-driver", "python3-selenium"]
if not shutil.which("chromedriver") or not importlib.util.find_spec("selenium"):
    subprocess.run(
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *PACKAGES],
        check=True,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
    )

from selenium import webdriver  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

SITE = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen/docs/site")
OUTPUTS = pathlib.Path(os.environ["TEST_UNDECLARED_OUTPUTS_DIR"])
PAGES = sorted(path.name for path in SITE.glob("*.html"))
PHONE = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}


class SiteBrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium")
        profile = cls.enterClassContext(tempfile.TemporaryDirectory(dir="/tmp"))
        for argument in ("--headless=new", "--no-sandbox", "--window-size=1200,900", f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        cls.browser = webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)
        cls.addClassCleanup(cls.browser.quit)

    def open(self, page):
        self.browser.get((SITE / page).as_uri())

    def test_every_page_loads_without_an_error(self):
        for page in PAGES:
            self.open(page)
            self.assertEqual([], self.browser.get_log("browser"), page)
            broken = self.browser.execute_script(
                "return [...document.images].filter((one) => !one.naturalWidth).map((one) => one.src)"
            )
            self.assertEqual([], broken, page)
        self.open("lifecycle.html")
        self.browser.save_screenshot(str(OUTPUTS / "lifecycle.png"))

    def test_nothing_is_too_wide_for_a_phone(self):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        self.addCleanup(self.browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        for page in PAGES:
            self.open(page)
            width = self.browser.execute_script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, PHONE["width"], page)
        self.open("index.html")
        self.browser.save_screenshot(str(OUTPUTS / "phone.png"))

    def test_the_search_leads_to_an_option(self):
        self.open("index.html")
        self.browser.find_element(By.ID, "query").send_keys("graceful_shutdown_timeout")
        links = self.browser.find_elements(By.CSS_SELECTOR, "#results a")
        self.assertEqual(links[0].text, "graceful_shutdown_timeout")
        links[0].click()
        self.assertTrue(self.browser.current_url.endswith("configuration.html#DEFAULT.graceful_shutdown_timeout"))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The pages of the site: links and anchors lead somewhere, and nothing comes from elsewhere."""

import html.parser
import json
import os
import pathlib
import unittest
import urllib.parse

SITE = pathlib.Path(os.environ["TEST_SRCDIR"], "bergen/docs/site")


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.loads, self.open = set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.anchors.add(attrs.get("id"))
        if tag == "a" and "href" in attrs:
            self.links.append(attrs["href"])
        for attribute in ("src", "href") if tag != "a" else ():
            if attribute in attrs:
                self.loads.append(attrs[attribute])
        if tag not in ("br", "hr", "img", "input", "link", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()


class SiteTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pages = {path.name: Page(path.read_text(encoding="utf-8")) for path in SITE.glob("*.html")}

    def test_there_is_a_page_to_begin_with_and_the_others(self):
        self.assertIn("index.html", self.pages)
        self.assertGreater(len(self.pages), 10)

    def test_elements_are_closed(self):
        self.assertEqual({}, {name: page.open for name, page in self.pages.items() if page.open})

    def test_links_lead_somewhere(self):
        broken = []
        for name, page in self.pages.items():
            for link in page.links:
                url = urllib.parse.urlsplit(link)
                if url.scheme or url.netloc:
                    continue
                to = self.pages.get(url.path or name)
                if to is None or (url.fragment and url.fragment not in to.anchors):
                    broken.append(f"{name}: {link}")
        self.assertEqual([], broken)

    def test_everything_is_on_disk(self):
        missing = [
            f"{name}: {file}"
            for name, page in self.pages.items()
            for file in page.loads
            if urllib.parse.urlsplit(file).scheme or not (SITE / file).is_file()
        ]
        self.assertEqual([], missing)

    def test_the_search_knows_every_page_and_every_option(self):
        text = (SITE / "search_index.js").read_text(encoding="utf-8")
        index = json.loads(text.removeprefix("const INDEX = ").rstrip().removesuffix(";"))
        self.assertEqual({section[0] for section in index}, set(self.pages))
        found = [section for section in index if section[2] == "graceful_shutdown_timeout"]
        self.assertEqual([section[:2] for section in found], [["configuration.html", "DEFAULT.graceful_shutdown_timeout"]])


if __name__ == "__main__":
    unittest.main()

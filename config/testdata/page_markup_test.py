# SPDX-License-Identifier: Apache-2.0
"""The HTML page is well-formed and its links lead somewhere; docutils likes the rst page.

Arguments: the two files.
"""

import html.parser
import sys
import unittest

sys.path.append("/usr/lib/python3/dist-packages")

import docutils.core  # noqa: E402

VOID = {"meta"}


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.open, self.wrong = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.append(attributes["id"])
        if "href" in attributes:
            self.links.append(attributes["href"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> at {self.getpos()}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


class PageMarkupTest(unittest.TestCase):
    def test_every_html_element_ends_and_every_link_leads_to_one_anchor(self):
        page = Page(read(HTML))
        self.assertEqual(([], []), (page.open, page.wrong))
        self.assertIn("DEFAULT.dry_run", page.ids)
        self.assertEqual(len(set(page.ids)), len(page.ids))
        self.assertEqual({"#" + anchor for anchor in page.ids}, set(page.links))

    def test_docutils_reads_the_rst_without_a_warning_and_keeps_the_anchors(self):
        settings = {"report_level": 2, "halt_level": 2, "input_encoding": "utf-8"}
        text = docutils.core.publish_string(read(RST), writer_name="html5", settings_overrides=settings).decode()
        for anchor in Page(read(HTML)).ids:
            self.assertEqual(1, text.count(f'<a id="{anchor}"></a>'), anchor)
        doctree = docutils.core.publish_doctree(read(RST), settings_overrides=settings)
        self.assertIn("store.path", doctree.nameids)
        literals = {node.astext() for node in doctree.traverse(docutils.nodes.literal)}
        self.assertIn('" | "', literals)
        self.assertIn("line one\\nline two", literals)


if __name__ == "__main__":
    HTML, RST = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])

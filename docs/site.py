# SPDX-License-Identifier: Apache-2.0
"""Renders the pages to HTML that works from disk, with a search that needs no server.

    site.py DIRECTORY FILE...    the pages (.md), pictures (.svg), and what each page loads
"""

import collections
import html
import html.parser
import json
import pathlib
import re
import sys

import markdown

# By reader. A page that is in no list is an error, and so is one that is missing.
READERS = {
    "Begin": ["README", "quickstart", "migrating"],
    "Operate": ["operations", "profiling", "lifecycle", "security", "configuration", "commands"],
    "Write": ["examples", "option_rules", "CONTRIBUTING"],
    "Judge": ["design", "performance", "conformance", "CHANGELOG"],
}
NAMES = {"README": "index"}
EXTENSIONS = ["fenced_code", "sane_lists", "tables", "toc"]


class Sections(html.parser.HTMLParser):
    """The text of a page by section, for the search: [anchor, title, text]."""

    def __init__(self):
        super().__init__()
        self.found = []
        self._heading = False
        self._anchor = None

    def handle_starttag(self, tag, attrs):
        if re.fullmatch("h[1-6]", tag):
            self.found.append([dict(attrs).get("id", ""), "", ""])
            self._heading = True
        elif tag == "a" and self._heading and dict(attrs).get("id"):
            self.found[-1][0] = dict(attrs)["id"]

    def handle_endtag(self, tag):
        if re.fullmatch("h[1-6]", tag):
            self._heading = False

    def handle_data(self, data):
        if self.found:
            self.found[-1][1 if self._heading else 2] += data


def target(name):
    return NAMES.get(name, name) + ".html"


def title_of(text):
    return re.search(r"^# (?:<a [^>]*></a>)?(.*)$", text, re.MULTILINE)[1]


def with_links(text, pages):
    """Links to other pages; `docs/` in front is a matter of where the source is."""

    def change(match):
        path, anchor = match[1], match[2] or ""
        name = path.rpartition("/")[2].removesuffix(".md")
        if name not in pages:
            raise ValueError(f"a link to a page that there is not: {path}")
        return f'href="{target(name)}{anchor}"{">" + html.escape(title_of(pages[name])) if match[3] else ""}'

    # Where the source has the name of a file, the site has the title of the page.
    return re.sub(r'href="(?!\w+:)([^"#]+\.md)(#[^"]*)?"(>[\w./]+\.md(?=</a>))?', change, text)


def render(name, pages):
    text = pages[name]
    body = markdown.markdown(text, extensions=EXTENSIONS)
    body = with_links(body, pages)
    body = re.sub(r"<table>.*?</table>", r'<div class="wide">\g<0></div>', body, flags=re.DOTALL)
    menu = "".join(
        f"<h2>{reader}</h2>\n<ul>\n"
        + "".join(
            f'<li><a href="{target(page)}"{" aria-current=page" if page == name else ""}>'
            f"{html.escape(title_of(pages[page]))}</a></li>\n"
            for page in names
        )
        + "</ul>\n"
        for reader, names in READERS.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title_of(text))} - Bergen</title>
<link rel="stylesheet" href="site.css">
<script src="search_index.js" defer></script>
<script src="search.js" defer></script>
</head>
<body>
<nav>
<input type="search" id="query" placeholder="Search" aria-label="Search" autocomplete="off">
<ol id="results"></ol>
<details open>
<summary>Pages</summary>
{menu}</details>
</nav>
<main>
{body}
</main>
</body>
</html>
"""


def main(directory, files):
    directory = pathlib.Path(directory)
    pages, others = {}, []
    for file in map(pathlib.Path, files):
        if file.suffix == ".md":
            pages[file.stem] = file.read_text(encoding="utf-8")
        else:
            others.append(file)
    listed = [name for names in READERS.values() for name in names]
    if sorted(listed) != sorted(pages):
        raise ValueError(f"pages {sorted(pages)} are listed as {sorted(listed)}")
    index = []
    for name in listed:
        text = render(name, pages)
        (directory / target(name)).write_text(text, encoding="utf-8")
        sections = Sections()
        sections.feed(text[text.index("<main>") : text.index("</main>")])
        for anchor, title, words in sections.found:
            index.append([target(name), anchor, title.strip(), " ".join(words.split())])
    (directory / "search_index.js").write_text(
        "const INDEX = " + json.dumps(index, ensure_ascii=False).replace("</", "<\\/") + ";\n", encoding="utf-8"
    )
    for file in others:
        (directory / file.name).write_bytes(file.read_bytes())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

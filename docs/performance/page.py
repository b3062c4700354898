# SPDX-License-Identifier: Apache-2.0
"""Makes performance.md and a picture for each record that tests/bench has written (report.py).

    page.py DIRECTORY RECORD.json...    into DIRECTORY: performance.md, performance_TITLE.svg
"""

import collections
import html
import json
import math
import pathlib
import re
import sys

INTRODUCTION = """# Performance

Each table is one benchmark: we and our peers take turns in one run, in changing order, and a ratio is the median of the ratios
within the rounds. Below 1 we cost less. A bar is the most that a ratio may be. Costs are processor time if the name says `cpu`.

To measure again, on a quiet machine, and make this page of it:

    for bench in backdoor config launcher periodic tls wsgi; do
      BERGEN_BENCH_RECORD=$PWD/docs/performance ./bazelw run -c opt //tests/bench:$bench
    done
    ./bazelw run //docs:performance_test.update
"""
OURS = "#2f6f4f"
WORSE = "#b5651d"
PEERS = ["#4a6fa5", "#8a4fa5", "#a54a4a", "#6f6f2f", "#b5651d"]
WIDTH = 720
LABEL = 380  # Pixels for names.
ROW = 20
PLOT = 170  # Height of one that shows growth; two are side by side.


def number(value):
    if value is None:
        return "-"
    if value >= 10000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}"


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def table(lines):
    rows = ["| Metric | Ours | Theirs | Unit | Ratio | Bar | Peer |\n|---|---|---|---|---|---|---|\n"]
    for line in lines:
        ratio = "-" if line["ratio"] is None else f"{line['ratio']:.3g}"
        verdict = {True: "holds", False: "**over**", None: ""}[line["holds"]]
        bar = "" if line["bar"] is None else f"{line['bar']:g} {verdict}".strip()
        peer = cell(line["peer"]) + (f": {line['missing']}" if line["theirs"] is None and line.get("missing") else "")
        rows.append(
            f"| `{line['metric']}` | {number(line['ours'])} | {number(line['theirs'])} | {line['unit']} | {ratio} | {bar} | {peer} |\n"
        )
    return "".join(rows)


def is_other(peer):
    """Whether it is somebody else, and no bound and no smaller number of ours."""
    return not peer.startswith(("the bar", "ourselves", "what is allowed"))


def text(x, y, content, anchor="start", size=11):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{html.escape(content)}</text>'


def ratios(lines, top):
    """Bars from 1, to the left if we cost less; by powers."""
    known = [line for line in lines if line["ratio"] and math.isfinite(line["ratio"]) and is_other(line["peer"])]
    most = max([1.0] + [abs(math.log10(line["ratio"])) for line in known])
    middle = LABEL + (WIDTH - LABEL) / 2
    scale = ((WIDTH - LABEL) / 2 - 55) / most
    parts = [text(middle, top + 12, "costs less than the peer | more", "middle")]
    y = top + ROW
    for line in known:
        length = math.log10(line["ratio"]) * scale
        color = OURS if length <= 0 else WORSE
        parts.append(text(LABEL - 8, y + 14, f"{line['metric']}: {line['peer']}"[:64], "end"))
        parts.append(
            f'<rect x="{min(middle, middle + length):.1f}" y="{y + 4}" width="{max(1, abs(length)):.1f}" height="{ROW - 7}" fill="{color}"/>'
        )
        beside = middle + length + (4 if length > 0 else -4)
        parts.append(text(beside, y + 14, f"{line['ratio']:.3g}", "start" if length > 0 else "end", 10))
        y += ROW
    parts.append(f'<line x1="{middle}" x2="{middle}" y1="{top + ROW}" y2="{y}" stroke="#555"/>')
    return parts, y + 10


def series(lines):
    """{(metric with N in the place of a number, unit): {who: {N: value}}}, of those with two points."""
    found = collections.defaultdict(lambda: collections.defaultdict(dict))
    for line in lines:
        words = line["metric"].split(".")
        for i, word in enumerate(words):
            if not re.fullmatch(r"\d+", word) or int(word) == 0:
                continue
            of = found[".".join(words[:i] + ["N"] + words[i + 1 :]), line["unit"]]
            of["ours"][int(word)] = line["ours"]
            smaller = re.fullmatch(r"ourselves, (\d+)", line["peer"])
            if smaller and line["theirs"]:
                of["ours"].setdefault(int(smaller[1]), line["theirs"])
            elif line["theirs"] and is_other(line["peer"]):
                of[line["peer"]][int(word)] = line["theirs"]
    kept = {}
    for name, whose in found.items():
        several = {who: points for who, points in whose.items() if len(points) > 1}
        if "ours" in several:
            kept[name] = several
    return kept


def growth(name, unit, whose, colors, left, top):
    """How cost grows with N; both axes by powers."""
    xs = [x for points in whose.values() for x in points]
    ys = [y for points in whose.values() for y in points.values() if y > 0]
    if not ys:
        return []
    begin, end, bottom = left + 50, left + WIDTH / 2 - 135, top + PLOT - 30
    low, high = min(ys) / 1.5, max(ys) * 1.5

    def place(value, least, most, start, stop):
        return start + (math.log10(value / least) / (math.log10(most / least) or 1)) * (stop - start)

    def across(x):
        return place(x, min(xs), max(xs), begin + 15, end - 15)

    parts = [
        text(left + 10, top + 14, f"{name}, {unit}", size=12),
        f'<path d="M{begin} {top + 24}V{bottom}H{end}" fill="none" stroke="#555"/>',
        text(begin - 4, top + 32, number(high), "end", 10),
        text(begin - 4, bottom, number(low), "end", 10),
    ]
    parts += [text(across(x), bottom + 14, number(x), "middle", 10) for x in sorted(set(xs))]
    for i, who in enumerate(sorted(whose, key=lambda who: (who != "ours", who))):
        points = [(across(x), place(y, low, high, bottom, top + 24)) for x, y in sorted(whose[who].items()) if y > 0]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colors[who]}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colors[who]}"/>' for x, y in points]
        parts.append(f'<rect x="{end + 6}" y="{top + 26 + 16 * i}" width="8" height="8" fill="{colors[who]}"/>')
        parts.append(text(end + 18, top + 34 + 16 * i, who[:22], size=9))
    return parts


def picture(record):
    parts, y = ratios(record["lines"], 0)
    plots = series(record["lines"])
    peers = sorted({who for whose in plots.values() for who in whose} - {"ours"})
    colors = {"ours": OURS, **{who: PEERS[i % len(PEERS)] for i, who in enumerate(peers)}}
    for i, ((name, unit), whose) in enumerate(plots.items()):
        parts += growth(name, unit, whose, colors, WIDTH / 2 * (i % 2), y + 10 + PLOT * (i // 2))
    y += 10 + PLOT * math.ceil(len(plots) / 2)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y:.0f}" width="{WIDTH}" height="{y:.0f}" '
        f'font-family="sans-serif">\n<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def section(record):
    title = record["title"]
    kept = [line["holds"] for line in record["lines"] if line["holds"] is not None]
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"\n## {title}\n\n{sum(kept)} of {len(kept)} bars hold. {record['machine']}; {record['estimate']} of "
        f"{record['rounds']} rounds; {record['date']}. `{record['command']}`\n\n"
        f"![{title}: ratios to peers, and growth](performance_{title}.svg)\n\n"
        f"{table(record['lines'])}\nVersions: {versions}.\n"
    )


def main(directory, files):
    records = [json.loads(pathlib.Path(file).read_text(encoding="utf-8")) for file in sorted(files)]
    directory = pathlib.Path(directory)
    page = INTRODUCTION
    for record in records:
        page += section(record)
        (directory / f"performance_{record['title']}.svg").write_text(picture(record), encoding="utf-8")
    (directory / "performance.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

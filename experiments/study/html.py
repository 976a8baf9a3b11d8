"""A report as one HTML page that needs nothing else: for a browser, in light or dark, and for paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from spikewhen.experiments.study.claim import FAILS, HOLDS, OPEN, REPORTED
from spikewhen.experiments.study.interval_plot import interval_plot
from spikewhen.experiments.study.report import (
    MEANING,
    METHOD,
    Table,
    families,
    heading,
    judged_only,
    p_of,
    p_value,
    required,
    rests_on,
    tally,
    terms,
    value,
)

PICTURE = (
    "In the small pictures the dot is the mean, the bar its interval, the shaded part what is required, and "
    "a thin line zero. A click on the head of a column sorts the table by it."
)
CLASSES = {HOLDS: "holds", OPEN: "open", FAILS: "fails", REPORTED: "reported"}

STYLE = """
:root { color-scheme: light dark; --fg: #1b1b1b; --dim: #5d5d5d; --bg: #fff; --line: #d4d4d4;
  --band: #f4f4f4; --met: #dcebe1; --holds: #13653a; --open: #7a5200; --fails: #a11722; }
@media (prefers-color-scheme: dark) {
  :root { --fg: #e6e6e6; --dim: #a2a2a2; --bg: #16181a; --line: #3d4043; --band: #202326; --met: #20402d;
    --holds: #6fcf97; --open: #e5b567; --fails: #ff8a8f; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg);
  margin: 0 auto; max-width: 78rem; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .3rem; }
p, ul { max-width: 62rem; }
.dim, .reported { color: var(--dim); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .28rem .7rem .28rem 0;
  border-bottom: 1px solid var(--line); }
th { border-bottom-color: var(--fg); }
tbody tr:hover { background: var(--band); }
.holds { color: var(--holds); }
.open { color: var(--open); }
.fails { color: var(--fails); font-weight: 700; }
.holds, .open, .fails, .reported, .mean { white-space: nowrap; }
code, pre { font: .88em/1.45 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--dim); }
a { color: inherit; }
svg { width: 120px; height: 16px; vertical-align: middle; fill: currentColor; }
svg .met { fill: var(--met); }
svg .zero { stroke: var(--line); }
svg .bar { stroke: currentColor; stroke-width: 1.6; fill: none; }
th button { all: unset; cursor: pointer; font-weight: 700; }
th button:focus-visible { outline: 2px solid; }
th[aria-sort=ascending] button::after { content: " ▲"; }
th[aria-sort=descending] button::after { content: " ▼"; }
#show { display: none; gap: 1.2rem; flex-wrap: wrap; border: 0; padding: 0; margin: 1rem 0; }
.scripted #show { display: flex; }
@page { margin: 15mm; }
@media print {
  :root { color-scheme: light; --fg: #000; --dim: #444; --bg: #fff; --line: #bbb; --band: #fff;
    --met: #dcebe1; --holds: #13653a; --open: #7a5200; --fails: #a11722; }
  body { font-size: 9pt; max-width: none; padding: 0; }
  .wide { overflow: visible; }
  .scripted #show { display: none; }
  h2 { break-after: avoid; }
  tr { break-inside: avoid; }
  thead { display: table-header-group; }
}
"""


SCRIPT = """
document.documentElement.classList.add("scripted");
const number = text => {
  const n = parseFloat(text.replace("−", "-").replace(/^[<>≤≥]+ */, ""));
  return isNaN(n) ? null : n;
};
const key = (row, i) => row.cells[i].dataset.sort ?? row.cells[i].innerText;
for (const head of document.querySelectorAll("th")) {
  if (!head.innerText) continue;
  const button = document.createElement("button");
  button.append(...head.childNodes);
  head.append(button);
  button.onclick = () => {
    const up = head.ariaSort !== "ascending", i = head.cellIndex, body = head.closest("table").tBodies[0];
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.ariaSort = up ? "ascending" : "descending";
    const sign = up ? 1 : -1;
    const compare = (a, b) => {
      const [x, y] = [key(a, i), key(b, i)], [m, n] = [number(x), number(y)];
      if (m !== null && n !== null) return m - n;
      return (m === null) - (n === null) || x.localeCompare(y, "en", { numeric: true });
    };
    body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
  };
}
const boxes = [...document.querySelectorAll("#show input")];
const filter = () => {
  const shown = new Set(boxes.filter(box => box.checked).map(box => box.value));
  for (const row of document.querySelectorAll("tr[data-verdict]"))
    row.hidden = !shown.has(row.dataset.verdict);
};
for (const box of boxes) box.onchange = filter;
filter();
"""
"""Sorts a table by the column whose head is clicked, and shows the rows of chosen verdicts."""


def to_html(report: Table) -> str:
    """Return the page of a report, as `spikewhen.experiments.study.report.build` made it."""
    entries = report["claims"]
    software = ", ".join(f"{k} {v}" for k, v in report["software"].items())
    summary = [
        (
            _link(entry),
            _text(entry["published"]),
            _verdict(entry["verdict"]),
            *map(str, tally(entry)),
            _text(p_value(entry["p_holm"])),
        )
        for entry in entries
    ]
    head = ("claim", "published", "finding", "ours, mean [95 % interval]", "", "n", "required", "verdict")
    rows = [
        (
            f"<b>{_text(entry['id'])}</b>",
            _text(f["published"]),
            _text(f["what"]),
            _mean(f),
            interval_plot(f),
            f"{f['n']}",
            _required(f),
            _verdict(f["verdict"]),
        )
        for entry in entries
        for f in judged_only(entry)
    ]
    body = [
        f"<h1>{_text(heading(report))}</h1>",
        f"<p><code>{_text(report['command'])}</code>, {len(report['seeds'])} seeds</p>",
        f'<p class="dim">{_text(software)}</p>',
        *(f"<p>{_text(term)}</p>" for term in terms(report)),
        f"<p>{_text(METHOD)}</p>",
        f"<p>{_text(PICTURE)}</p>",
        "<ul>" + "".join(f"<li>{_verdict(k)}: {_text(v)}</li>" for k, v in MEANING.items()) + "</ul>",
        _filter(),
        _table(
            ("claim", "published", "verdict", "findings that hold", "not shown", "fail", "Holm p"),
            summary,
            [entry["verdict"] for entry in entries],
        ),
        "<h2>What was required</h2>",
        _table(head, rows, [f["verdict"] for entry in entries for f in judged_only(entry)]),
        *(_claim(report, entry) for entry in entries),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_text(heading(report))}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + f"\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )


def _claim(report: Table, entry: Table) -> str:
    head = ("finding", "published", "ours, mean [95 % interval]", "", "n", "required", "verdict", "p")
    rows = [
        (
            _text(f["what"]),
            _text(f["published"]),
            _mean(f),
            interval_plot(f),
            f"{f['n']}",
            _required(f),
            _verdict(f["verdict"]),
            _text(p_of(f)),
        )
        for f in entry["findings"]
    ]
    seeds = report["command"].rpartition(" --seeds ")[2]
    command = f"{report['study']['command']} {entry['id']} --seeds {seeds}"
    notes = "".join(f"<li>{_text(note)}</li>" for note in entry["notes"])
    return "\n".join(
        [
            f'<h2 id="{_text(entry["id"])}">{_text(entry["id"])}: {_text(entry["title"])}</h2>',
            f"<p>Published: {_text(entry['published'])}. Verdict: {_verdict(entry['verdict'])}."
            f"{_text(rests_on(entry) + families(entry))}</p>",
            f"<ul>{notes}</ul>" if notes else "",
            _table(head, rows, [f["verdict"] for f in entry["findings"]]),
            f'<p class="dim"><code>{_text(command)}</code></p>',
            *(_protocol(name, report["protocols"][name]) for name in entry["protocols"]),
        ]
    )


def _protocol(name: str, protocol: Mapping[str, Any]) -> str:
    lines = [f"{protocol['config']}, with", *(f"  {o}" for o in protocol["overrides"]), "rules"]
    for label, rule in protocol["rules"].items():
        lines.append(f"  {label}: " + ", ".join(f"{k} = {v}" for k, v in rule.items()))
    lines += ["runs by seed", "  " + ", ".join(f"{s}: {i}" for s, i in protocol["runs"].items())]
    warned = protocol["warnings"]
    if warned:
        lines += [
            "warnings on the network's health",
            *(f"  seed {s}: {'; '.join(w)}" for s, w in warned.items()),
        ]
    summary = f"Protocol {name}: {len(protocol['rules'])} rules, {len(protocol['runs'])} runs"
    summary += f", {len(warned)} with warnings on the network's health" if warned else ""
    return f"<details><summary>{_text(summary)}</summary><pre>{_text(chr(10).join(lines))}</pre></details>"


def _filter() -> str:
    """Return a row of boxes, one per verdict."""
    boxes = (
        f'<label><input type="checkbox" value="{CLASSES[name]}" checked> {_verdict(name)}</label>'
        for name in CLASSES
    )
    return f'<fieldset id="show" aria-label="Show rows by verdict">Show: {"".join(boxes)}</fieldset>'


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], verdicts: Iterable[str]) -> str:
    top = "".join(f"<th>{h}</th>" for h in head)
    body = "\n".join(
        f'<tr data-verdict="{CLASSES[verdict]}">' + "".join(f"<td>{c}</td>" for c in row) + "</tr>"
        for row, verdict in zip(rows, verdicts, strict=True)
    )
    return (
        f'<div class="wide"><table>\n<thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )


def _link(entry: Table) -> str:
    return f'<a href="#{_text(entry["id"])}"><b>{_text(entry["id"])}</b> {_text(entry["title"])}</a>'


def _verdict(name: str) -> str:
    return f'<span class="{CLASSES[name]}">{name}</span>'


def _mean(f: Mapping[str, Any]) -> str:
    return f'<span class="mean">{_text(value(f))}</span>'


def _required(f: Mapping[str, Any]) -> str:
    return f'<span class="mean">{_text(required(f))}</span>'


def _text(text: Any) -> str:
    return escape(str(text))

"""A report as Markdown."""

from __future__ import annotations

from spikewhen.experiments.study.claim import FAILS
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


def to_markdown(report: Table) -> str:
    """Return the tables as Markdown: what is required first, then everything by claim."""
    software_ = ", ".join(f"{k} {v}" for k, v in report["software"].items())
    parts = [
        f"# {heading(report)}\n",
        f"`{report['command']}`, {len(report['seeds'])} seeds. {software_}.\n",
        *(term + "\n" for term in terms(report)),
        METHOD + "\n",
        "\n".join(f"- {name}: {meaning}" for name, meaning in MEANING.items()) + "\n",
        "| claim | | published | verdict | hold | not shown | fail | Holm p |\n"
        "|---|---|---|---|---|---|---|---|\n"
        + "\n".join(
            f"| {e['id']} | {_cell(e['title'])} | {_cell(e['published'])} | {_strong(e['verdict'])} "
            f"| {' | '.join(map(str, tally(e)))} | {p_value(e['p_holm'])} |"
            for e in report["claims"]
        )
        + "\n",
        "## What was required\n",
        "| claim | published | finding | ours, mean [95 % interval] | n | required | verdict |\n"
        "|---|---|---|---|---|---|---|\n"
        + "\n".join(
            f"| {entry['id']} | {_cell(f['published'])} | {_cell(f['what'])} | {value(f)} | {f['n']} "
            f"| {required(f)} | {_strong(f['verdict'])} |"
            for entry in report["claims"]
            for f in judged_only(entry)
        )
        + "\n",
    ]
    parts += [_claim(report, entry) for entry in report["claims"]]
    return "\n".join(parts)


def _claim(report: Table, entry: Table) -> str:
    rows = [
        f"| {_cell(f['what'])} | {_cell(f['published'])} | {value(f)} | {f['n']} | {required(f)} "
        f"| {_strong(f['verdict'])} | {p_of(f)} |"
        for f in entry["findings"]
    ]
    lines = [
        f"## {entry['id']}: {entry['title']}\n",
        f"Published: {entry['published']}. Verdict: {_strong(entry['verdict'])}."
        f"{rests_on(entry)}{families(entry)}\n",
    ]
    if entry["notes"]:
        lines.append("\n".join(f"- {note}" for note in entry["notes"]) + "\n")
    lines.append(
        "| finding | published | ours, mean [95 % interval] | n | required | verdict | p |\n"
        "|---|---|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )
    lines.append("Protocols: " + "; ".join(brief(report, name) for name in entry["protocols"]) + ".\n")
    return "\n".join(lines)


def brief(report: Table, name: str) -> str:
    """Name a protocol, its rules and its runs."""
    protocol = report["protocols"][name]
    runs = list(protocol["runs"].values())
    warned = len(protocol["warnings"])
    health = f", {warned} with warnings on the network's health" if warned else ""
    return f"{name} ({', '.join(protocol['rules'])}; {len(runs)} runs, {runs[0]} to {runs[-1]}{health})"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _strong(name: str) -> str:
    return f"**{name}**" if name == FAILS else name

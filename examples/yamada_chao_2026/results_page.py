"""The page of results: plain sentences whose numbers are filled in from the report of the claims.

``python -m spikewhen.examples.yamada_chao_2026.results_page REPORT [HELD_OUT] > docs/results.md``, where
the reports are ``claims.md`` as `spikewhen claims` writes it. In the text (results_page.md)
``{C1: E(10) / E(1)}`` stands for the value of that finding with its interval. With ``| mean`` before the
brace it stands for the value alone. With ``| less`` it stands for a negative value and its interval without
the sign, for sentences that say "lower" or "fewer"; any other is refused there. ``| mean less`` is both.
Numbers below 1 have two digits. ``{C1 verdict}`` stands for the verdict, and ``{C1 tally}`` for how many
findings hold, are not shown and fail. In a finding's name ``*`` stands for any characters and ``?`` for one,
and one finding must be left. ``{claims fails}`` lists the claims of that verdict, and ``{verdicts of both}``
compares both reports, of whose requirements ``{alike in both}`` are judged alike. A ``900 `` before the
claim's id takes the held-out report.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NamedTuple

from spikewhen.reservoir.errors import InputError

TEXT = Path(__file__).with_name("results_page.md")
HELD_OUT = "900"
PLACE = re.compile(
    r"\{(?:(900) )?([A-Z][A-Z0-9]*b?)(?:: ([^{}|]+?)(?: \| (mean|less|mean less))?| (verdict|tally))\}"
)
LIST = re.compile(r"\{(?:(900) )?claims (holds|not shown|fails)\}")
NUMBER = re.compile(r"(?<![\w.])-?\d[\d.]*(?:e-?\d+)?")


class Report(NamedTuple):
    """What a report says."""

    values: dict[str, dict[str, str]]  # claim -> finding -> value
    verdicts: dict[str, str]
    tallies: dict[str, tuple[str, str, str]]  # hold, not shown, fail
    required: dict[str, dict[str, str]]  # claim -> finding that something was required of -> verdict


def read_report(markdown: str) -> Report:
    """Read the findings, verdicts and tallies of a ``claims.md``."""
    verdicts, tallies = {}, {}
    values: dict[str, dict[str, str]] = {}
    required: dict[str, dict[str, str]] = {}
    claim, before = None, ""
    for line in markdown.splitlines():
        if heading := re.match(r"## (\w+): ", line):
            claim = heading[1]
            values[claim], required[claim] = {}, {}
        cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if claim is None and len(cells) == 8 and cells[0] not in ("claim", "---"):
            verdicts[cells[0]] = cells[3].strip("*")
            tallies[cells[0]] = (cells[4], cells[5], cells[6])
        elif claim is not None and len(cells) == 7 and cells[0] not in ("finding", "---"):
            name = cells[0]
            values[claim][name] = cells[2]
            if name.startswith("the same"):  # as the finding before it, which tells which one this is
                name = f"{before}; {name}"
            else:
                before = name
            if cells[4]:
                required[claim][name] = cells[5].strip("*")
    return Report(values, verdicts, tallies, required)


def judgements(report: Report, held_out: Report) -> dict[str, list[tuple[str, str, str]]]:
    """Return for each claim what was required of, and its verdict in both reports."""
    found = {}
    for claim in report.verdicts:
        second = {_of_any_seeds(name): v for name, v in held_out.required[claim].items()}
        first = {_of_any_seeds(name): v for name, v in report.required[claim].items()}
        found[claim] = [(name, verdict, second[name]) for name, verdict in first.items()]
    return found


def both(report: Report, held_out: Report) -> str:
    """Tabulate the verdicts of two reports, and which findings are judged otherwise in the second."""
    lines = ["| claim | seeds 0-19 | held out | judged otherwise there |", "|---|---|---|---|"]
    for claim, found in judgements(report, held_out).items():
        other = [f"{name}: {verdict} → {now}" for name, verdict, now in found if now != verdict]
        first, second = report.verdicts[claim], held_out.verdicts[claim]
        lines.append(f"| {claim} | {first} | {second} | {'; '.join(other)} |")
    return "\n".join(lines)


def alike(report: Report, held_out: Report) -> str:
    """Count the requirements that both reports judge alike."""
    pairs = [verdicts for found in judgements(report, held_out).values() for _, *verdicts in found]
    return f"{sum(first == second for first, second in pairs)} of {len(pairs)}"


def _of_any_seeds(finding: str) -> str:
    """Leave out references and best rates, which differ between the seeds."""
    return re.sub(r" \((?:x )?[\d.]+(?:, x [\d.]+)*\)", "", finding)


def render(text: str, report: str, held_out: str = "") -> str:
    """Fill in every place of a text.

    Parameters
    ----------
    text : str
    report, held_out : str
        Reports as Markdown.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If a claim or a finding is not in the report, or a place cannot be read.
    """
    reports = {None: read_report(report), HELD_OUT: read_report(held_out)}

    def filled(place: re.Match) -> str:
        which, claim, finding, form, of_claim = place.groups()
        found = reports[which]
        if claim not in found.values:
            raise InputError(place[0], claim, f"a claim of the report: {', '.join(found.values)}")
        if of_claim == "verdict":
            return found.verdicts[claim]
        if of_claim == "tally":
            return "{} hold, {} not shown, {} fail".format(*found.tallies[claim])
        pattern = re.compile(re.escape(finding).replace(r"\*", ".*").replace(r"\?", "."))
        matching = [value for name, value in found.values[claim].items() if pattern.fullmatch(name)]
        if len(matching) != 1:
            raise InputError(
                place[0], finding, f"one finding of claim {claim} in the report, not {len(matching)}"
            )
        return shown(matching[0], form or "")

    def listed(place: re.Match) -> str:
        which, verdict = place.groups()
        *most, last = [claim for claim, found in reports[which].verdicts.items() if found == verdict]
        return f"{', '.join(most)} and {last}" if most else last

    if (place := "{verdicts of both}") in text:
        text = text.replace(place, both(reports[None], reports[HELD_OUT]))
    if (place := "{alike in both}") in text:
        text = text.replace(place, alike(reports[None], reports[HELD_OUT]))
    page = LIST.sub(listed, PLACE.sub(filled, text))
    if left := re.search(r"\{[^}]*\}", page):
        raise InputError("results_page.md", left[0], "{claim: finding}, {claim verdict} or {claim tally}")
    return page


def shown(value: str, form: str) -> str:
    """Return a value of a report such as ``−0.412 [−0.46, −0.36] ms`` in the form that a place asks for."""
    value = value.removesuffix(" (median)").replace("−", "-").replace(" deg", "°")
    if "mean" in form:
        value = re.sub(r" \[.*?\]", "", value)
    if "less" in form:
        if not value.startswith("-"):
            raise InputError("results_page.md", value, "a negative value where the text says that it is less")
        value = re.sub(r"\[(\S+), (\S+)\]", r"[\2, \1]", value)
        value = NUMBER.sub(
            lambda number: number[0][1:] if number[0].startswith("-") else f"-{number[0]}", value
        )
    return NUMBER.sub(lambda number: _rounded(number[0]), value)


def _rounded(text: str) -> str:
    if not set(text) & set(".e"):
        return text.replace("-", "−")
    x = float(text)
    digits = next(d for d, least in ((1, 9.95), (2, 0.095), (3, 0.0095), (4, 0.0)) if abs(x) >= least)
    if abs(x) >= 1:
        digits = min(digits, len(text.partition(".")[2]))
    return f"{x:.{digits}f}".replace("-", "−" if abs(x) >= 0.00005 else "")


def main() -> None:
    """Print the page."""
    print(render(TEXT.read_text(), *(Path(p).read_text() for p in sys.argv[1:3])), end="")


if __name__ == "__main__":
    main()

"""What a comparison of rules found, and what it looks like: text, Markdown, HTML, CSV, JSON, a data frame."""

from __future__ import annotations

import csv
import html
import io
import textwrap
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.score_names import heading, main_score
from spikewhen.analysis.statistics import MEAN_INTERVAL, fewest_pairs, smallest_p
from spikewhen.analysis.summary import Difference, corrected_together, summarise
from spikewhen.analysis.summary import compare as paired_differences
from spikewhen.experiments import display
from spikewhen.experiments.display import count
from spikewhen.experiments.results import (
    FREE,
    MEANING_OF_E,
    ROW,
    Failure,
    RunSummary,
    cell,
    failures,
    refuse_failures,
    run_table,
    summarise_results,
    summary_text,
    tidy,
)
from spikewhen.experiments.tables import Table, format_seeds, interval, number
from spikewhen.experiments.update_cost import COSTS, UpdateCost, cost_table, plain
from spikewhen.experiments.views import pandas
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files.integrity import write_whole

SHOWN = {"error": ("error", "error_equal_p", "error_true_p", "brier"), "free_rmse": FREE}
"""The scores that stand in a table, by the score that is compared; by default that one alone."""

COLUMNS = (*ROW, "note")
"""Of `to_rows` and ``compare.csv``; `note` says why a rule was left out."""


class Comparison:
    """Rules compared on the same networks, trials and noise, paired by seed.

    Attributes
    ----------
    name : str
    rules : list of str
        Labels, the reference first; without rules that failed for every seed.
    runs : list of RunSummary
        Ordered by seed, with the compared rules only.
    failures : list of Failure
        Rules that diverged or whose run failed, with seeds and reason.
    score : str
        Name of the score that is compared, e.g. ``"error"``.
    costs : dict of str to UpdateCost
        What an update of each rule costs, where it was measured; by label.
    """

    def __init__(
        self,
        name: str,
        runs: Sequence[RunSummary],
        labels: Sequence[str] | None = None,
        reference: str | None = None,
        origin: str = "",
    ):
        self.name, self.runs, self.origin = name, list(runs), origin
        self.costs: dict[str, UpdateCost] = {}
        there = dict.fromkeys(label for run in runs for label in run.labels)
        ordered = [label for label in labels or there if label in there]
        if reference is not None and reference not in there:
            raise InputError("reference", reference, f"one of {', '.join(there)}")
        self.rules = ordered if reference is None else [reference, *(x for x in ordered if x != reference)]
        self.failures: list[Failure] = failures(runs)
        names = [set(found) for run in runs for found in run.scores.values()]
        there_too = set.intersection(*names) if names else set()
        own = next((run.main for run in runs if run.labels), None)
        score = own if own in there_too else main_score(there_too)
        if score is None:
            raise InputError(
                name,
                "no score to compare",
                "runs of a task that declares scores (docs/own_tasks.md), with probes",
            )
        self.score = score

    @property
    def reference(self) -> str:
        """The rule that the others are compared with."""
        return self.rules[0]

    @property
    def seeds(self) -> list[int]:
        """Seeds of the runs."""
        return sorted({run.seed for run in self.runs if run.labels})

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Means and intervals, as `spikewhen.analysis.summary.summarise` returns them, by rule."""
        found = summarise({run.run_id: run.scores for run in self.runs}, self.score)
        return {label: found[label] for label in self.rules}

    @cached_property
    def differences(self) -> dict[str, list[Difference]]:
        """Paired differences of the score to the reference, by rule; p corrected over all of them."""
        paired: dict[str, dict] = {}
        for run in self.runs:  # the rules of a seed may stand in several runs
            paired.setdefault(str(run.seed), {}).update(run.scores)
        found = {
            label: paired_differences(paired, label, self.reference, self.score) for label in self.rules[1:]
        }
        return corrected_together(found)

    def to_rows(self) -> list[dict[str, Any]]:
        """Return one row per value, with the keys of `COLUMNS`, and one per rule that failed."""
        return list(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for run in self.runs:
            scores = {label: run.scores[label] for label in self.rules if label in run.scores}
            for row in tidy(run.run_id, run.seed, scores, run.conditions, run.events):
                yield row | {"note": None}
            for label, reason in run.failed.items():
                blank = dict.fromkeys(COLUMNS) | {"seed": run.seed, "rule": label}
                yield blank | {"score": "failed", "heading": "left out", "note": reason}

    def to_frame(self) -> Any:
        """Return the rows of `to_rows` as a pandas table.

        Raises
        ------
        InputError
            Where pandas is not installed.
        """
        found = pandas().DataFrame(self.to_rows(), columns=list(COLUMNS))
        return found.astype({"block": "Int64", "trial": "Int64"})

    def csv(self) -> str:
        """Return `to_rows` as the text of a CSV file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in self._rows():
            writer.writerow(map(_cell, row.values()))
        return out.getvalue()

    def json(self) -> str:
        """Return the summary of the runs and the differences, as the text of a JSON file."""
        found = [
            {"rule": label, "block": d.block, "trial": d.trial, **_finite(_numbers(d))}
            for label, every in self.differences.items()
            for d in every
        ]
        compared: dict[str, Any] = {"score": self.score, "reference": self.reference, "differences": found}
        if self.costs:
            compared["update_costs"] = plain(self.costs)
        return summary_text([summarise_results(self.name, self.runs)], comparison=compared)

    def table(self) -> str:
        """Return the comparison as Markdown."""
        title, *parts = self._parts()
        texts = [part.markdown() if isinstance(part, Table) else f"{part}\n" for part in parts]
        return "\n".join([f"# {title}\n", *texts])

    def text(self, width: int = 80) -> str:
        """Return the comparison for a terminal."""
        parts = [
            part.text(width) if isinstance(part, Table) else textwrap.fill(part, width)
            for part in self._parts(intervals=False)
        ]
        return "\n\n".join(parts)

    def save(self, folder: str | Path) -> list[Path]:
        """Write ``compare.csv``, ``compare.md`` and ``compare.json`` into a folder, and return their paths.

        Raises
        ------
        OSError
        """
        texts = {"compare.csv": self.csv(), "compare.md": self.table(), "compare.json": self.json()}
        paths = [Path(folder) / name for name in texts]
        for path, text in zip(paths, texts.values(), strict=True):
            write_whole(path, text)
        return paths

    def __repr__(self) -> str:
        facts = [(label, self._last(label)) for label in self.rules]
        facts += [("left out", str(failure)) for failure in self.failures]
        facts.append(("ask", ".table() .to_frame() .differences .summary .save(folder)"))
        return display.text(f"comparison of {self._title}, {self._seeds}", facts)

    def _repr_html_(self) -> str:
        title, *parts = self._parts()
        texts = [part.html() if isinstance(part, Table) else f"<p>{html.escape(part)}</p>" for part in parts]
        return f"<h4>{html.escape(str(title))}</h4>{''.join(texts)}"

    def refuse_failures(self) -> None:
        """End a command in which runs failed or rules were left out, after everything else is written.

        Raises
        ------
        RunError
            Naming them, as `spikewhen.experiments.results.refuse_failures` does.
        """
        refuse_failures(self.runs)

    # what all of these show

    @property
    def _title(self) -> str:
        return f"{self.name}: {', '.join(self.rules)}"

    @property
    def _seeds(self) -> str:
        return f"{count(len(self.seeds), 'seed')} ({format_seeds(self.seeds)})"

    def _last(self, label: str) -> str:
        entry = self.summary[label]
        if not entry["blocks"]:
            return f"{heading(self.score)} {cell(entry['run'].get(self.score), with_interval=True)}"
        block = entry["blocks"][-1]
        found = cell(block.get(self.score), with_interval=True)
        return f"{heading(self.score)} {found} at the end of block {block['block']}"

    def _parts(self, intervals: bool = True) -> Iterator[str | Table]:
        yield self._title
        at = "at the last probes of each block" if self._of_blocks else "of each run"
        meaning = f" {MEANING_OF_E}." if self.score == "error" else ""
        yield f"{self._seeds}. Mean over seeds [95 % interval: {MEAN_INTERVAL}] {at}.{meaning}"
        yield self._scores(intervals)
        if any(self.differences.values()):
            yield (
                f"Differences of {heading(self.score)} to {self.reference}, paired by seed. "
                f"Below 0 the rule has less {heading(self.score)} than {self.reference}."
            )
            yield self._differences()
            yield self._note_on_p()
        if self.costs:
            yield COSTS
            yield cost_table({label: self.costs[label] for label in self.rules})
        yield from map(str, self.failures)
        if self.origin:
            yield self.origin

    @property
    def _of_blocks(self) -> bool:
        return any(entry["blocks"] for entry in self.summary.values())

    def _scores(self, intervals: bool) -> Table:
        entries = [part for e in self.summary.values() for part in (e["run"], *e["blocks"])]
        names = [n for n in SHOWN.get(self.score, (self.score,)) if any(n in part for part in entries)]
        if not self._of_blocks:
            return run_table(self.summary, names, names if intervals else (self.score,))
        rows = [
            [
                label,
                str(block["block"]),
                *(cell(block.get(n), with_interval=intervals or n == self.score) for n in names),
                str(len(entry["runs"])),
            ]
            for label, entry in self.summary.items()
            for block in entry["blocks"]
        ]
        return Table(["rule", "block", *map(heading, names), "seeds"], rows)

    def _differences(self) -> Table:
        rows = [
            [
                label,
                *([str(d.block), _dash(d.trial)] if self._of_blocks else []),
                interval(d.paired.mean, d.paired.low, d.paired.high),
                number(d.effect.d_z, "{:.2g}"),
                str(d.paired.n),
                number(d.paired.p, "{:.2g}"),
                number(d.p_holm, "{:.2g}"),
            ]
            for label, every in self.differences.items()
            for d in every
        ]
        moment = ["block", "trial"] if self._of_blocks else []
        columns = (f"difference in {heading(self.score)}", "d_z", "seeds", "p", "p (Holm)")
        return Table(["rule", *moment, *columns], rows)

    def _note_on_p(self) -> str:
        every = [d for found in self.differences.values() for d in found]
        n, tests = min(d.paired.n for d in every), sum(d.paired.n > 0 for d in every)
        note = (
            "d_z: mean of the differences over their standard deviation. p: signs of the differences are "
            f"flipped; Holm's correction is over the {count(tests, 'row')} of this table."
        )
        if n > 0 and (floor := tests * smallest_p(n)) >= 0.05:
            note += (
                f" With {count(n, 'seed')} there are {2**n} ways to flip them, so no p can be below "
                f"{smallest_p(n):.3g}, and no corrected one below {min(1, floor):.3g}. It takes "
                f"{fewest_pairs(tests)} seeds to get below 0.05."
            )
        return note


def _numbers(d: Difference) -> dict[str, Any]:
    effect = {"d_z": d.effect.d_z, "d_z_low": d.effect.low, "d_z_high": d.effect.high}
    return {**d.paired._asdict(), "p_holm": d.p_holm, **effect}


def _dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and number(v) == "-" else v for k, v in values.items()}


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return csv_text(value)
    return "" if value is None else repr(value) if isinstance(value, float) else value

"""What a tuning found: candidates, winners, and the paragraph that a Methods section needs."""

from __future__ import annotations

import csv
import html
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikewhen.analysis.bands import csv_text
from spikewhen.analysis.score_names import heading
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.comparison import Comparison
from spikewhen.experiments.config import Experiment
from spikewhen.experiments.display import count
from spikewhen.experiments.tables import Table, number
from spikewhen.experiments.tuning.methods import paragraph
from spikewhen.experiments.tuning.plan import TuningPlan
from spikewhen.experiments.tuning.space import changed
from spikewhen.experiments.tuning.study import Candidate, candidates_of, open_study, under_way
from spikewhen.experiments.tuning.winners import TUNED, read_winners
from spikewhen.experiments.views import pandas

CANDIDATES, METHODS = "candidates.csv", "methods.md"


@dataclass(frozen=True)
class TuningResult:
    """What a tuning found.

    Attributes
    ----------
    plan : TuningPlan
    candidates : dict of str to list of Candidate
        By label, in the order in which they were drawn; the first has the values of the config.
    elsewhere : list of str
        Other processes that are still at work on it.
    """

    plan: TuningPlan
    candidates: dict[str, list[Candidate]]
    elsewhere: list[str]

    @classmethod
    def read_journal(cls, plan: TuningPlan) -> TuningResult:
        """Take what the journal of a plan holds."""
        studies = {rule.label: open_study(plan, rule) for rule in plan.rules}
        found = {label: candidates_of(study, plan.spec.candidates) for label, study in studies.items()}
        return cls(plan, found, [name for study in studies.values() for name in under_way(study)])

    @property
    def folder(self) -> Path:
        """Where everything was written."""
        return self.plan.folder

    def best(self, label: str) -> Candidate:
        """Return the best candidate of a rule that was judged on every seed; of equals, the first."""
        whole = [c for c in self.candidates[label] if c.value is not None]
        sign = 1 if self.plan.objective.lower else -1
        return min(whole, key=lambda c: (sign * c.value, c.place))  # type: ignore[operator]

    @property
    def winners(self) -> dict[str, dict[str, Any]]:
        """The values of the best candidate of each rule, by label and dotted path."""
        return {rule.label: self.best(rule.label).values for rule in self.plan.rules}

    @property
    def experiment(self) -> Experiment:
        """The experiment, its rules with the values of the winners."""
        rules = {r.label: changed(r.rule, self.winners[r.label]) for r in self.plan.rules}
        return replace(self.plan.experiment, rules=rules)

    @property
    def methods(self) -> str:
        """What a Methods section has to say."""
        return paragraph(self.plan, {label: self._winner_in_words(label) for label in self.winners})

    def _winner_in_words(self, label: str) -> str:
        best, first = self.best(label), self.candidates[label][0]
        values = ", ".join(f"{path} = {_word(value)}" for path, value in best.values.items())
        start = (
            f"the config's own: {number(first.value)}"
            if first.value is not None
            else "the config's own failed"
        )
        return f"{values} ({number(best.value)}; {start})"

    def compare(self, seeds: Iterable[int] | None = None, *, threads: int = 1) -> Comparison:
        """Compare the winners, paired by seed, with what an update of each costs.

        Parameters
        ----------
        seeds : iterable of int, optional
            In place of those that were kept for the report; none that the search has seen.
        threads : int
            Runs at once.

        Raises
        ------
        InputError
        """
        return read_winners(self.folder, seeds).compare(threads)

    def refuse_empty(self) -> None:
        """Refuse a search in which no candidate of a rule got a value.

        Raises
        ------
        RunError
        """
        for label, found in self.candidates.items():
            if all(c.value is None for c in found):
                note = next((c.note for c in found if c.note), "none was judged on every seed")
                raise RunError(
                    f"{label}: none of {count(len(found), 'candidate')} has a value; the first: {note}"
                )

    def overview(self) -> Table:
        """Return a row per rule: the value that the config starts from, and the winner."""
        rows = []
        for label, found in self.candidates.items():
            best, states = self.best(label), [c.state for c in found]
            values = ", ".join(f"{path} {_word(value)}" for path, value in best.values.items())
            start = number(found[0].value)
            numbers = str(len(found)), str(states.count("pruned") or ""), str(states.count("failed") or "")
            rows.append([label, start, number(best.value), values, *numbers])
        name = heading(self.plan.objective.score)
        return Table(
            [
                "rule",
                f"{name} of the config",
                f"{name} of the winner",
                "winner",
                "candidates",
                "given up",
                "failed",
            ],
            rows,
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row per candidate: rule, place, state, value, that of each seed, and its parameters."""
        paths = [f"rules.{r.label}.{path}" for r in self.plan.rules for path in r.space]
        found = []
        for rule in self.plan.rules:
            for c in self.candidates[rule.label]:
                row: dict[str, Any] = {
                    "rule": rule.label,
                    "candidate": c.place,
                    "state": c.state,
                    "value": c.value,
                }
                row |= {f"seed_{seed}": c.seeds.get(seed) for seed in self.plan.spec.search_seeds}
                row |= dict.fromkeys(paths) | {f"rules.{rule.label}.{p}": v for p, v in c.values.items()}
                found.append(row | {"note": c.note or None})
        return found

    def table(self) -> Any:
        """Return `rows` as a pandas table.

        Raises
        ------
        InputError
            Where pandas is not installed.
        """
        return pandas().DataFrame(self.rows())

    def facts(self) -> dict[str, Any]:
        """Return the winners with their values, in JSON types."""
        best = {label: self.best(label) for label in self.candidates}
        found = {
            label: {
                "candidate": c.place,
                "value": c.value,
                "values": c.values,
                "of_config": self.candidates[label][0].value,
            }
            for label, c in best.items()
        }
        return {"winners": found, "beside": os.path.relpath(self.plan.beside, self.folder)}

    def texts(self) -> dict[str, str]:
        """Return what is written, by the name of the file."""
        from spikewhen.experiments.cli.config import to_toml

        head = (
            f"# {self.plan.name}: each rule with the best of its {self.plan.spec.candidates} candidates, as\n"
            "# spikewhen tune found them. How, stands in methods.md; all candidates, in candidates.csv.\n\n"
        )
        return {
            CANDIDATES: self.csv(),
            TUNED: f"{head}{to_toml(self.experiment, 110)}\n",
            METHODS: self.methods,
        }

    def csv(self) -> str:
        """Return `rows` as the text of a CSV file."""
        out, rows = io.StringIO(), self.rows()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(rows[0] if rows else ("rule", "candidate"))
        writer.writerows([_cell(value) for value in row.values()] for row in rows)
        return out.getvalue()

    def __repr__(self) -> str:
        return f"<tuning of {count(len(self.candidates), 'rule')} in {self.folder}>\n{self.overview().text()}"

    def _repr_html_(self) -> str:
        return f"<h4>{html.escape(str(self.folder))}</h4>{self.overview().html()}"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return csv_text(value) if isinstance(value, str) else repr(value) if isinstance(value, float) else value

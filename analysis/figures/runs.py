"""Runs of a folder, sorted into experiments: what differs only in its seed belongs together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from spikewhen.analysis.bands import count_seeds
from spikewhen.analysis.figures.colours import RULES, SPARE
from spikewhen.analysis.figures.names import plain
from spikewhen.analysis.score_names import stored
from spikewhen.analysis.score_run import score_run
from spikewhen.analysis.settings import in_order, of_rule, setting_name, short_names, varied
from spikewhen.analysis.summary import at_trial
from spikewhen.analysis.views import Scores, Task, condition_names, probed_points, read_task
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording

Source = Recording | Iterable[Recording]
"""What a figure is drawn of: one run or several, in memory or in open files."""

LONGEST_NAME = 40
"""Of settings that name a line; longer ones give way to the hash of the config."""

ACRONYMS = {"rls": "RLS", "lms": "LMS", "nlms": "NLMS", "td": "TD", "force": "FORCE"}


@dataclass(frozen=True, eq=False)
class Series:
    """One label of one experiment: a line in a figure."""

    label: str
    name: str  # as matplotlib writes it
    runs: list[Recording]  # one per seed
    colour: str
    dash: Any  # line style

    @property
    def style(self) -> dict[str, Any]:
        """Colour and line style."""
        return {"color": self.colour, "linestyle": self.dash}


class Group:
    """Runs whose configs are equal but for seeds and rules; a rule has one setting in it.

    Attributes
    ----------
    recordings : list of Recording
        Ordered by seed.
    config : dict
        Of the first.
    settings : dict
        What tells it from other groups: its config without seeds, and of its rules only those
        that other runs of the folder have with another setting.
    """

    def __init__(self, recordings: list[Recording], several: Sequence[str] = ()):
        self.settings = _settings(recordings[0].config, several)
        self.recordings = sorted(recordings, key=lambda r: (r.config.get("seed", 0), r.run_id))
        self.config = self.recordings[0].config

    @property
    def first(self) -> Recording:
        """The run of the lowest seed."""
        return self.recordings[0]

    @property
    def labels(self) -> list[str]:
        """Labels of all runs, in the order they are met."""
        return list(dict.fromkeys(label for r in self.recordings for label in r.labels))

    @property
    def events(self) -> list[str]:
        """Names of the events, as matplotlib writes them."""
        return self._names("events")

    @property
    def cues(self) -> list[str]:
        """Names of the cues, as matplotlib writes them."""
        return self._names("cues")

    @property
    def conditions(self) -> list[str]:
        """Names of the conditions, as matplotlib writes them."""
        return [plain(name) for name in condition_names(self.first)]

    def _names(self, which: str) -> list[str]:
        """Return the names that the file holds, else those of the config, else letters."""
        names = schema.names(self.first, which) or self.config.get("paradigm", {}).get(which, ())
        path = schema.block("probability")
        n = self.first[path].shape[2 if which == "events" else 1] if path in self.first else len(names)
        if len(names) != n:
            return [chr(ord("A") + i) for i in range(n)]
        return [plain(str(name)) for name in names]

    @cached_property
    def points(self) -> np.ndarray:
        """Block, trials of the block before, and condition of every probed moment, (P, 3)."""
        return probed_points(self.first).table

    @property
    def main(self) -> str:
        """Name of the score that learning is judged by."""
        return schema.main_score(self.first)

    @property
    def closed(self) -> bool:
        """Whether the readouts are fed back."""
        return self.config.get("network", {}).get("feedback_pa", 0) > 0

    @cached_property
    def task(self) -> Task:
        """The task of the first run."""
        return read_task(self.first)

    def moments(self, block: int) -> np.ndarray:
        """Return the trials of a block after which there are probes, ascending."""
        return np.unique(self.points[self.points[:, 0] == block, 1])

    @property
    def config_hash(self) -> str:
        """Hash of what the runs share."""
        return _hash(self.settings)


class Runs(list):
    """Recordings with their scores, each scored at most once.

    Parameters
    ----------
    recordings : iterable of Recording
    """

    def __init__(self, recordings=()):
        super().__init__(recordings)
        self._scores: dict[tuple[int, str], Scores] = {}
        self._whole: dict[int, dict[str, Scores]] = {}

    @classmethod
    def of(cls, source: Source) -> Runs:
        """Return `source` itself if it is `Runs` already, else the runs of one recording or several."""
        if isinstance(source, cls):
            return source
        return cls([source] if isinstance(source, Recording) else source)

    @cached_property
    def groups(self) -> list[Group]:
        """Experiments, those with most labels first."""
        found: dict[str, list[Recording]] = {}
        for recording in self:
            found.setdefault(_hash(_settings(recording.config)), []).append(recording)
        groups = []
        for key in sorted(found):
            several = _several(found[key])
            parts: dict[str, list[Recording]] = {}
            for recording in found[key]:
                parts.setdefault(_hash(_settings(recording.config, several)), []).append(recording)
            groups += [Group(parts[part], several) for part in sorted(parts)]
        settings = zip(groups, varied([g.settings for g in groups]), strict=True)
        ascending = sorted(settings, key=lambda pair: in_order(pair[1]))
        return sorted((g for g, _ in ascending), key=lambda g: (-len(g.labels), g.closed))

    @property
    def probed(self) -> list[Group]:
        """Experiments with probes of readouts, whose time courses may have been dropped.

        Raises
        ------
        InputError
            Without any.
        """
        found = [
            g for g in self.groups if g.labels and g.first.arrays.get(schema.probe("block"), np.zeros(0)).size
        ]
        if not found:
            raise InputError("recordings", len(self), "at least one run with probes")
        return found

    @property
    def meet(self) -> list[Group]:
        """Those of them with events that have probabilities.

        Raises
        ------
        InputError
            Without any.
        """
        found = [g for g in self.probed if schema.block("probability") in g.first]
        if not found:
            raise InputError("recordings", len(self), "at least one run of the task meet with probes")
        return found

    def scores(self, recording: Recording, label: str) -> Scores:
        """Return the stored scores of a readout, else compute those that need no spikes."""
        key = id(recording), label
        if key not in self._scores:
            found = Scores(stored(recording, label))
            if schema.main_score(recording) not in found and "free_rmse" not in found:
                found = Scores({**self._computed(recording)[label], **found})
            self._scores[key] = found
        return self._scores[key]

    def _computed(self, recording: Recording) -> dict[str, Scores]:
        """Score a recording that holds no scores, all labels at once."""
        if failed := schema.scoring_failure(recording):
            raise InputError(recording.run_id, failed, "a run with scores (`spikewhen score FILE`)")
        if id(recording) not in self._whole:
            self._whole[id(recording)] = score_run(recording)
        return self._whole[id(recording)]

    def series(self, groups: list[Group]) -> list[Series]:
        """Return the lines of some experiments, each with its name and colour."""
        spare = iter(SPARE * 8)
        colours = dict(RULES)
        for group in self.groups:
            for label in group.labels:
                if label not in colours:
                    colours[label] = next(spare)
        names = _naming(groups)
        alone = len(groups) > 1 and len({label for g in groups for label in g.labels}) == 1
        colour_of: dict[str, dict[str, str]] = {}  # of each setting of a rule
        open_too = any(not g.closed for g in groups)
        out = []
        drawn = set()
        for group in groups:
            for label in group.labels:
                key = _hash({**_settings(group.config), "label": label, "rule": _rule(group.first, label)})
                if key in drawn:  # the same rule in a group of its own, since another rule was varied
                    continue
                drawn.add(key)
                words = [] if alone else [pretty(label)]
                words += ["closed loop"] if group.closed else []
                colour = colours[label]
                if sum(label in g.labels and g.closed == group.closed for g in groups) > 1:
                    words += filter(None, [plain(names(group, label))])
                    known = colour_of.setdefault(label, {})
                    colour = known.setdefault(names(group, label), next(spare) if known else colour)
                runs = _one_per_seed(group, label)
                dash = (0, (4, 1.5)) if group.closed and open_too else "-"
                out.append(Series(label, ", ".join(words) or pretty(label), runs, colour, dash))
        return out

    def one_series(self, groups: list[Group], label: str | None = None) -> Series:
        """Return the line of one label, or the first one.

        Raises
        ------
        InputError
            If no run has that label.
        """
        series = self.series(groups)
        found = [s for s in series if label in (None, s.label)]
        if not found:
            raise InputError("label", label, "one of " + ", ".join(dict.fromkeys(s.label for s in series)))
        return found[0]

    def curve(self, series: Series, score: str, block: int, trials: np.ndarray) -> np.ndarray:
        """Return a score per run and probed trial, mean over cues: (runs, trials) or with channels."""
        return np.array(
            [
                [at_trial(self.scores(r, series.label), score, block, int(n)) for n in trials]
                for r in series.runs
            ]
        )


def _one_per_seed(group: Group, label: str) -> list[Recording]:
    """Return the runs of a label; a rule that was trained again in the same way counts once."""
    found: dict[str, Recording] = {}
    for recording in group.recordings:
        if label in recording.labels:
            config = recording.config
            found.setdefault(json.dumps([config.get("seed"), config.get("seeds")]), recording)
    return list(found.values())


def _naming(groups: list[Group]) -> Callable[[Group, str], str]:
    """Return what tells a line from those of the same rule in other groups: ``weight 4``."""
    kept = [{k: v for k, v in g.settings.items() if k not in ("health", "record")} for g in groups]
    differs = {id(g): found for g, found in zip(groups, varied(kept), strict=True)}
    short = short_names(path for found in differs.values() for path in found)

    def name(group: Group, label: str) -> str:
        mine = of_rule(differs[id(group)], label)
        text = setting_name(mine, short)
        return text if len(text) <= LONGEST_NAME and (text or len(groups) == 1) else group.config_hash[:4]

    return name


def _rule(recording: Recording, label: str) -> Any:
    return recording.config.get("rules", {}).get(label, {})


def _several(recordings: list[Recording]) -> list[str]:
    """Return the labels that stand for more than one setting of a rule."""
    found: dict[str, list] = {}
    for recording in recordings:
        for label in recording.labels:
            known = found.setdefault(label, [])
            if (rule := _rule(recording, label)) not in known:
                known.append(rule)
    return sorted(label for label, rules in found.items() if len(rules) > 1)


def pretty(label: str) -> str:
    """Write a label as words, for matplotlib."""
    words = [ACRONYMS.get(w, w) for w in plain(label).split("_")]
    if len(words) > 2 and words[0] in ACRONYMS.values():
        words[0] += ","
    return " ".join(words)


def seeds_of(series: list[Series]) -> str:
    """Return how many seeds stand behind some lines."""
    return count_seeds([len(s.runs) for s in series])


def _settings(config: dict, several: Sequence[str] = ()) -> dict:
    shared = {k: v for k, v in config.items() if k not in ("seed", "seeds", "rules")}
    rules = {k: v for k, v in config.get("rules", {}).items() if k in several}
    return shared | ({"rules": rules} if several else {})


def _hash(shared: dict) -> str:
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:16]

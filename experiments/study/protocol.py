"""What a claim runs: a config with some things changed, and the rules that learn in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spikewhen.experiments.config import Experiment, load_config


@dataclass(frozen=True)
class Protocol:
    """One experiment; claims that name the same one share its runs.

    Attributes
    ----------
    name : str
    overrides : tuple of str
        Changes to the config, as after ``--set``.
    rules : mapping of label to spikewhen.reservoir.rules.Rule, or sequence of str
        What learns, in place of the config's rules, or labels of those; by default all of
        them. All learn from one simulation where the loop is open.
    config : str
        A shipped config, or a file beside the study; "" is the study's.
    seeds : int, optional
        Run on this many times as many seeds as asked for; the others follow the last of them.
    """

    name: str
    overrides: tuple[str, ...] = ()
    rules: Mapping[str, Any] | Sequence[str] = ()
    config: str = ""
    seeds: int = 1

    def experiment(self, config: str = "meet.toml", overrides: tuple[str, ...] = ()) -> Experiment:
        """Load a config with the changes of a study, then those of the protocol, and its rules."""
        loaded = load_config(config, (*overrides, *self.overrides))
        if isinstance(self.rules, Mapping):
            return replace(loaded, rules=dict(self.rules))
        return loaded.with_rules(list(self.rules), "rules") if self.rules else loaded


def blocks(*rows: tuple, trials: int = 0) -> str:
    """Write blocks as an override.

    Parameters
    ----------
    rows : (probability, latency_ms) pairs
        Each a table of cues x events, or one row where there is one cue.
    trials : int
        Of each block; 0 = the config's.
    """

    def table(x) -> str:
        nested = x if isinstance(x[0], (list, tuple)) else [x]
        return "[" + ", ".join("[" + ", ".join(repr(float(v)) for v in row) + "]" for row in nested) + "]"

    size = f", trials = {trials}" if trials else ""
    entries = [f"{{probability = {table(p)}, latency_ms = {table(t)}{size}}}" for p, t in rows]
    return f"paradigm.blocks=[{', '.join(entries)}]"


def probes(after: tuple[int, ...], repeats: int) -> tuple[str, str]:
    """Write when to probe, and how often each time, as overrides."""
    return f"paradigm.probes_after={list(after)}", f"paradigm.probe_repeats={repeats}"


SHORT = ('simulation.precision="float32"', 'record.spikes="none"', "record.trials=false")
"""Of protocols that only need scores: single precision (claim G: the same E), probes only."""

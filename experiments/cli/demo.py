"""The main job, small enough for a laptop: what `spikewhen demo` runs."""

from __future__ import annotations

from typing import NamedTuple

from spikewhen.experiments.config import Experiment, load_config


class Part(NamedTuple):
    """One experiment of the demo."""

    name: str
    config: str
    overrides: tuple[str, ...]
    seeds: tuple[int, ...]
    rules: tuple[str, ...] = ()  # empty = all

    def experiment(self, more: tuple[str, ...] = ()) -> Experiment:
        """Load it, with further overrides on top."""
        loaded = load_config(self.config, (*self.overrides, *more))
        return loaded.with_rules(list(self.rules)) if self.rules else loaded


FEWER_PROBES = ("paradigm.probes_after=[1, 10, 20, 50, 100]", "paradigm.probe_repeats=4")

NOTE = (
    "The demo probes at 5 points of each block, 4 times each; the full protocol of meet.toml\n"
    "probes at 11 points, 10 times each. Learning is the same: probes leave the run untouched."
)

PARTS = (
    Part(
        "open loop",
        "meet.toml",
        FEWER_PROBES,
        (0, 1, 2),
        ("local", "rls_never_reset", "rls_reset_at_switches"),
    ),
    Part(
        "closed loop",
        "meet.toml",
        (*FEWER_PROBES, "network.feedback_pa=20.0", 'record.spikes="subset"'),
        (0, 1, 2),
        ("local",),
    ),
    Part("calibration", "calibration.toml", ("paradigm.probe_repeats=5",), (0,)),
)
"""The local rule and least squares on the same spikes; the local rule fed back; eleven levels of p."""

"""The learning rules that claims compare, by label."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from spikewhen.experiments.config import load_config


@cache
def shipped(name: str) -> Any:
    """Return a rule of meet.toml."""
    return load_config("meet.toml").rules[name]


def local() -> Any:
    """Return the local rule of meet.toml."""
    return shipped("local")


def changed(rule: Any, *, gate: dict | None = None, what: dict | None = None, **parameters: Any) -> Any:
    """Return a rule with some parameters changed; `gate` and `what` name those of its parts."""
    if gate:
        parameters["gate"] = replace(rule.gate, **gate)
    if what:
        parameters["what"] = replace(rule.what, **what)
    return replace(rule, **parameters)


def surprised() -> Any:
    """Return the local rule with a rate of "what" that rises while its error has one sign."""
    surprise = {"eta_w": 0.02, "surprise": 0.4, "surprise_scale": 0.6, "surprise_rate": 0.05}
    return changed(local(), what=surprise)

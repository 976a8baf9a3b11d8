"""Experiments: TOML in, one frozen object out, every mistake named in one line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spikewhen.experiments.checks import refuse_rule
from spikewhen.experiments.display import Facts, Shown, changed, count
from spikewhen.experiments.parse import choose, override, parse, read_toml, refuse_deep, with_values
from spikewhen.experiments.registry import resolve
from spikewhen.paradigms import PARADIGMS
from spikewhen.paradigms.meet import Meet
from spikewhen.reservoir.arrays import check_label
from spikewhen.reservoir.code_hash import describe_class
from spikewhen.reservoir.errors import InputError, nearest
from spikewhen.reservoir.files.recording import run_id
from spikewhen.reservoir.files.schema import SCHEMA_VERSION
from spikewhen.reservoir.health import HealthSpec
from spikewhen.reservoir.network import NetworkSpec
from spikewhen.reservoir.own_rules import checked_step
from spikewhen.reservoir.record import RecordSpec
from spikewhen.reservoir.rules import RULES
from spikewhen.reservoir.sessions import calling
from spikewhen.reservoir.spec import Spec, as_table, param
from spikewhen.reservoir.time_grid import SimulationSpec, TraceSpec
from spikewhen.reservoir.types import NUMERICS_VERSION

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class SeedSpec(Spec):
    """Where a run's three seeds come from."""

    network: int = param(-1, "seed of the network; -1 = the run's seed", ge=-1)
    task: int = param(-1, "seed of trials and probes; -1 = the run's seed", ge=-1)
    noise: int = param(-1, "seed of the membrane noise; -1 = the run's seed", ge=-1, lt=2**63)

    def resolve(self, seed: int) -> SeedSpec:
        """Fill in the run's seed."""
        return SeedSpec(*[seed if s < 0 else s for s in (self.network, self.task, self.noise)])


@dataclass(frozen=True, repr=False)
class Experiment(Shown):
    """Everything that decides a result, except the seed.

    Attributes
    ----------
    paradigm : spikewhen.paradigms.base.Task
        Meet, Signal, or a task of one's own.
    rules : dict of str to spikewhen.reservoir.rules.Rule
        By label.
    """

    network: NetworkSpec = dataclasses.field(default_factory=NetworkSpec)
    simulation: SimulationSpec = dataclasses.field(default_factory=SimulationSpec)
    trace: TraceSpec = dataclasses.field(default_factory=TraceSpec)
    paradigm: Any = dataclasses.field(default_factory=Meet)
    rules: dict[str, Any] = dataclasses.field(default_factory=lambda: {"local": RULES["three_factor"]()})
    record: RecordSpec = dataclasses.field(default_factory=RecordSpec)
    health: HealthSpec = dataclasses.field(default_factory=HealthSpec)
    seeds: SeedSpec = dataclasses.field(default_factory=SeedSpec)

    def __post_init__(self) -> None:
        if not self.rules:
            raise InputError("rules", {}, "at least one rule")
        for label, rule in self.rules.items():
            check_label(label)
            checked_step(label, rule)
            refuse_rule(label, rule)
            if hasattr(self.paradigm, "check_rule"):
                with calling("paradigm.check_rule"):
                    self.paradigm.check_rule(label, rule)

    def with_rules(
        self, labels: Sequence[str], option: str = "--rules", beside: str | Path | None = None
    ) -> Experiment:
        """Return the experiment with some of its rules, or with rules of other files.

        Parameters
        ----------
        labels : sequence of str
            Labels of this experiment, or dotted paths such as ``"my_rules:SignRule"``: a rule
            with its default parameters, labelled by its ``name``.
        option : str
            Named when a label is refused.
        beside : path, optional
            Folder in which modules of dotted paths are looked for first.

        Raises
        ------
        InputError
        """
        chosen: dict[str, Any] = {}
        for label in labels:
            if ":" in label:
                cls = resolve("rule", label, beside, option)
                name, rule = cls.name, parse(cls, {}, option)
            elif label in self.rules:
                name, rule = label, self.rules[label]
            else:
                known = ", ".join(self.rules)
                raise InputError(option, label, f"labels of this config: {known}; or module:Class")
            if name in chosen:
                raise InputError(option, ",".join(labels), "each label once")
            chosen[name] = rule
        return replace(self, rules=chosen)

    def without(self, label: str) -> Experiment | None:
        """Return the experiment without one of its rules; None if no rule is left."""
        rest = {name: rule for name, rule in self.rules.items() if name != label}
        return replace(self, rules=rest) if rest and label in self.rules else None

    def split(self) -> list[Experiment]:
        """One experiment per simulation: with feedback every rule needs its own."""
        if self.network.feedback_pa == 0:
            return [self]
        return [replace(self, rules={label: rule}) for label, rule in self.rules.items()]

    def resolved(self, seed: int) -> dict:
        """Every value that decides the result, as plain JSON types."""
        out: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "numerics_version": NUMERICS_VERSION,
            "seed": seed,
        }
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if f.name == "rules":
                out["rules"] = {
                    k: {"rule": r.name, **as_table(r), **_foreign(r, RULES)} for k, r in value.items()
                }
            elif f.name == "paradigm":
                out["paradigm"] = {"name": value.name, **as_table(value), **_foreign(value, PARADIGMS)}
            elif f.name == "seeds":
                out["seeds"] = as_table(value.resolve(seed))
            else:
                out[f.name] = as_table(value)
        return out

    def run_id(self, seed: int) -> str:
        """Hash of `resolved`."""
        return run_id(self.resolved(seed))

    def _title(self) -> str:
        return f"experiment with {count(len(self.rules), 'rule')}"

    def _facts(self) -> Facts:
        network, simulation = self.network, self.simulation
        loop = f", feedback {network.feedback_pa:g} pA" if network.feedback_pa else ""
        facts = [
            ("network", f"{network.n_neurons} cells, {network.connectivity}{loop}"),
            ("simulation", f"dt {simulation.dt_ms:g} ms, {simulation.precision}"),
            ("task", f"{self.paradigm.name}{changed(self.paradigm, ': ')}"),
            *((label, f"{rule.name}{changed(rule, ': ')}") for label, rule in list(self.rules.items())[:6]),
        ]
        if len(self.rules) > 6:
            facts.append(("", f"and {len(self.rules) - 6} more rules"))
        return [*facts, ("record", f"spikes {self.record.spikes}")]


def _foreign(part: Any, registry: dict[str, type]) -> dict[str, str]:
    """Name the code of a rule or task that is not one of ours: a changed one is another run."""
    return {} if type(part) in registry.values() else {"code": describe_class(type(part))}


SECTIONS: dict[str, type] = {
    "network": NetworkSpec,
    "simulation": SimulationSpec,
    "trace": TraceSpec,
    "record": RecordSpec,
    "health": HealthSpec,
    "seeds": SeedSpec,
}


def load_config(
    source: str | Path | dict,
    overrides: tuple[str, ...] = (),
    values: Mapping[str, Any] | None = None,
    beside: Path | None = None,
) -> Experiment:
    """Read and check an experiment.

    Parameters
    ----------
    source : str, Path or dict
        A TOML file, the name of a shipped one (``"meet.toml"``), or a table. A dotted path in it,
        such as ``rule = "my_rules:SignRule"``, is looked for first beside the file; of a shipped
        one or a table, in the current folder.
    overrides : tuple of str
        ``"network.n_neurons=500"``: dotted path and TOML value.
    values : mapping, optional
        The same as ``{"network.n_neurons": 500}``; applied after `overrides`.
    beside : path, optional
        Folder in which dotted paths are looked for first, in place of the file's own.

    Raises
    ------
    InputError
        Naming file, field, value and what is allowed.
    """
    if isinstance(source, dict):
        return _build(with_values(override(source, overrides), values or {}), beside or Path.cwd())
    path = find_config(source)
    table = read_toml(path)
    try:
        return _build(with_values(override(table, overrides), values or {}), beside or folder_of(source))
    except InputError as error:
        raise InputError(f"{path}: {error.where}", error.value, error.allowed) from error


def find_config(source: str | Path) -> Path:
    """Return the path of a config file, looking among the shipped ones by name."""
    path = Path(source)
    if path.is_file():
        return path
    shipped = CONFIGS / path.with_suffix(".toml").name
    if path.parent == Path(".") and shipped.is_file():
        return shipped
    names = ", ".join(sorted(p.name for p in CONFIGS.glob("*.toml")))
    raise InputError("CONFIG", str(source), f"a TOML file, or one of the shipped {names}")


def config_beside(config: str, beside: Path | None) -> str:
    """Return the config that a file in the folder `beside` names: one there, or a shipped one."""
    near = Path(config) if beside is None else beside / config
    return str(near) if near.is_file() else config


def folder_of(source: str | Path) -> Path:
    """Return where a config's own code is looked for first: of a shipped one, in the current folder."""
    folder = find_config(source).parent
    return Path.cwd() if folder == CONFIGS else folder


def _build(table: dict, beside: Path | None = None) -> Experiment:
    refuse_deep(table)
    _refuse_unknown("", table, (*SECTIONS, "paradigm", "rules"))
    parts: dict[str, Any] = {name: parse(cls, table.get(name, {}), name) for name, cls in SECTIONS.items()}
    task = table.get("paradigm", {"name": "meet"})
    parts["paradigm"] = choose("paradigm", task, "name", "paradigm", beside)
    rules = table.get("rules", {"local": {"rule": "three_factor"}})
    if not isinstance(rules, dict):
        raise InputError("rules", rules, "a table of rules by label")
    for label in rules:
        if not label.isidentifier():  # a point would have to be quoted in every --set
            raise InputError("rules", label, "labels of letters, digits and underscores")
    parts["rules"] = {
        label: choose("rule", spec, "rule", f"rules.{label}", beside) for label, spec in rules.items()
    }
    return Experiment(**parts)


def _refuse_unknown(where: str, table: dict, known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"{where}{key}", table[key], "no such section" + nearest(key, known))

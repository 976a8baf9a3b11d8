"""The worked example of many runs leaves the same bytes on this machine, on SLURM, and on workers of Dask."""

from __future__ import annotations

import tomllib
from contextlib import contextmanager, nullcontext

import pytest
import small
from slurm_node import slurm_node, why_not

from spikewhen.examples.fair_comparison.__main__ import TUNING, WORDS
from spikewhen.experiments import slurm

SHORT = {
    'seeds = "1000-1001"': 'seeds = "1000"',
    'report_seeds = "0-9"': 'report_seeds = "0-1"',
    "candidates = 16": "candidates = 2",
    "n_neurons = 200": "n_neurons = 30",
    "out_degree = 20": "out_degree = 5",
    "trials_per_block = 20": "trials_per_block = 2",
    "probes_after = [1, 5, 20]": "probes_after = [1, 2]",
    "probe_repeats = 5": "probe_repeats = 1",
}
NLMS = """[space.nlms]
eta = { low = 0.004, high = 0.2, log = true }
gate.baseline = { low = 0.05, high = 1.0, log = true }
gate.half_width_ms = { low = 45.0, high = 200.0, log = true }
"""
"""Left out of the short form, whose kernels other tests have then compiled."""
MEASURED = ("grid.md", "grid.json", "compare.md", "compare.json", "summary.json")
"""What holds the time of an update, or of a run, and so differs from call to call."""


@contextmanager
def workers():
    """Two workers of Dask; yields what the command is told of them."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=60) as cluster:
        yield ["--engine", "dask", "--engine-set", f"scheduler={cluster.scheduler_address}"]


@contextmanager
def node(folder):
    """A SLURM of one node."""
    with slurm_node(folder):
        yield ["--engine", "slurm", "--engine-set", "tasks=2"]


def files(folder):
    """All files that are the same from every engine, by name."""
    every = [p for p in folder.rglob("*") if p.suffix in (".h5", ".csv", ".toml", ".md", ".json")]
    sidecars = {p.with_suffix(".json") for p in folder.rglob("*.h5")}
    kept = [p for p in every if p.name not in MEASURED and p not in sidecars and "figures" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in kept}


@pytest.mark.parametrize("length", ["short", pytest.param("whole", marks=pytest.mark.long)])
def test_every_engine_leaves_the_same_bytes(length, tmp_path, monkeypatch):
    pytest.importorskip("submitit", reason="pip install 'spikewhen[slurm]'")
    pytest.importorskip("distributed", reason="pip install 'spikewhen[dask]'")
    if why_not():
        pytest.skip(why_not())
    text, rules = TUNING.read_text(), ["local", "nlms", "rls"]
    if length == "short":
        rules.remove("nlms")
    for old, new in {**SHORT, NLMS: ""}.items() if length == "short" else ():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    tuning = tmp_path / "tune.toml"
    tuning.write_text(text)
    monkeypatch.setattr(slurm, "POLL_S", 0.3)
    found = {}
    for name, engine in (("local", nullcontext([])), ("slurm", node(tmp_path / "n")), ("dask", workers())):
        with engine as words:
            out = tmp_path / name
            words = ["--rules", ",".join(rules), "--tuning", tuning, "--out", out, *words]
            done = small.spikewhen(*WORDS, *words)
            assert done.exit_code == 0, done.stderr
        found[name] = files(out)
    candidates = tomllib.loads(text)["candidates"] * len(rules)
    runs = sum(path.endswith(".h5") for path in found["local"])
    assert runs == (3 if length == "short" else 12), "search seeds, then seeds of the report"
    assert {"grid.csv", "meet/tuned.toml", "meet/candidates.csv", "meet/methods.md"} <= found["local"].keys()
    assert found["local"]["meet/candidates.csv"].count(b"\n") == 1 + candidates
    for name in ("slurm", "dask"):
        assert found[name].keys() == found["local"].keys()
        assert [path for path in found[name] if found[name][path] != found["local"][path]] == [], name


def test_the_grid_of_every_rule_can_be_planned(tmp_path):
    """Its command is the one that its file and docs/rules.md name."""
    text = (TUNING.parent / "every_rule.toml").read_text(encoding="utf-8")
    line = text.partition("#   spikewhen ")[2].partition("--tuning")[0].replace("\\\n#", "")
    words = [*line.split(), "--tuning", TUNING.parent / "every_rule.toml", "--out", tmp_path / "grid"]
    result = small.spikewhen(*words, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.count("at most 64 trainings") == len(words[2].split(","))

"""A config small enough for tests, and the command line in-process."""

import tomllib
from pathlib import Path

from typer.testing import CliRunner, Result

from spikewhen.experiments.cli.app import app

TEXT = """
[network]
n_neurons = 60
out_degree = 10

[simulation]
settle_ms = 100.0

[paradigm]
name = "meet"
trials_per_block = 2
after_ms = 500.0
interval_min_ms = 100.0
interval_max_ms = 200.0
probes_after = [1, 2]
probe_repeats = 1

[[paradigm.blocks]]
probability = [[0.8, 0.2]]
latency_ms = [[200.0, 400.0]]

[record]
readouts_every_ms = 5.0

[health]
silent_max = 0.9

[rules.local]
rule = "three_factor"

[rules.rls]
rule = "rls"
interval_ms = 5.0
"""


def table() -> dict:
    """Parse the config."""
    return tomllib.loads(TEXT)


def write(folder: Path, text: str = TEXT) -> Path:
    """Write a config file."""
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def spikewhen(*words: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(w) for w in words])


def files(folder: Path) -> list[str]:
    """Names of everything below a folder."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def refused(result, *parts: str) -> str:
    """Check the form of a refusal and return its line."""
    assert result.exit_code == 2, (result.stdout, result.stderr)
    lines = result.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), result.stderr
    assert result.stdout == "" and "Traceback" not in result.stderr
    for part in parts:
        assert part in lines[0], lines[0]
    return lines[0]

"""docs/tasks.md: the task at its end, word for word, and every test that it names."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikewhen.experiments.result import open_run

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tasks.md").read_text(encoding="utf-8")


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_task_of_the_page_runs_learns_and_is_drawn(tmp_path):
    for text in (block("python"), block("toml")):
        (tmp_path / text.splitlines()[0].removeprefix("# ")).write_text(text)
    for line in block("console").splitlines()[:2]:
        words = [sys.executable, "-m", "spikewhen.experiments.cli.app", *line.split()[1:]]
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    folder = tmp_path / "results/two_delays"
    assert {path.stem for path in (folder / "figures").glob("*.pdf")} == {"target", "learning"}
    results = [open_run(path) for path in folder.glob("*.h5")]
    assert len(results) == 2
    for result in results:
        found = result.scores("local")
        last = found["error"][(found["block"] == 0) & (found["trial"] == 60)]
        assert last.size == 2 and last.mean() < 0.8, "0 is perfect, 1 is silence"


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)…?`", PAGE)) - {"test_"}))
def test_a_test_that_the_page_names_is_there(name):
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")]
    assert any(f"def {name}" in text for text in texts) or (ROOT / f"tests/analysis/{name}.py").is_file()


READOUTS = {
    "factored": "local",
    "merged": "local_merged",
    "factored, stopped": "local_stopped",
    "merged, stopped": "local_merged_stopped",
}


def seeds(claim, readout):
    """Every score of a readout in the table of the study, one value a seed."""
    with open(ROOT / "docs/density_or_hazard.csv", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if (r["claim"], r["readout"]) == (claim, readout)]
    names = dict.fromkeys(r["score"] for r in rows)
    found = {n: {int(r["seed"]): float(r["value"]) for r in rows if r["score"] == n} for n in names}
    return {n: np.array([values[seed] for seed in range(20)]) for n, values in found.items()}


def said(cell):
    """The first number of a cell of the page."""
    return float(re.search(r"[-.\d]+", cell.replace("−", "-"))[0])


def table(heading):
    """Cells of the rows below the line that begins with some words."""
    lines = PAGE[PAGE.index(heading) :].splitlines()[2:]
    rows = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_numbers_of_the_four_cases_are_those_of_the_table():
    own = {"local": 0, "local_merged": 0, "local_stopped": 2, "local_merged_stopped": 1}
    rows = table("| task | readout | density | hazard | delivered")
    assert len(rows) == 8
    for i, (_, name, *errors, difference, verdict) in enumerate(rows):
        readout = READOUTS[name]
        values = np.stack(list(seeds("H1" if i < 4 else "H2", readout).values()))
        assert [said(cell) for cell in errors] == pytest.approx(values.mean(1), abs=0.0051)
        assert [cell.startswith("**") for cell in errors] == [j == own[readout] for j in range(3)]
        less = values[own[readout]] - np.delete(values, own[readout], 0).min(0)
        assert said(difference) == pytest.approx(less.mean(), abs=0.0051)
        assert ("fails" in verdict) == (less.mean() > 0)
    rows = table("| readout that hears")
    assert len(rows) == 4
    for name, *errors, difference in rows:
        found = seeds("H3", READOUTS[name])
        assert [said(cell) for cell in errors] == pytest.approx(
            [v.mean() for v in found.values()], abs=0.0051
        )
        less = np.minimum(found["hazard"], found["delivered"]) - found["density"]
        assert said(difference) == pytest.approx(less.mean(), abs=0.0051)
    rows = table("| readout | r² with the density")
    assert len(rows) == 4
    for name, density, hazard, won, curve in rows:
        found = seeds("H4", READOUTS[name])
        shown = [said(cell) for cell in (density, hazard, curve)]
        assert shown == pytest.approx(
            [found[n].mean() for n in ("density", "hazard", "curvature")], abs=0.0051
        )
        assert said(won) == np.sum(found["density"] > found["hazard"])

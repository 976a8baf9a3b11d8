"""docs/tasks.md: the task at its end, word for word, and every test that it names."""

import re
import subprocess
import sys
from pathlib import Path

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

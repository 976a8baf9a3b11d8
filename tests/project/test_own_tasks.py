"""docs/own_tasks.md word for word: its files in a folder outside, run, compared, scored and drawn."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikewhen import load_config, run
from spikewhen.experiments.result import open_run
from spikewhen.experiments.score import score

PAGE = (Path(__file__).resolve().parents[2] / "docs/own_tasks.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def files() -> dict[str, str]:
    """Every file of the page by the name in its first line."""
    return {b.splitlines()[0].removeprefix("# "): b for b in (*blocks("python"), *blocks("toml"))}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("own")
    for name, text in files().items():
        (place / name).write_text(text)
    return place


def call(folder: Path, *words: str) -> str:
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def said(folder):
    """What the commands of the page print."""
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert all(line.startswith("spikewhen ") for line in lines)
    return {
        line.split()[1]: call(folder, "-m", "spikewhen.experiments.cli.app", *shlex.split(line)[1:])
        for line in lines
    }


def test_the_commands_of_the_page_run_compare_and_draw(folder, said):
    assert len(list((folder / "results/rsg").glob("*.h5"))) == 2
    for label in ("local", "sign"):
        assert re.search(rf"^{label}\s+1\s+[\d.]+ \[", said["compare"], re.MULTILINE)
    drawn = {path.stem for path in (folder / "results/rsg/figures").glob("*.pdf")}
    assert drawn == {"learning", "target", "my_figures"}


def test_the_target_of_the_page_is_learned(folder):
    """Three channels, of four runs of 500 ms and the free one in a row."""
    np.save(folder / "lorenz.npy", np.sin(np.arange(2500)[:, None] / (20, 30, 50)))
    result = run(load_config(folder / "lorenz.toml"), progress=False)
    assert result.events == ("signal_1", "signal_2", "signal_3")
    assert result.readout("rls").trials.y.array.shape == (4, 500, 3)
    assert np.isfinite(result.scores("rls")["free_rmse"]).all()


def test_the_script_of_the_page_runs(folder):
    assert re.search(r"\(8, \d+\)", call(folder, "script.py"))


def test_the_file_says_how_it_is_scored_and_by_whose_code(folder, said):
    result = open_run(next((folder / "results/rsg").glob("*.h5")))
    attrs = result.attrs["/blocks"]
    assert (attrs["task"], attrs["scores"]) == ("my_tasks:ReadySetGo", "target")
    assert result.attrs["/readouts/sign"]["rule_class"] == "my_rules:SignRule"
    assert set(result.config["rules"]["sign"]) >= {"code"} and "code" in result.config["paradigm"]
    assert "code" not in result.config["rules"]["local"]
    again = score(result)
    for label in ("local", "sign"):
        stored = result.scores(label)
        assert {k: v.tobytes() for k, v in stored.items()} == {
            k: v.tobytes() for k, v in again[label].items()
        }
    assert list(result.conditions) == ["150 ms", "200 ms", "250 ms"] and list(result.events) == ["go"]


def test_the_score_function_of_the_page_gives_times(folder, said, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))
    from my_scores import production

    result = open_run(next((folder / "results/rsg").glob("*.h5")))
    values, unit = production(result)["local"]["production_ms"]
    assert unit == "ms" and np.isfinite(values).all() and values.size == result["/probes/block"].size


def test_rules_named_by_path_stand_beside_labels(folder):
    words = ("compare", "rsg.toml", "--rules", "local,my_rules:SignRule", "--dry-run", "--out", "results/new")
    assert "(local, sign)" in call(folder, "-m", "spikewhen.experiments.cli.app", *words)


def test_a_changed_rule_or_task_is_another_run_and_a_changed_figure_is_not(tmp_path):
    """The same folder, planned again in a fresh process after each change."""

    def planned() -> str:
        words = ("run", "rsg.toml", "--dry-run", "--out", "results/new")
        return call(tmp_path, "-B", "-m", "spikewhen.experiments.cli.app", *words).split()[0]

    for name, text in files().items():
        (tmp_path / name).write_text(text)
    ids = [planned()]
    for name, old, new in (
        ("my_figures.py", "Interval between", "The interval between"),
        ("my_tasks.py", "Ready, set", "Ready and set"),
        ("my_tasks.py", "rng.integers(400, 600", "rng.integers(400, 601"),
        ("my_rules.py", "constants[0] * gate[k] * np.sign", "2 * constants[0] * gate[k] * np.sign"),
    ):
        path = tmp_path / name
        assert path.read_text().count(old) == 1
        path.write_text(path.read_text().replace(old, new))
        ids.append(planned())
    assert ids[0] == ids[1] == ids[2] != ids[3] != ids[4]

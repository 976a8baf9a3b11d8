"""Rules on several tasks: tuned alike, compared, tabled and drawn."""

import csv
import json

import numpy as np
import pytest
import small

from spikewhen.analysis.figures import task_grid
from spikewhen.analysis.figures.sheet import paper

TEXT = small.TEXT.partition("[rules.rls]")[0] + '[rules.lms]\nrule = "lms"\n'
TUNING = """
seeds = "1000"
candidates = 2
[space.local]
eta = { low = 0.01, high = 0.2, log = true }
[space.lms]
eta = { low = 0.001, high = 0.1, log = true }
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    (folder / "one.toml").write_text(TEXT)
    (folder / "two.toml").write_text(TEXT.replace("[[200.0, 400.0]]", "[[250.0, 350.0]]"))
    (folder / "tuning.toml").write_text(TUNING)
    tasks = f"{folder / 'one.toml'},{folder / 'two.toml'}"
    words = ["compare", "--tasks", tasks, "--rules", "local,lms", "--tuning", folder / "tuning.toml"]
    words += ["--threads", 1, "--seeds"]
    return folder, words, small.spikewhen(*words, "0-1", "--out", folder / "out")


def test_every_task_has_its_tuning_and_its_comparison(done):
    folder, _, result = done
    assert result.exit_code == 0, result.stderr
    for name in ("one", "two"):
        facts = json.loads((folder / "out" / name / "tune.json").read_text())
        assert facts["rules"] == ["local", "lms"] and facts["candidates"] == 2
        assert facts["seeds"] == [1000] and facts["report_seeds"] == [0, 1]
        assert (folder / "out" / name / "report" / "compare.md").is_file()
    rows = list(csv.DictReader((folder / "out" / "grid.csv").open()))
    assert len(rows) == 2 * 2 * 2
    compared = list(csv.DictReader((folder / "out" / "one" / "report" / "compare.csv").open()))
    last = [r for r in compared if r["score"] == "error" and r["trial"] == "2" and r["rule"] == "lms"]
    mine = [r for r in rows if r["task"] == "one" and r["rule"] == "lms"]
    assert [float(r["value"]) for r in mine] == [float(r["value"]) for r in last]


def test_differences_are_corrected_over_the_whole_grid(done):
    folder, _, result = done
    rows = json.loads((folder / "out" / "grid.json").read_text())["rows"]
    pairs = [(row["task"], row["rule"]) for row in rows]
    assert pairs == [("one", "local"), ("one", "lms"), ("two", "local"), ("two", "lms")]
    assert rows[0]["paired"] is None and rows[1]["paired"]["n"] == 2
    assert rows[1]["p_holm"] == rows[3]["p_holm"] == 1.0
    assert "Holm's correction is over all 2 of them" in " ".join(result.stdout.split())


def test_the_figure_shows_every_task_and_what_an_update_costs(done):
    folder, _, _ = done
    assert {p.name for p in (folder / "out" / "figures").iterdir()} == {"grid.pdf", "grid.png", "grid.csv"}
    text = (folder / "out" / "figures" / "grid.csv").read_text()
    assert "tuned on each task with 2 candidates" in text
    assert {line[0] for line in text.splitlines() if line[1:2] == ","} == {"a", "b", "c"}


def test_tasks_are_refused_in_one_line(done, tmp_path):
    folder, words, _ = done
    one = folder / "one.toml"
    small.refused(small.spikewhen("compare", "--tasks", one), "--rules", "nothing")
    small.refused(small.spikewhen("compare", one, "--tasks", one, "--rules", "local"), "--tasks")
    twice = small.spikewhen("compare", "--tasks", f"{one},{one}", "--rules", "local")
    small.refused(twice, "different names")
    small.refused(small.spikewhen("compare", "--tasks", one, "--rules", "local,other"), "one.toml", "other")
    small.refused(small.spikewhen(*words, "999-1000", "--out", tmp_path / "x"), "report_seeds", "1000")
    assert small.files(tmp_path) == []


@pytest.mark.parametrize("tasks", [1, 3, 8])
def test_panels_do_not_overlap(tasks):
    rng = np.random.default_rng(0)
    values = {"local": rng.random(10), "rls_never_reset": rng.random(10)}
    heading = "R2 of a leaky observer of transitions"
    panels = [
        task_grid.TaskPanel(f"task_{i}", heading, True, values, {"local": 2.0, "rls_never_reset": 20.0})
        for i in range(tasks)
    ]
    with paper():
        sheet = task_grid.draw(task_grid.TaskGrid(panels, 30))
        sheet.figure.canvas.draw()
        axes = sheet.figure.axes
        boxes = [ax.get_tightbbox() for ax in axes]
        words = [text.get_window_extent() for ax in axes for text in (ax.yaxis.label, ax.title)]
        letters = [text.get_window_extent() for text in sheet.figure.texts]
    assert len(boxes) == len(letters) == tasks + 1
    for i, box in enumerate(boxes):
        assert sheet.figure.bbox.x0 <= box.x0 and box.x1 <= sheet.figure.bbox.x1
        assert sheet.figure.bbox.y0 <= box.y0 and box.y1 <= sheet.figure.bbox.y1
        assert not any(box.overlaps(other) for other in boxes[:i])
    assert not any(letter.overlaps(word) for letter in letters for word in words)


def test_what_a_task_says_of_its_own_holds_there_alone(done, tmp_path):
    folder, words, _ = done
    own = tmp_path / "own.toml"
    own.write_text(TUNING + '[tasks.two]\nscore = "brier"\nat = "all"\nset.paradigm.cue_ms = 50.0\n')
    words = [own if word == folder / "tuning.toml" else word for word in words]
    found = json.loads(small.spikewhen(*words, "0-1", "--out", tmp_path / "o", "--dry-run", "--json").stdout)
    assert [found[t]["score"] for t in ("one", "two")] == ["error", "brier"]
    assert [found[t]["at"] for t in ("one", "two")] == ["ends", "all"]
    assert [found[t]["set"] for t in ("one", "two")] == [{}, {"paradigm.cue_ms": 50.0}]
    own.write_text(TUNING + '[tasks.tow]\nscore = "brier"\n')
    result = small.spikewhen(*words, "0-1", "--out", tmp_path / "o", "--dry-run")
    small.refused(result, "tasks.tow", "did you mean two?")
    own.write_text(TUNING + '[tasks.two]\nscores = "brier"\n')
    small.refused(small.spikewhen(*words, "0-1", "--out", tmp_path / "o", "--dry-run"), "tasks.two.scores")

"""Files are made smaller, keep their name and scores, and say what they lost."""

import numpy as np
import pytest
import small

from spikewhen.analysis.figures import learning, trial
from spikewhen.analysis.views import read_readout
from spikewhen.experiments.prune import prune
from spikewhen.experiments.sidecar import read_light
from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.dropping import USUAL
from spikewhen.reservoir.files.recording import read_run
from spikewhen.reservoir.replay import Replay


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that kept everything."""
    folder = tmp_path_factory.mktemp("whole")
    config = small.write(folder, small.TEXT.replace("[record]", '[record]\nspikes = "all"\ncells = [0, 3]'))
    assert small.spikewhen("run", config, "--seed", "0", "--out", folder / "out").exit_code == 0
    (path,) = (folder / "out").glob("*.h5")
    return config, path


@pytest.fixture
def copied(whole, tmp_path):
    for path in (whole[1], whole[1].with_suffix(".json")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path / whole[1].name


def test_a_pruned_run_reads_as_one_that_never_kept_it_and_says_so(whole, copied):
    before = read_run(copied)
    done = prune(copied)
    after = read_run(copied)
    assert done.dropped == USUAL and done.after == copied.stat().st_size < 0.8 * done.before
    assert sorted(after.attrs["/"]["pruned"]) == sorted(USUAL)
    assert after.run_id == before.run_id and after.config == before.config
    gone = set(before.arrays) - set(after.arrays)
    assert gone == {
        p for p in before.arrays if p.startswith("/cells/") or ("/readouts/" in p and "/trials/" in p)
    }
    for path in after.arrays:
        if not path.startswith("/spikes/"):
            np.testing.assert_array_equal(after[path], before[path], err_msg=path)
    assert schema.health(after) == schema.health(before)
    with pytest.raises(InputError, match="they were pruned"):
        Replay(after)


def test_tables_and_commands_take_a_pruned_run_for_finished(whole, copied):
    config, _ = whole
    prune(copied)
    assert read_light(copied).from_sidecar, "the sidecar names another checksum"
    again = small.spikewhen("run", config, "--seed", "0", "--out", copied.parent)
    assert again.exit_code == 0 and "finished" in again.output
    assert "pruned of" in small.spikewhen("info", copied).output
    trained = small.spikewhen("train", copied, "--rule", "local", "--out", copied.parent / "t")
    assert trained.exit_code == 2 and "they were pruned" in trained.output
    assert len(trained.output.strip().splitlines()) == 1


def test_a_second_time_there_is_nothing_to_drop(copied):
    prune(copied, ["spikes"])
    assert read_run(copied).attrs["/"]["pruned"] == ["spikes"]
    content = prune(copied, ["trials", "cells"]) and copied.read_bytes()
    assert read_run(copied).attrs["/"]["pruned"] == ["cells", "spikes", "trials"]
    assert prune(copied).dropped == () and copied.read_bytes() == content


def test_a_dry_run_writes_nothing_and_is_nearly_right(copied):
    content = copied.read_bytes()
    guess = small.spikewhen("prune", copied.parent, "--dry-run")
    assert guess.exit_code == 0 and "would be" in guess.output and copied.read_bytes() == content
    expected = prune(copied, write=False).after
    assert prune(copied).after == pytest.approx(expected, rel=0.2)


def test_the_same_file_is_left_by_the_same_pruning(whole, copied, tmp_path):
    other = tmp_path / "other" / copied.name
    other.parent.mkdir()
    other.write_bytes(copied.read_bytes())
    prune(copied)
    prune(other)
    assert copied.read_bytes() == other.read_bytes()


def test_damaged_files_are_told_and_the_others_pruned(copied):
    damaged = copied.parent / "0123456789abcdef.h5"
    damaged.write_bytes(copied.read_bytes()[:-7])
    result = small.spikewhen("prune", copied.parent)
    assert result.exit_code == 2 and "0123456789abcdef.h5" in result.output
    assert read_run(copied).attrs["/"]["pruned"]


def test_an_unknown_part_is_refused(copied):
    result = small.spikewhen("prune", copied, "--drop", "weights")
    assert result.exit_code == 2 and "spikes, trials, cells" in result.output


def test_a_failure_leaves_the_file_as_it_was(copied, monkeypatch):
    content = copied.read_bytes()

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spikewhen.reservoir.files.sinks.seal", fail)
    with pytest.raises(OSError):
        prune(copied)
    assert copied.read_bytes() == content and not copied.with_suffix(".partial").exists()


def test_without_probes_scores_stay_and_who_asks_for_time_courses_is_told(whole, copied):
    before = read_run(copied)
    assert prune(copied, ["probes"]).dropped == ("probes",)
    after = read_run(copied)
    assert set(before.arrays) - set(after.arrays) == {f"/readouts/{r}/probes/y" for r in ("local", "rls")}
    table = small.spikewhen("table", copied)
    assert table.exit_code == 0 and ",error," in table.stdout
    with pytest.raises(InputError, match="probes of local"):
        read_readout(after, "local")


def test_without_probes_figures_of_scores_are_drawn_and_those_of_time_courses_say_why_not(whole, copied):
    prune(copied, ["probes"])
    kept, lean = read_run(whole[1]), read_run(copied)
    assert repr(learning.draw(kept).rows) == repr(learning.draw(lean).rows)
    with pytest.raises(InputError, match="time courses on probes"):
        trial.draw(lean)

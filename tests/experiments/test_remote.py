"""What a run meets on another machine: the same code or a refusal, a rival, a scratch folder."""

from __future__ import annotations

import pickle
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import small

from spikewhen.experiments import provenance, remote
from spikewhen.experiments.batch import carry_out
from spikewhen.experiments.cli.errors import RunError
from spikewhen.experiments.config import load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.remote import OtherCode, Parcel, do, ended, on_scratch
from spikewhen.reservoir.files.locks import Busy
from spikewhen.reservoir.files.sinks import FileSink


def add(item, tick):
    tick(2)
    return item + 1


def test_a_parcel_is_opened_by_the_same_code_and_no_other():
    parcel = Parcel.of(add, [1, 2])
    work, items = parcel.open()
    assert [do(work, item) for item in items] == [("done", 2, 2), ("done", 3, 2)]
    with pytest.raises(OtherCode, match="the code changed after it was submitted"):
        replace(parcel, code="other").open()


@pytest.mark.parametrize("checkout", [True, False])
def test_an_edit_of_any_module_is_noticed_in_a_checkout_and_in_an_installed_wheel(
    checkout, tmp_path, monkeypatch
):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/run.py").write_text("x = 1\n")
    if checkout:
        (tmp_path / "pyproject.toml").touch()
    monkeypatch.setattr(remote, "ROOT", tmp_path)
    before = remote.code_hash()
    (tmp_path / "experiments/run.py").write_text("x = 2\n")
    assert remote.code_hash() != before


def test_a_process_that_outlived_its_code_is_refused(monkeypatch):
    parcel = Parcel.of(add, [1])
    monkeypatch.setattr(remote, "LOADED", "of before")
    with pytest.raises(OtherCode, match="in the worker, which has to be started again"):
        parcel.open()


def test_another_version_of_a_library_is_refused(monkeypatch):
    parcel = Parcel.of(add, [1])
    with pytest.raises(OtherCode, match=r"numba is .* on this machine and 0 in the command"):
        replace(parcel, software=parcel.software | {"numba": "0"}).open()


def test_a_machine_without_git_writes_the_commit_of_the_command(monkeypatch):
    parcel = Parcel.of(add, [1])
    monkeypatch.setattr(provenance, "software", lambda known=parcel.software | {"commit": "unknown"}: known)
    provenance.same_code_as("abc")
    assert provenance.software()["commit"] == "abc"


def test_a_module_that_changed_after_it_was_loaded_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "my_helper_of_test_remote.py"
    path.write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    __import__(path.stem)
    monkeypatch.setattr(remote, "_seen", {})
    remote.refuse_stale()
    path.write_text("x = 2\n")
    with pytest.raises(OtherCode, match="changed after a worker loaded it"):
        remote.refuse_stale()
    del sys.modules[path.stem]
    remote.refuse_stale()


def test_a_run_that_another_process_writes_is_waited_for(monkeypatch):
    monkeypatch.setattr(remote, "POLL_S", 0.01)
    told, ticks = [], []

    def work(item, tick):
        told.append(item)
        if len(told) < 3:
            raise Busy("--out", "x.h5", "a run that no other process is writing")
        return "read"

    assert do(work, 1, ticks.append) == ("done", "read", 0) and len(told) == 3
    monkeypatch.setattr(remote, "PATIENCE_S", -1.0)
    kind, error, _ = do(work, told.clear() or 1)
    assert kind == "failed" and isinstance(error, Busy)


def test_an_outcome_is_a_future_and_a_refusal_ends_the_command():
    ticks = []
    assert ended(("done", 3, 5), ticks.append).result() == 3 and ticks == [5]
    with pytest.raises(ValueError, match="no"):
        ended(("failed", ValueError("no"), 0), ticks.append).result()
    with pytest.raises(OtherCode):
        ended(("failed", pickle.loads(pickle.dumps(OtherCode("other"))), 0), ticks.append)


def test_a_run_on_scratch_leaves_the_bytes_of_any_other_and_nothing_there(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("SCRATCH_OF_TEST", str(scratch))
    experiment = load_config(small.table()).with_rules(["local"])
    (plain,), (job,) = (make_jobs("small", experiment, [0], tmp_path / name) for name in "ab")
    there = on_scratch(job, "$SCRATCH_OF_TEST")
    assert there.scratch == scratch and on_scratch(job, "") is job
    carry_out([plain])
    carry_out([there])
    assert plain.path.read_bytes() == job.path.read_bytes()
    assert list(scratch.iterdir()) == [] and sorted(p.suffix for p in (tmp_path / "b").iterdir()) == [
        ".h5",
        ".json",
    ]


def test_a_scratch_folder_that_is_not_there_is_refused(tmp_path):
    job = SimpleNamespace(scratch=None)
    for text in ("$NO_SUCH_VARIABLE", str(tmp_path / "none")):
        with pytest.raises(RunError, match=r"scratch=.*: no folder"):
            on_scratch(job, text)


def test_the_result_does_not_exist_before_the_copy_is_whole(tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sink = FileSink(tmp_path / "abc.h5", scratch)
    sink.annotate("/", x=1)
    assert [p.suffix for p in scratch.iterdir()] == [".partial"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["abc.lock", "scratch"]

    def full(source, target, length):
        target.write(source.read(10))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", full)
        with pytest.raises(OSError, match="No space"):
            sink.commit()
    sink.abort()
    assert small.files(tmp_path) == ["scratch"]
    again = FileSink(tmp_path / "abc.h5", scratch)
    Path(tmp_path / "abc.partial").write_text("of a process that was killed while it copied")
    again.commit()
    assert small.files(tmp_path) == ["abc.h5", "scratch"]

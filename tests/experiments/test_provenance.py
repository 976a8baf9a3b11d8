"""The commit a file says: of its own checkout, of a wheel's build, never of whatever lies around."""

from __future__ import annotations

import shutil
import subprocess
import sys
import types
import warnings

import pytest

from spikewhen.experiments import provenance
from spikewhen.experiments.provenance import checkout_commit

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def git(folder, *words):
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    return subprocess.check_output(["git", "-C", folder, *identity, *words], text=True).strip()


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("a = 1\n")
    git(tmp_path, "add", "a.py")
    git(tmp_path, "commit", "-q", "-m", "a")
    return tmp_path


def test_a_clean_and_a_changed_checkout(checkout):
    head = git(checkout, "rev-parse", "HEAD")
    assert checkout_commit(checkout) == head
    (checkout / "new.py").write_text("")
    assert checkout_commit(checkout) == head, "a file that git does not track"
    (checkout / "a.py").write_text("a = 2\n")
    assert checkout_commit(checkout) == f"{head}-modified"


def test_a_package_inside_somebody_elses_repository_does_not_say_its_commit(checkout, monkeypatch):
    installed = checkout / ".venv" / "lib" / "spikewhen"
    installed.mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "spikewhen._commit", None)
    assert checkout_commit(installed) == "unknown"
    built = types.SimpleNamespace(COMMIT="abc")
    monkeypatch.setitem(sys.modules, "spikewhen._commit", built)
    assert checkout_commit(installed) == "abc"


def test_what_git_refuses_is_said(checkout, monkeypatch):
    complaint = "fatal: detected dubious ownership in repository"
    monkeypatch.setattr(provenance, "_git", lambda *a: ("", complaint))
    with pytest.warns(UserWarning, match="dubious ownership"):
        assert checkout_commit(checkout) == "unknown"


def test_a_worker_does_not_repeat_it(checkout, monkeypatch):
    monkeypatch.setattr(provenance, "_git", lambda *a: ("", "no"))
    monkeypatch.setattr(provenance.multiprocessing, "parent_process", lambda: object())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkout_commit(checkout) == "unknown"

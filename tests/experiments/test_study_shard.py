"""Parts of a study (`--shard`): each run and its measures in one part, and the report by the last."""

from __future__ import annotations

import json

import fake_study
import pytest
import small

REPORTS = ("claims.json", "claims.md", "claims.html")


@pytest.fixture
def study(tmp_path):
    with fake_study.clean_slate("my_paper"):
        yield fake_study.write(tmp_path)


def test_two_parts_of_a_study_leave_the_bytes_of_the_undivided_command(study, tmp_path):
    words = ("study", study, "F2", "--seeds", "0", "--threads", 1, "--out")
    assert small.spikewhen(*words, tmp_path / "whole").exit_code == 0
    first = small.spikewhen(*words, tmp_path / "parts", "--shard", "1/2", "--json")
    assert first.exit_code == 0, first.stderr
    assert json.loads(first.stdout) == {"shard": "1/2", "lacking": {"F2": 1}}
    assert not any((tmp_path / "parts" / name).exists() for name in REPORTS)
    last = small.spikewhen(*words, tmp_path / "parts", "--shard", "2/2")
    assert last.exit_code == 0 and "written to" in last.stdout, last.stderr
    for name in (*REPORTS, *(f"runs/{p.name}" for p in (tmp_path / "whole/runs").glob("*.h5"))):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

"""The page of the rules names every rule, says how large the state of each is, and what some reach."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from spikewhen.reservoir.rules import RULES

PAGE = (Path(__file__).resolve().parents[2] / "docs/rules.md").read_text(encoding="utf-8")


def test_every_rule_is_listed_with_the_bytes_of_its_state():
    table = PAGE.partition("## What a rule needs")[2].partition("##")[0]
    listed = dict(re.findall(r"^\| `(\w+)` .*\| ([\d ]+) \|$", table, re.MULTILINE))
    sizes = {
        name: sum(a.nbytes for a in rule().start(2, 1001, 1.0, np.float64)) for name, rule in RULES.items()
    }
    assert {name: int(found.replace(" ", "")) for name, found in listed.items()} == sizes


def test_what_rules_reach_is_what_the_table_has():
    path = Path(__file__).resolve().parents[2] / "docs/rules_grid.csv"
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    table = PAGE.partition("## What each reaches with equal tuning")[2].partition("Every seed")[0]
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert set(listed) == {row["rule"] for row in rows}
    for rule, cells in listed.items():
        found = [[float(r["value"]) for r in rows if (r["task"], r["rule"]) == (t, rule)] for t in tasks]
        assert [len(values) for values in found] == [12] * len(tasks)
        assert [float(c) for c in cells.split(" | ")] == pytest.approx(np.mean(found, axis=1), abs=0.0051)

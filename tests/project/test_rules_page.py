"""The page of the rules names every rule, and says how large the state of each is."""

import re
from pathlib import Path

import numpy as np

from spikewhen.reservoir.rules import RULES

PAGE = (Path(__file__).resolve().parents[2] / "docs/rules.md").read_text(encoding="utf-8")


def test_every_rule_is_listed_with_the_bytes_of_its_state():
    table = PAGE.partition("## What a rule needs")[2].partition("##")[0]
    listed = dict(re.findall(r"^\| `(\w+)` .*\| ([\d ]+) \|$", table, re.MULTILINE))
    sizes = {
        name: sum(a.nbytes for a in rule().start(2, 1001, 1.0, np.float64)) for name, rule in RULES.items()
    }
    assert {name: int(found.replace(" ", "")) for name, found in listed.items()} == sizes

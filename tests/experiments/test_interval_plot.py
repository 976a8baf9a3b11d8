"""The picture of one finding, and what letters mean in a report."""

import re

import pytest

from spikewhen.experiments.study.interval_plot import interval_plot, required_range
from spikewhen.experiments.study.report import terms


def places(**changes):
    """Places of the parts of a picture: dot, ends of the bar, band, zero."""
    f = {"mean": 1.0, "low": 0.5, "high": 2.0, "required": ">= 0 and < 4", "verdict": "holds"} | changes
    picture = interval_plot(f)
    bar = re.search(r'class="bar" d="M(\S+) 8H(\S+)"', picture)
    band = re.search(r'class="met" x="(\S+)" y="1" width="(\S+)"', picture)
    dot, zero = re.search(r'cx="(\S+)"', picture), re.search(r'class="zero" d="M(\S+) ', picture)
    return {
        "dot": float(dot[1]),
        "bar": [*map(float, bar.groups())] if bar else None,
        "band": [float(band[1]), float(band[1]) + float(band[2])] if band else None,
        "zero": float(zero[1]) if zero else None,
    }


def test_all_parts_lie_on_one_scale():
    found = places()
    (low, high), (first, last), zero = found["bar"], found["band"], found["zero"]
    unit = found["dot"] - zero
    assert (low - zero, high - zero) == pytest.approx((0.5 * unit, 2 * unit), abs=0.2)
    assert first == zero and last - zero == pytest.approx(4 * unit, abs=0.3)


def test_what_has_no_end_goes_to_the_edge():
    assert places(required=">= 0")["band"][1] == pytest.approx(115)
    assert places(required="<= 3")["band"][0] == pytest.approx(5)
    assert places(high="inf")["bar"][1] == pytest.approx(115)
    assert places(low=None, high=None)["bar"] is None
    assert places(required="")["band"] is None and places(required="")["zero"] is not None
    assert interval_plot({"mean": None, "low": None, "high": None, "required": ""}) == ""
    assert interval_plot({"mean": "inf", "low": 1.0, "high": "inf", "required": "<= 2"}) == ""
    assert "nan" not in interval_plot({"mean": 0.0, "low": 0.0, "high": 0.0, "required": ""})


@pytest.mark.parametrize(
    ("text", "range_"),
    [(">= 0.1", (0.1, float("inf"))), ("< 1", (-float("inf"), 1)), (">= -0.05 and <= 0.05", (-0.05, 0.05))],
)
def test_requirements_are_read(text, range_):
    assert required_range(text) == range_


def test_e_is_defined_where_it_stands():
    def report(what):
        return {"claims": [{"published": "", "findings": [{"what": what}]}]}

    assert terms(report("E(10) / E(1)"))[0].startswith("E is the error")
    assert terms(report("Error of the rate, RLS")) == []

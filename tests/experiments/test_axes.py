"""The axes of a sweep: points, names and refusals."""

import numpy as np
import pytest

from spikewhen.experiments.axes import Range, load_sweep, points
from spikewhen.reservoir.errors import InputError


def spec(**more):
    return load_sweep({"config": "meet.toml", **more})


def test_a_grid_takes_every_value_with_every_other_and_zip_first_with_first():
    found = points(spec(grid={"network": {"weight": [4, 8]}}, zip={"a.b": [1, 2], "a.c": ["x", "y"]}))
    assert [p.values for p in found] == [
        {"network.weight": w, "a.b": b, "a.c": c} for w in (4, 8) for b, c in ((1, "x"), (2, "y"))
    ]
    assert found[0].name == "weight 4, b 1, c x"


def test_without_axes_there_is_one_point():
    assert [p.values for p in points(spec())] == [{}]


def test_names_are_as_short_as_they_can_be_told_apart():
    (found,) = points(spec(grid={"rules.local.eta": [0.1], "rules.lms.eta": [0.2], "x.long": [[1] * 30]}))
    assert found.name == "local.eta 0.1, lms.eta 0.2, long [1, 1, 1, 1, 1, 1, 1,..."


def test_drawn_points_stay_where_they_are_when_more_are_drawn():
    few, more = (
        points(
            spec(random={"n": n, "seed": 3, "a.b": {"low": 0.0, "high": 1.0}, "a.c": {"low": 1, "high": 4}})
        )
        for n in (5, 50)
    )
    assert [p.values for p in few] == [p.values for p in more[:5]]
    assert {p.values["a.c"] for p in more} == {1, 2, 3, 4}


def test_a_latin_hypercube_fills_every_tenth_of_each_range():
    found = points(spec(latin={"n": 10, "a": {"b": {"low": 1e-3, "high": 1e-1, "log": True}}}))
    shares = (np.log10([p.values["a.b"] for p in found]) + 3) / 2
    assert sorted((shares * 10).astype(int)) == list(range(10))


def test_the_ends_of_ranges_are_kept():
    assert Range(low=1, high=4).at(1.0) == 4 and Range(low=1, high=4).at(0.0) == 1
    assert Range(low=2.0, high=4.0, log=True).at(0.5) == pytest.approx(8**0.5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"gird": {}}, "gird"),
        ({"grid": {"a.b": 4}}, "grid.a.b = 4"),
        ({"grid": {"a.b": []}}, "grid.a.b = \\[\\]"),
        ({"seeds": [-1]}, "seeds"),
        ({"random": {"a.b": {"low": 0.0, "high": 1.0}}}, "random.n = 'missing'"),
        ({"random": {"n": 2}}, "random"),
        ({"random": {"n": 2, "a.b": {"low": 1.0, "high": 1.0}}}, "low must be below high"),
        ({"random": {"n": 2, "a.b": {"low": 0.0, "high": 1.0, "log": True}}}, "low must be above 0"),
        ({"zip": {"a": [1, 2], "b": [1]}}, "as many values of each"),
        ({"set": {"a.b": 1}, "grid": {"a.b": [2]}}, "named twice"),
        ({"grid": {"seed": [1]}}, "the axis of seeds"),
        ({"grid": {x: list(range(100)) for x in "abc"}}, "1000000 points"),
    ],
)
def test_what_is_no_axis_is_refused_in_one_line(more, said):
    with pytest.raises(InputError, match=said) as refused:
        points(spec(**more))
    assert "\n" not in str(refused.value)

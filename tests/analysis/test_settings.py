"""Names of settings, and their order."""

from spikewhen.analysis.settings import in_order, of_rule, setting_name, short_names


def test_a_name_is_the_shortest_end_that_no_other_path_has():
    paths = ["network.weight", "rules.a.eta", "rules.b.eta", "eta"]
    assert list(short_names(paths).values()) == ["weight", "a.eta", "b.eta", "eta"]


def test_settings_are_written_for_people():
    values = {"network.weight": 4.0, "network.connectivity": "delay_line", "x.on": True}
    assert setting_name(values) == "weight 4, connectivity delay_line, on true"


def test_numbers_come_by_size_and_before_texts():
    settings = [{"a": "x"}, {"a": 10}, {"a": 9.5}, {"a": [1, 2]}]
    assert sorted(settings, key=in_order) == [{"a": 9.5}, {"a": 10}, {"a": "x"}, {"a": [1, 2]}]


def test_what_is_of_another_rule_is_left_out():
    assert of_rule({"rules.a.eta": 1, "rules.b.eta": 2, "network.weight": 3}, "a") == {
        "rules.a.eta": 1,
        "network.weight": 3,
    }

"""A bar in a terminal and in a notebook, silence elsewhere."""

from __future__ import annotations

import io
import sys

import pytest
from tqdm import auto, std

from spikewhen.experiments.progress import bar, shown


class Terminal(io.StringIO):
    """A stderr that says whether it is a terminal."""

    def __init__(self, terminal: bool):
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_shows_in_a_terminal_only(monkeypatch, terminal):
    stream = Terminal(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    with shown(True, 3) as tick:
        tick(3)
    assert ("3/3" in stream.getvalue()) == terminal


def test_a_notebook_has_its_own_bar_whose_stderr_is_no_terminal(monkeypatch):
    class OfNotebook(std.tqdm):
        pass

    monkeypatch.setattr(auto, "notebook_tqdm", OfNotebook)
    monkeypatch.setattr(auto, "tqdm", OfNotebook)
    monkeypatch.setattr(sys, "stderr", Terminal(False))
    with bar(3) as open_bar:
        assert isinstance(open_bar, OfNotebook) and not open_bar.disable


def test_a_function_is_told_and_false_is_silent(monkeypatch):
    stream, told = Terminal(True), []
    monkeypatch.setattr(sys, "stderr", stream)
    with shown(told.append, 3) as tick:
        tick(2)
    with shown(False, 3) as tick:
        assert tick is None
    assert told == [2] and stream.getvalue() == ""

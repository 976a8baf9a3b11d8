"""A study on a network so small that it runs in seconds, written into a folder."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import small

STUDY = """
from my_paper.claims import first, second
from spikewhen.experiments.study.study import Study

STUDY = Study(
    __package__,
    "A paper <in> a test",
    claims=[first.CLAIM, second.CLAIM],
    figures={"figure_1": "my_paper.figures.rates"},
    config="small.toml",
)
"""

SHARED = '''
"""What both claims share: protocols, and a measure of a run."""

from my_paper.helper import FACTOR
from spikewhen.experiments.study.claim import Judged, column, finding, paired
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.reservoir.files import schema

BASE = Protocol("base")
WEAK = Protocol("weak", ("network.cue_pa=10.0",))


def take(protocol, recording):
    """Take something that depends on the run and on the helper."""
    rate = schema.health(recording)["rate_hz"]
    return {"rate": FACTOR * rate, "labels": len(recording.labels), "undefined": float("nan"), 3: "key"}


def judge(measured):
    """Judge what `take` took."""
    by_protocol = {name: column(runs, "rate") for name, runs in measured.items()}
    first, *others = by_protocol.values()
    findings = [
        finding("rate <i>", first, at_least=0.0, published="1 & 2", unit="Hz"),
        finding("also", first),
    ]
    differences = [paired("difference", first, other, below=0.0) for other in others]
    never = finding("never", column(next(iter(measured.values())), "undefined"), at_most=1.0, median=True)
    rests_on = differences[0] if differences else None
    return Judged([*findings, *differences, never], {"rates": first.tolist()}, rests_on=rests_on)
'''

FIRST = """
from my_paper.shared import BASE, judge, take
from spikewhen.experiments.study.claim import Claim

PROTOCOLS = (BASE,)


def measure(protocol, recording):
    return take(protocol, recording)


CLAIM = Claim("F1", "First <script>", "published | as such", PROTOCOLS, measure, judge, ("a note & more",))
"""

SECOND = """
from my_paper.shared import BASE, WEAK, judge, take
from spikewhen.experiments.study.claim import Claim


def measure(protocol, recording):
    return take(protocol, recording)


CLAIM = Claim("F2", "Second", "as such", (BASE, WEAK), measure, judge)
"""

FIGURE = """
from spikewhen.analysis.figures.sheet import Sheet

CLAIMS = ("F1",)


def caption(result):
    return f"Rates of {len(result.series('F1')['rates'])} seeds."


def draw(result):
    rates = result.series("F1")["rates"]
    sheet = Sheet(60, 40)
    sheet.line(sheet.axes(15, 8, 40, 25, "a"), "a", "rate", range(len(rates)), rates)
    return sheet
"""

FILES = {
    "__init__.py": "",
    "study.py": STUDY,
    "shared.py": SHARED,
    "helper.py": "FACTOR = 1.0\n",
    "claims/__init__.py": "",
    "claims/first.py": FIRST,
    "claims/second.py": SECOND,
    "figures/__init__.py": "",
    "figures/rates.py": FIGURE,
    "small.toml": small.TEXT,
}


def write(parent: Path, name: str = "my_paper") -> Path:
    """Write the study and return its folder."""
    for path, text in FILES.items():
        file = parent / name / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("my_paper", name))
    return parent / name


def edit(path: Path, before: str, after: str) -> None:
    """Replace a piece of text in a file; it has to be there."""
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@contextmanager
def clean_slate(*names: str) -> Iterator[None]:
    """Forget these packages and new places on the path, before a block and after it; keep no bytecode."""
    path, bytecode = list(sys.path), sys.dont_write_bytecode
    sys.dont_write_bytecode = True
    try:
        forget(*names)
        yield
    finally:
        forget(*names)
        sys.path[:] = path
        sys.dont_write_bytecode = bytecode


def forget(*names: str) -> None:
    """Drop packages from the modules of this process."""
    for module in [m for m in sys.modules if m.partition(".")[0] in names]:
        del sys.modules[module]

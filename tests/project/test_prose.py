"""The pages as prose: nine of ten sentences have at most 30 words, and formulas are formulas."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
JOURNAL = {"search.md"}
"""Records of a search, in the words of the day: what was tried, with its numbers."""

WORDS, SHARE = 30, 0.1

NO_PROSE = (
    r"^(```|~~~).*?^\1",  # code
    r"^\$\$.*?\$\$",
    r"^(\||#|:::|\s*<|!\[).*$",  # tables, headings, directives, HTML, pictures
)


def sentences(page: str) -> list[str]:
    """Return the sentences of a page; an inline formula or piece of code is one word."""
    for pattern in NO_PROSE:
        page = re.sub(pattern, "", page, flags=re.DOTALL | re.MULTILINE if "*?" in pattern else re.MULTILINE)
    page = re.sub(r"`[^`]*`|\$[^$]*\$", "x", page)
    page = re.sub(r"\]\([^)]*\)", "]", page)
    paragraphs = re.split(r"\n\s*\n|^\s*(?:[-*]|\d+\.)\s", page, flags=re.MULTILINE)
    ends = r"(?<=[.!?:])[\"”)\]*]*\s+(?=[A-Z\[*`x(])|;\s"
    return [s for p in paragraphs for s in re.split(ends, " ".join(p.split())) if words(s) > 2]


def words(sentence: str) -> int:
    """Count words; a number is one."""
    return len(re.findall(r"\w[\w'’.,-]*", sentence))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_nine_of_ten_sentences_have_at_most_thirty_words(page):
    found = [] if page.name in JOURNAL else sentences(page.read_text(encoding="utf-8"))
    long = [s for s in found if words(s) > WORDS]
    assert len(long) <= SHARE * len(found), "\n".join(long)


def test_a_long_sentence_is_seen_where_it_stands():
    short, long = "One two three.", "Word " * 31 + "end."
    page = f"# {long}\n\n{short}\n\n```python\n{long}\n```\n\n| {long} |\n\n- {short} {long}\n"
    assert [words(s) for s in sentences(page)] == [3, 3, 32]

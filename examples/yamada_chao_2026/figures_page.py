"""The page of figures: every figure of the study with its caption.

``python -m spikewhen.examples.yamada_chao_2026.figures_page DIR > docs/article_figures.md``, where DIR is
what `spikewhen claims --figures` wrote; the pictures are copied to docs/figures.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module

from spikewhen.examples.yamada_chao_2026.study import STUDY
from spikewhen.experiments.study.result import StudyResult

HEAD = """# The figures of the article's study

`spikewhen claims --figures` draws them, with the numbers of every line and dot as a table beside each.
What was found is said in [results.md](results.md).
"""


def page(result: StudyResult) -> str:
    """Return the page as Markdown; each panel of a caption is a line of a list."""
    parts = [HEAD]
    for name, path in STUDY.figures.items():
        module = import_module(path)
        heading = str(module.__doc__).splitlines()[0].rstrip(".")
        opening, *panels = re.split(r"\s+(?=\([a-h](?:[-,] ?[a-h])?\) )", module.caption(result))
        lines = [f"## {heading}", "", f"![{heading}](figures/{name}.png)", "", opening, ""]
        parts.append("\n".join([*lines, *(f"- {panel}" for panel in panels)]).rstrip() + "\n")
    return "\n".join(parts)


def main() -> None:
    """Print the page."""
    print(page(StudyResult.read(sys.argv[1])), end="")


if __name__ == "__main__":
    main()

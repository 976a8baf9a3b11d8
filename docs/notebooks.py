"""Turn a tutorial into a Jupyter notebook: its Python blocks become cells of code, the rest cells of text."""

from __future__ import annotations

import json
import re
from typing import Any

FENCE = re.compile(r"^```python\n(.*?)^```\n?", re.DOTALL | re.MULTILINE)


def notebook(page: str) -> str:
    """Return the notebook of a page in Markdown, as the text of an .ipynb file."""
    cells: list[dict[str, Any]] = []
    for i, part in enumerate(FENCE.split(page)):
        text = part.strip("\n") if i % 2 else readable(part).strip()
        if text:
            cells.append(cell("code" if i % 2 else "markdown", text, len(cells)))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(book, indent=1, ensure_ascii=False) + "\n"


def cell(kind: str, text: str, number: int) -> dict[str, Any]:
    """Return one cell; code has not run."""
    found: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
    found["source"] = text.splitlines(keepends=True)
    return found | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def readable(text: str) -> str:
    """Replace what only the site understands: links without a text, references, pictures beside the page."""
    text = re.sub(r"\[\]\((?:\.\./)*([\w/]+)\.md[^)]*\)", r"the page `\1`", text)
    text = re.sub(r"\{\w+(?::\w+)*\}`[~./]*([\w./]+)`", r"`\1`", text)
    text = re.sub(r"\[([^\]]+)\]\((?:\.\./|\w+/)*\w+\.md[^)]*\)", r"\1", text)
    return re.sub(r"^!\[[^\]]*\]\([^)]*\)\n", "", text, flags=re.MULTILINE)

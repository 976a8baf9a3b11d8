"""Sphinx reads this; `make docs` builds the pages into build/docs."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# A checkout holds the package itself, installed or not; notebooks.py stands beside this file.
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
os.environ.setdefault("MPLBACKEND", "Agg")

import docutils.nodes  # noqa: E402
import latex2mathml.converter  # noqa: E402
from notebooks import notebook  # noqa: E402

import spikewhen  # noqa: E402
from spikewhen.reservoir.spec import allowed  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project, release = PROJECT["name"], PROJECT["version"]
author = PROJECT["authors"][0]["name"]
copyright = author
html_math_renderer = "mathml"
html_title = f"{project} {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
# The site's own search page is called search.html, so parameter_search.md includes search.md.
exclude_patterns = ["_templates", "_static", "search.md"]
templates_path = ["_templates"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
default_role = "literal"
napoleon_google_docstring = False
napoleon_use_param = False  # types are prose: "a path or name" must not link to whatever is called name
napoleon_use_rtype = False
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 90

html_theme = "pydata_sphinx_theme"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
# The scripts run while the pages are built; one that fails is a warning, and so an error.
sphinx_gallery_conf = {
    "examples_dirs": ["../examples/gallery"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/p\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "copyfile_regex": r".*\.toml",  # what the scripts read stands beside their downloads
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,  # its page would load scripts from elsewhere
}
html_sidebars = {"index": [], "install": []}  # pages without others beneath them: the bar would be empty
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_end": [],
}


def site_links(app: Any, page: str, source: list[str]) -> None:
    """Point at pages of the site; links to files that are no pages become names, as they have no address."""
    docs = ROOT / "docs"

    def named(match: re.Match[str]) -> str:
        target = ((docs / page).parent / match[2]).resolve()
        outside = not target.is_relative_to(docs)
        return f"{match[1]} (`{target.relative_to(ROOT)}`)" if outside else match[0]

    source[0] = source[0].replace("](search.md", "](parameter_search.md")
    source[0] = re.sub(r"\[([^\]]+)\]\((\.\./[^)#]+)\)", named, source[0])
    # A file's name as the text of a link becomes the title of the page.
    source[0] = re.sub(r"\[[\w/]+\.md\]\(((?:\.\./)*[\w/]+\.md(?:#[^)]*)?)\)", r"[](\1)", source[0])
    if page.startswith("tutorials/") and page != "tutorials/index":
        name = page.partition("/")[2]
        link = f'<p><a href="{name}.ipynb" download>Download as a notebook</a></p>'
        source[0] += f"\n```{{raw}} html\n{link}\n```\n"


def write_notebooks(app: Any, error: Exception | None) -> None:
    """Write every tutorial as a notebook beside its page."""
    if error is None and app.builder.format == "html":
        for page in sorted((ROOT / "docs" / "tutorials").glob("*.md")):
            target = Path(app.outdir) / "tutorials" / f"{page.stem}.ipynb"
            if page.stem != "index":
                target.write_text(notebook(page.read_text(encoding="utf-8")), encoding="utf-8")


def readable_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, text: str | None, back: Any
) -> Any:
    """Leave out what is internal, and write a default that a factory makes as Python can read it."""
    return text and (
        re.sub(r", _\w+(: [^=,()]+)?(\s*=\s*[^,)]+)?", "", text.replace("<factory>", "...")),
        back,
    )


def linked_names(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Make links of the public names that a docstring has between single backticks, and of pages."""
    if what in ("attribute", "property"):
        lines.insert(0, "")  # else napoleon takes what stands before a colon for a type
    for i, line in enumerate(lines):
        line = re.sub(r"(?<!`)docs/([\w/]+)\.md", r":doc:`/\1`", line).replace(
            "`/search`", "`/parameter_search`"
        )
        lines[i] = re.sub(r"(?<![`:])`(\w+)`(?!`)", linked, line)


def linked(match: re.Match[str]) -> str:
    """Return a link to a public name; any other text stays."""
    known = match[1] in spikewhen.__all__
    return f":py:obj:`{match[1]} <spikewhen.{match[1]}>`" if known else match[0]


def parameter_section(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Add what `param` declares of a parameter set: default, unit, meaning and what is allowed."""
    if what != "class" or not dataclasses.is_dataclass(obj) or "Parameters" in lines:
        return
    declared = [f for f in dataclasses.fields(obj) if f.metadata.get("help")]
    if not declared:
        return
    lines += ["", "Parameters", "----------"]
    for f in declared:
        unit = "" if f.metadata["unit"] == "1" else f" ({f.metadata['unit']})"
        meaning = re.sub(r"([*|`\\])", r"\\\1", f.metadata["help"] + unit)
        lines += [
            f"{f.name} : {default_of(f)}",
            f"    {meaning[:1].upper()}{meaning[1:]}.{limits(f.metadata)}",
        ]
    lines.append("")


def default_of(f: dataclasses.Field) -> str:
    """Return the default of a parameter, short enough for a heading."""
    if f.default is dataclasses.MISSING:
        return "required" if f.default_factory is dataclasses.MISSING else "by default an object of its own"
    text = repr(f.default)
    return f"by default ``{text}``" if len(text) <= 60 else "by default a longer value"


def limits(metadata: Any) -> str:
    """Return a sentence on what is allowed, or nothing."""
    some = metadata.get("choices") or any(bound is not None for bound in metadata["bounds"].values())
    return f" Allowed: {allowed(metadata)}." if some else ""


def inline_math(translator: Any, node: Any) -> None:
    """Write an equation as MathML, which browsers show without a script from elsewhere."""
    translator.body.append(latex2mathml.converter.convert(node.astext()))
    raise docutils.nodes.SkipNode


def block_math(translator: Any, node: Any) -> None:
    """Write an equation on a line of its own, which can be scrolled where the screen is narrower."""
    equation = latex2mathml.converter.convert(node.astext(), display="block")
    translator.body.append(f'<div class="wide-equation">{equation}</div>')
    raise docutils.nodes.SkipNode


def setup(app: Any) -> None:
    """Connect the changes of text."""
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
    app.connect("source-read", site_links)
    app.connect("build-finished", write_notebooks)
    app.connect("autodoc-process-signature", readable_signature)
    app.connect("autodoc-process-docstring", linked_names, priority=300)
    app.connect("autodoc-process-docstring", parameter_section, priority=400)  # before napoleon

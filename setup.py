"""What pyproject.toml cannot say: the commit inside a wheel, and a README fit for a package page."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

ROOT = Path(__file__).resolve().parent
COMMIT = Path("spikewhen") / "_commit.py"


def commit() -> str:
    """Return the commit of a checkout, or the one that an archive of the sources was made from."""
    if not (ROOT / ".git").exists():
        kept = ROOT / COMMIT
        return re.search(r'COMMIT = "(.*)"', kept.read_text())[1] if kept.is_file() else "unknown"
    head = _git("rev-parse", "HEAD")
    changed = head != "unknown" and _git("status", "--porcelain", "--untracked-files=no")
    return f"{head}-modified" if changed else head


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def write_commit(folder: Path) -> None:
    """Write the commit into a copy of the package, never into the tree."""
    path = folder / COMMIT
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a hard link to the tree's
    path.write_text(f'"""The commit that this was built from."""\n\nCOMMIT = "{commit()}"\n')


class BuildWithCommit(build_py):
    """Builds as setuptools does; an editable install asks its checkout."""

    def run(self) -> None:
        """Copy the packages, then name the commit."""
        super().run()
        if not self.editable_mode:
            write_commit(Path(self.build_lib))


class ArchiveWithCommit(sdist):
    """Archives as setuptools does."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Collect the files, then name the commit."""
        super().make_release_tree(base_dir, files)
        write_commit(Path(base_dir))


def package_page(text: str, source: str | None) -> str:
    """Return the README for a place where the repository's files are not.

    Parameters
    ----------
    text : str
    source : str or None
        Address of the repository, whose files are at ``/blob/HEAD/`` and ``/raw/HEAD/``; without
        it images go, and links keep their text.
    """
    relative = r"\((?!https?:|#)([^)\s]+)\)"
    if source:
        text = re.sub(rf"(!\[[^\]]*\]){relative}", rf"\1({source}/raw/HEAD/\2)", text)
        return re.sub(rf"(\]){relative}", rf"\1({source}/blob/HEAD/\2)", text)
    text = re.sub(rf"!\[[^\]]*\]{relative}\n*(\*(?!\*)[^*]+\*\n)?", "", text)  # an image, and its caption
    return re.sub(rf"(?<!!)\[([^\]]+)\]{relative}", r"\1", text)


def _long_description() -> str:
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"].get("urls", {})
    return package_page((ROOT / "README.md").read_text(encoding="utf-8"), urls.get("Source"))


if __name__ == "__main__":
    setup(
        cmdclass={"build_py": BuildWithCommit, "sdist": ArchiveWithCommit},
        long_description=_long_description(),
        long_description_content_type="text/markdown",
    )

"""The wheel as a stranger gets it: built, installed without the checkout, beside folders named like ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
OWN = ("analysis", "experiments", "reservoir")
"""Packages of the user's own, beside the script; and modules called `gpu` and `paradigms`."""

WHERE = """
import spikewhen, sys
assert spikewhen.__file__ == sys.argv[1], spikewhen.__file__
assert not [p for p in spikewhen.__path__ if not p.startswith(sys.argv[2])], spikewhen.__path__
import analysis, experiments, gpu, paradigms, reservoir
assert all(m.MINE for m in (analysis, experiments, gpu, paradigms, reservoir))
"""

MINE = """
[network]
n_neurons = 60
out_degree = 10
[paradigm]
name = "meet"
trials_per_block = 2
probes_after = [2]
[rules.local]
rule = "three_factor"
"""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program without what this session's environment says of Python's paths."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(
        [str(w) for w in words], cwd=cwd, env=clean | environment, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A wheel built from a copy of the tracked files, and the commit of that copy."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0")[:-1]:
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name, follow_symlinks=False)
    git = ("git", "-c", "user.name=A", "-c", "user.email=a@example.org")
    run("git", "init", "-q", cwd=source)
    run("git", "add", "-A", cwd=source)
    run(*git, "commit", "-q", "-m", "copy", cwd=source)
    commit = run("git", "rev-parse", "HEAD", cwd=source).stdout.strip()
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "-q", "--no-deps", "--no-index", "--no-build-isolation", "-w", folder, ".", cwd=source)
    (wheel,) = folder.glob("*.whl")
    return wheel, commit


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """A folder with the wheel's packages and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-index")
    run(*pip, "--no-deps", "--no-compile", "--target", folder, built[0], cwd=folder)
    return folder


@pytest.fixture(scope="module")
def python(installed, tmp_path_factory):
    """A Python that finds the wheel and this environment's dependencies, but not the checkout."""
    folder = tmp_path_factory.mktemp("bare")
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    places = [p for p in sys.path if Path(p).name in ("site-packages", "dist-packages")]
    (site,) = folder.glob("lib/python*/site-packages")
    # Folders named here are searched, but .pth files in them, as of an editable install, are not read.
    (site / "paths.pth").write_text("\n".join([str(installed), *places]) + "\n")
    return folder / "bin" / "python"


@pytest.fixture
def place(tmp_path):
    """A folder as a laboratory may have it."""
    for name in OWN:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MINE = True\n")
    for name in ("gpu", "paradigms"):
        (tmp_path / f"{name}.py").write_text("MINE = True\n")
    return tmp_path


def test_the_wheel_has_one_name_and_says_its_commit(built):
    wheel, commit = built
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        assert {n.split("/")[0] for n in names} == {"spikewhen", wheel.name.rsplit("-", 3)[0] + ".dist-info"}
        scope: dict = {}
        exec(archive.read("spikewhen/_commit.py"), scope)
        metadata = archive.read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert scope["COMMIT"] == commit
    page = metadata.partition("\n\n")[2]
    assert page.startswith("# spikewhen")
    assert not re.search(r"\]\((?!https?:|#)", page), "a relative link or image on the package page"
    assert "Project-URL: Paper, " in metadata


@pytest.mark.long  # it compiles every kernel anew; .ci/run runs it
def test_the_readme_runs_beside_folders_named_like_ours(python, installed, place):
    init = installed / "spikewhen" / "__init__.py"
    (place / "check.py").write_text(WHERE)
    run(python, "check.py", init, installed, cwd=place)
    (place / "readme.py").write_text("\n".join(SCRIPTS))
    run(python, "readme.py", cwd=place)
    assert (place / "prediction.png").stat().st_size > 1000


def test_the_command_runs_and_the_file_says_the_commit(python, built, installed, place):
    text = (installed / "bin" / "spikewhen").read_text()
    (place / "command.py").write_text(text)
    assert run(python, "command.py", "--version", cwd=place).stdout.startswith("spikewhen ")
    (place / "mine.toml").write_text(MINE)
    run(python, "command.py", "run", "mine.toml", "--out", "out", cwd=place)
    (path,) = (place / "out").glob("*.h5")
    (place / "ask.py").write_text(
        f"import spikewhen\nprint(spikewhen.open_run({str(path)!r}).software['commit'])\n"
    )
    assert run(python, "ask.py", cwd=place).stdout.strip() == built[1]

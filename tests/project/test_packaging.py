"""What several files declare agrees: dependencies, pins, packages. Nothing strays into the tree."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
GALLERY = "examples/gallery"  # scripts of the pages, which are not installed
ENVIRONMENTS = ("environment.yml", "environment-gpu.yml", "environment-dev.yml")
PACKAGES = ("analysis", "examples", "experiments", "gpu", "paradigms", "reservoir", "validation")
MACHINES = {
    f"{python}-{system}-{machine}": {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_machine": machine,
    }
    for python in ("3.11", "3.12", "3.13", "3.14")
    for system, machine in (
        ("linux", "x86_64"),
        ("linux", "aarch64"),
        ("darwin", "arm64"),
        ("darwin", "x86_64"),
    )
}


def declared(*extras: str) -> dict[str, Requirement]:
    """Requirements of the project by name, with those of some extras."""
    lines = PROJECT["dependencies"] + [r for e in extras for r in PROJECT["optional-dependencies"][e]]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def pins_for(text: str, machine: dict[str, str]) -> dict[str, str]:
    """Versions that constraints pin on a machine; two for one name is an error."""
    pins: dict[str, str] = {}
    for line in filter(None, (line.split("#")[0].strip() for line in text.splitlines())):
        assert re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+( ; .+)?", line), f"not a plain pin: {line}"
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            assert requirement.name not in pins, f"two pins of {requirement.name}"
            pins[requirement.name] = str(requirement.specifier).removeprefix("==")
    return pins


def conda_bounds(path: Path) -> dict[str, SpecifierSet]:
    """Names and bounds of an environment file; pip installs only the checkout."""
    lines = yaml.safe_load(path.read_text())["dependencies"]
    assert lines.pop() == {"pip": ["-e ."]}
    found = [re.fullmatch(r"([a-z0-9-]+)(.*)", line) for line in lines]
    return {match[1]: SpecifierSet(match[2]) for match in found if match}


def tracked() -> list[str]:
    """Return the files git tracks; skips outside a checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    return subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")[:-1]


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_pins_lie_within_the_declared_bounds(machine):
    pins = pins_for(CONSTRAINTS, machine)
    for name, requirement in declared("dev", "docs", "gpu").items():
        assert name in pins, f"{name} is not pinned"
        assert requirement.specifier.contains(pins[name]), f"{name} {pins[name]} is outside {requirement}"


def test_brian2_and_numpy_are_pinned_in_versions_that_go_together():
    for machine in MACHINES.values():
        pins = pins_for(CONSTRAINTS, machine)
        numpy = tuple(map(int, pins["numpy"].split(".")))
        assert numpy < (2, 4), "Brian2 2.9 fails with NumPy 2.4"
        assert (pins["brian2"] == "2.9.0") == (machine["python_version"] == "3.11")


def test_everything_the_requirements_pull_in_is_pinned():
    """Walk the installed metadata from the declared requirements down."""
    pins, seen = pins_for(CONSTRAINTS, {}), set()
    todo = [(name, r.extras) for name, r in declared("dev").items()]
    while todo:
        name, extras = todo.pop()
        if (name, frozenset(extras)) in seen:
            continue
        seen.add((name, frozenset(extras)))
        assert name in pins, f"{name} is not pinned"
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            pytest.fail(f"{name} is not installed: make env")
        for requirement in map(Requirement, lines):
            if any(
                requirement.marker is None or requirement.marker.evaluate({"extra": extra})
                for extra in extras or {""}
            ):
                todo.append((canonicalize_name(requirement.name), requirement.extras))
    assert len(seen) > 30


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("numpy @ https://host/numpy.whl", "plain pin"),
        ("numpy>=2", "plain pin"),
        ("numpy==2.2.6 --hash=sha256:0", "plain pin"),
        ("numpy==2.2.6\nnumpy==2.3.5", "two pins"),
    ],
)
def test_a_faulty_pin_is_noticed(text, complaint):
    with pytest.raises(AssertionError, match=complaint):
        pins_for(text, {})


@pytest.mark.parametrize("gpu", [False, True], ids=["cpu", "gpu"])
def test_conda_files_agree_with_pyproject(gpu):
    conda = conda_bounds(ROOT / ("environment-gpu.yml" if gpu else "environment.yml"))
    pip = {name: r.specifier for name, r in declared("frames").items()}
    assert conda.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert conda.pop("pip") == SpecifierSet("")
    if gpu:
        # conda's cupy brings NVRTC and the headers; cuda-version stands for "12x" and NVIDIA's wheels.
        extra = {name: r.specifier for name, r in declared("gpu").items()}
        assert conda.pop("cuda-version") == extra["nvidia-cuda-nvrtc-cu12"]
        pip["cupy"] = extra["cupy-cuda12x"]
    assert conda == pip


def test_no_addresses_where_things_are_installed_from():
    files = ["pyproject.toml", "constraints.txt", *ENVIRONMENTS, "conda.recipe/meta.yaml", "Makefile"]
    for path in [ROOT / f for f in files] + [ROOT / ".pre-commit-config.yaml", *(ROOT / ".ci").iterdir()]:
        text = re.sub(r"(?m)^(Paper|Preprint) = .*$", "", path.read_text())  # to be read, not installed
        assert not re.search(r"\b(https?|file|git\+\w+):/|--(extra-)?index-url|--find-links", text), path


def test_the_version_and_the_pythons_are_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert f"## [{PROJECT['version']}]" in (ROOT / "CHANGELOG.md").read_text()
    assert PROJECT["requires-python"] == ">=3.11,<3.15"
    assert "not (3, 11) <= sys.version_info[:2] <= (3, 14)" in (ROOT / "Makefile").read_text()
    assert sys.version_info >= (3, 11)


def test_zenodo_and_the_citation_file_say_the_same():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    (article,) = citation["references"]
    assert zenodo["creators"] == [{"name": author["name"]} for author in citation["authors"]]
    assert [author["name"] for author in PROJECT["authors"]] == [a["name"] for a in citation["authors"]]
    assert zenodo["version"] == citation["version"] and zenodo["title"] == citation["title"]
    assert zenodo["description"] == citation["abstract"] and zenodo["keywords"] == PROJECT["keywords"]
    assert zenodo["license"] == citation["license"] == PROJECT["license"]
    known = {article["doi"], *(one["value"] for one in article["identifiers"])}
    assert {one["identifier"] for one in zenodo["related_identifiers"]} == known
    urls = PROJECT["urls"]
    assert urls["Paper"].endswith(article["doi"]) and urls["Preprint"].rpartition("/")[2] in str(known)


def test_every_package_is_declared():
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    folders.discard(ROOT / GALLERY)
    found = {".".join(("spikewhen", *folder.relative_to(ROOT).parts)) for folder in folders}
    assert found | {"spikewhen"} == set(PYPROJECT["tool"]["setuptools"]["packages"])
    assert not [f for f in folders if not (f / "__init__.py").exists()], "folders without __init__.py"


def test_every_data_file_is_declared():
    declared_data = PYPROJECT["tool"]["setuptools"]["package-data"]
    matched = {
        path
        for package, globs in declared_data.items()
        for g in globs
        for path in ROOT.joinpath(*package.split(".")[1:]).glob(g)
    }
    names = [name for name in tracked() if not name.startswith(f"{GALLERY}/")]
    data = {ROOT / name for name in names if name.split("/")[0] in PACKAGES and not name.endswith(".py")}
    assert data <= matched, "package-data in pyproject.toml misses files"


def test_tracked_files_are_small_and_belong_in_git():
    for name in tracked():
        path = ROOT / name
        assert not path.is_file() or path.stat().st_size < 1_000_000, f"{name} is too large for git"
    ignored = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.check_output(ignored, cwd=ROOT, text=True) == "", (
        "tracked although .gitignore names them"
    )


def test_the_conda_recipe_agrees_with_pyproject():
    recipe = yaml.safe_load((ROOT / "conda.recipe" / "meta.yaml").read_text())
    run = dict(line.partition(" ")[::2] for line in recipe["requirements"]["run"])
    run["matplotlib"] = run.pop("matplotlib-base")  # conda-forge's matplotlib brings Qt
    assert run.pop("__unix") == ""
    assert SpecifierSet(run.pop("python")) == SpecifierSet(PROJECT["requires-python"])
    assert {name: SpecifierSet(bound) for name, bound in run.items()} == {
        name: r.specifier for name, r in declared().items()
    }
    assert recipe["package"] == {"name": PROJECT["name"], "version": PROJECT["version"]}
    command, _, target = recipe["build"]["entry_points"][0].partition(" = ")
    assert PROJECT["scripts"] == {command: target}
    assert (
        f"setuptools {PYPROJECT['build-system']['requires'][0].removeprefix('setuptools')}"
        in (recipe["requirements"]["host"])
    )
    assert recipe["about"]["license"] == PROJECT["license"]


def test_developers_of_conda_get_the_extras_that_make_installs():
    *conda, pip = yaml.safe_load((ROOT / "environment-dev.yml").read_text())["dependencies"]
    assert f"python{PROJECT['requires-python']}" in {line.replace(" ", "") for line in conda}
    assert pip == {"pip": ["-c constraints.txt", "-e .[dev,docs]"]}

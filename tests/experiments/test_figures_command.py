"""`spikewhen figures`: one figure, chosen seeds, a width, a font, other words; what cannot be."""

import subprocess
import sys

import pytest
import small
from PIL import Image

import spikewhen as sw
from spikewhen.reservoir.files import schema
from spikewhen.reservoir.files.recording import Recording


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of a small run."""
    place = tmp_path_factory.mktemp("figures")
    out = place / "runs"
    done = small.spikewhen("run", small.write(place), "--seeds", "0,3", "--threads", "1", "--out", out)
    assert done.exit_code == 0, done.stderr
    return out


def test_one_figure_of_one_seed_in_one_column(folder, caplog):
    words = folder.parent / "words.toml"
    words.write_text('"training trials" = "essais"\n"nowhere" = "x"\n')
    said = small.spikewhen(
        *("figures", folder, "--only", "learning", "--seeds", "3", "--width", "89", "--format", "png"),
        *("--words", words, "--rc", "savefig.dpi=100", "--font", "STIXGeneral", "--no-letters"),
        *("--out", folder.parent / "paper"),
    )
    assert said.exit_code == 0, said.stderr
    assert small.files(folder.parent / "paper") == ["learning.csv", "learning.png"]
    assert "--words nowhere: no figure that was drawn has this line of text" in caplog.text
    with Image.open(folder.parent / "paper" / "learning.png") as image:
        assert image.width == pytest.approx(89 / 25.4 * 100, abs=1)
        assert len(image.info["Runs"].split()) == 1


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("--seeds", "0-4"), ("--seeds = '1-2,4'", "0,3")),
        (("--only", "learnin"), ("learnin", "did you mean learning")),
        (("--width", "5"), ("--width", "60 to 1000 mm")),
        (("--rc", "font.size"), ("--rc", "KEY=VALUE")),
        (("--font", "No Font"), ("--font", "an installed font")),
        (("--words", "absent.toml"), ("--words", "absent.toml")),
    ],
)
def test_what_cannot_be_is_refused(folder, words, parts):
    small.refused(small.spikewhen("figures", folder, *words), *parts)


def test_figures_of_stored_scores_are_drawn_without_loading_numba(folder):
    out = folder.parent / "bare"
    code = (
        "import sys, spikewhen as sw\n"
        f"sw.figures({str(folder)!r}, only=['learning'], formats=['svg'], out={str(out)!r})\n"
        "sys.exit('numba' in sys.modules or 'spikewhen.paradigms' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scores_are_read_and_nothing_else(folder):
    """A run has some thousand arrays, which a figure would else read for every rule."""
    with sw.open_run(sorted(folder.glob("*.h5"))[0]) as run:
        read = []

        class Counted(dict):
            def __getitem__(self, path):
                read.append(path)
                return run.arrays[path]

        label = run.labels[0]
        found = schema.read_scores(Recording(Counted.fromkeys(run.arrays), run.attrs), label)
    assert found and sorted(read) == sorted(schema.scores(label, name) for name in found)


def test_python_takes_the_same_options(folder, tmp_path):
    written = sw.figures(folder, only=["learning"], seeds=[0], formats=["svg"], out=tmp_path, width_mm=100)
    assert [p.name for p in written] == ["learning.svg", "learning.csv"]

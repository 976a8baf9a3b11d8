"""`spikewhen study`: what it runs, repeats, writes and refuses, on a small study in a folder."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import fake_study
import pytest
import small
from host_kernel import needs_compiler
from small import refused

import spikewhen.gpu.backend
from spikewhen.experiments.digest import with_digest
from spikewhen.experiments.study import run
from spikewhen.experiments.study.claim import finding
from spikewhen.experiments.study.report import verdict
from spikewhen.gpu.device import why_not
from spikewhen.gpu.host import HostDevice

REPORTS = ("claims.json", "claims.md", "claims.html")


@pytest.fixture(autouse=True)
def _clean_slate():
    with fake_study.clean_slate("my_paper"):
        yield


@pytest.fixture
def study(tmp_path):
    """A folder with the small study, and its results in `o` beside it."""
    return fake_study.write(tmp_path)


def call(study: Path, *words: object, out: Path | None = None):
    """Call the command on a study."""
    return small.spikewhen("study", study, *words, "--out", out or study.parent / "o")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A study that is finished on three seeds, and what the command said."""
    folder = tmp_path_factory.mktemp("claims")
    with fake_study.clean_slate("my_paper"):
        result = call(fake_study.write(folder), "--quick", "--threads", "2")
    assert result.exit_code == 0, result.stderr
    return folder / "o", result


@pytest.fixture
def copied(done, study):
    """A copy of the finished study, to call again."""
    shutil.copytree(done[0], study.parent / "o")
    return study


@pytest.fixture
def counted(monkeypatch):
    """Every run that is carried out in this process, and every measure."""
    counts = {"runs": [], "measures": []}
    real_run, real_save = run.carry_out_one, run.save

    def carry_out_one(*words):
        counts["runs"].append(words[3].run_id)
        return real_run(*words)

    def save(measure, recording):
        counts["measures"].append((measure.claim, measure.protocol, measure.seed))
        return real_save(measure, recording)

    monkeypatch.setattr(run, "carry_out_one", carry_out_one)
    monkeypatch.setattr(run, "save", save)
    return counts


def report_of(study: Path) -> dict:
    """What claims.json beside a study holds."""
    return json.loads((study.parent / "o" / "claims.json").read_text())


def state(folder: Path) -> dict[str, int]:
    """When every result and every measure was written."""
    paths = [p for d in ("runs", "measures") for p in (folder / d).rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in paths}


def test_claims_share_runs_and_every_claim_measures_them(done):
    out, result = done
    report = json.loads((out / "claims.json").read_text())
    runs = [r for p in report["protocols"].values() for r in p["runs"].values()]
    assert len(set(runs)) == 6 == len(list((out / "runs").glob("*.h5")))
    assert len(list((out / "measures").rglob("*.json"))) == 9
    assert "3 seeds: no claim can be judged" in result.stderr and "no p is below 0.25" in result.stderr
    assert "6 of 6" in result.stderr and " left: " in result.stderr
    assert set(small.files(out)) >= {*REPORTS}


def test_the_report_names_what_decides_it(done):
    report = json.loads((done[0] / "claims.json").read_text())
    assert report["command"] == "spikewhen study my_paper F1 F2 --seeds 0-2" and report["seeds"] == [0, 1, 2]
    assert report["study"]["folder"] == "../my_paper" and report["study"]["package"] is None
    assert report["software"]["commit"]
    assert report["protocols"]["weak"]["overrides"] == ["network.cue_pa=10.0"]
    assert report["protocols"]["weak"]["config"] == "small.toml"
    first, second = report["claims"]
    assert first["verdict"] == "not shown"  # three seeds are too few
    assert [f["verdict"] for f in first["findings"]] == ["not shown", "reported", "not shown"]
    assert first["findings"][0]["n"] == 3 and first["findings"][2]["mean"] is None
    assert first["p"] is None and second["p"] == second["p_holm"] == 0.25  # all three pairs on one side
    assert first["rests_on"] is None and second["rests_on"] == "difference"
    assert len(first["series"]["rates"]) == 3


@pytest.mark.parametrize(
    ("of_findings", "of_claim"),
    [
        ("hh", "holds"),
        ("hr", "holds"),
        ("hn", "not shown"),
        ("hnf", "fails"),
        ("r", "reported"),
        ("", "reported"),
    ],
)
def test_a_claim_is_as_good_as_its_worst_finding(of_findings, of_claim):
    names = {"h": "holds", "n": "not shown", "f": "fails", "r": "reported"}
    findings = [finding("x", [1.0])._replace(verdict=names[c]) for c in of_findings]
    assert verdict(findings) == of_claim


def test_nothing_is_repeated_and_reports_have_the_same_bytes(copied, counted):
    out = copied.parent / "o"
    before, texts = state(out), {name: (out / name).read_bytes() for name in REPORTS}
    for name in REPORTS:
        (out / name).unlink()
    result = call(copied, "--seeds", "0,1,2", "--threads", "1")
    assert result.exit_code == 0, result.stderr
    assert counted == {"runs": [], "measures": []} and state(out) == before
    assert {name: (out / name).read_bytes() for name in REPORTS} == texts


def test_runs_made_anew_give_the_same_report(done, study):
    assert call(study, "--quick", "--threads", "1").exit_code == 0
    for name in REPORTS:
        assert (study.parent / "o" / name).read_bytes() == (done[0] / name).read_bytes()


def test_more_seeds_run_only_what_is_new(copied, counted):
    assert call(copied, "F1", "--seeds", "0-3", "--threads", "1").exit_code == 0
    assert len(counted["runs"]) == 1 and counted["measures"] == [("F1", "base", 3)]


def test_a_missing_measure_is_taken_again_without_a_run(copied, counted):
    victim = next((copied.parent / "o" / "measures" / "F2").glob("weak.*.json"))
    text = victim.read_text()
    for damaged in (None, "{", text.replace('"F2"', '"F1"')):
        victim.unlink() if damaged is None else victim.write_text(damaged)
        assert call(copied, "--quick", "--threads", "1").exit_code == 0
        assert json.loads(victim.read_text())["values"] == json.loads(text)["values"]
    assert counted["runs"] == [] and len(counted["measures"]) == 3


@pytest.mark.parametrize(
    ("file", "before", "after", "again"),
    [
        ("helper.py", "1.0", "2.0", {"F1", "F2"}),  # two imports away from the claims
        ("claims/first.py", "    return take", "    # an edit\n    return take", {"F1"}),
        ("figures/rates.py", "60", "61", set()),
        ("study.py", "in", "of", set()),
    ],
)
def test_an_edit_is_measured_again_where_it_counts_and_never_run_again(
    copied, counted, file, before, after, again
):
    old = report_of(copied)["claims"][0]["findings"][0]["mean"]
    fake_study.edit(copied / file, before, after)
    assert call(copied, "--quick", "--threads", "1").exit_code == 0
    assert {claim for claim, *_ in counted["measures"]} == again and counted["runs"] == []
    new = report_of(copied)["claims"][0]["findings"][0]["mean"]
    assert new == pytest.approx(2 * old if file == "helper.py" else old)


def test_a_killed_command_goes_on_where_it_stopped(study):
    out = study.parent / "o"
    script = [sys.executable, "-m", "spikewhen.experiments.cli.app", "study", str(study), "--out", str(out)]
    words = ("--seeds", "0-5", "--threads", "2")
    with subprocess.Popen([*script, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("measures/*/*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)  # its processes have ended as well
    assert not (out / "claims.json").exists()
    kept = {k: v for k, v in state(out).items() if k.endswith((".h5", ".json"))}
    result = call(study, *words)
    assert result.exit_code == 0, result.stderr
    after = state(out)
    assert {k: after[k] for k in kept} == kept and len(after) > len(kept)
    assert {Path(k).suffix for k in after} == {".h5", ".json"}


def test_a_measure_that_fails_spoils_no_other_claim(study):
    fails = (
        "    if recording.config['seed'] == 1:\n        raise ZeroDivisionError('no event came')\n    return"
    )
    fake_study.edit(study / "claims" / "first.py", "    return", fails)
    result = call(study, "--seeds", "0-1", "--threads", "1")
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: base seed 1")
    assert "claim F1" in last and "ZeroDivisionError: no event came" in last
    assert [c["id"] for c in report_of(study)["claims"]] == ["F2"]


def test_a_run_that_blows_up_spoils_no_other_claim(study):
    fake_study.edit(study / "shared.py", '"network.cue_pa=10.0"', '"network.weight=1e30"')
    result = call(study, "--seeds", "0", "--threads", "1")
    assert result.exit_code == 2 and "error: weak seed 0" in result.stderr and "blew up" in result.stderr
    assert [c["id"] for c in report_of(study)["claims"]] == ["F1"]


def test_warnings_of_runs_reach_the_terminal_and_the_reports(study):
    quiet = '"base", ("health.silent_max=0.0", "network.bias_pa=0.0")'
    fake_study.edit(study / "shared.py", '"base"', quiet)
    result = call(study, "F1", "--seeds", "0")
    assert result.exit_code == 0 and "warning: base seed 0" in result.stderr
    found = report_of(study)["protocols"]["base"]["warnings"]
    assert list(found) == ["0"] and "silent" in found["0"][0]
    for name in ("claims.md", "claims.html"):
        assert "1 with warnings" in (study.parent / "o" / name).read_text()


@pytest.mark.skipif(not why_not(), reason="there is a GPU")
def test_without_a_gpu_the_command_says_what_is_missing(study):
    refused(call(study, "--backend", "gpu"), why_not().split(";")[0])
    assert not (study.parent / "o").exists()


@needs_compiler
def test_a_gpu_takes_the_same_path_to_the_same_report(done, study, monkeypatch):
    monkeypatch.setattr(spikewhen.gpu.backend, "CudaDevice", HostDevice)
    result = call(study, "--quick", "--backend", "gpu", "--threads", "4")
    assert result.exit_code == 0, result.stderr
    assert (study.parent / "o" / "claims.json").read_bytes() == (done[0] / "claims.json").read_bytes()


def test_dry_run_counts_shared_runs_once_and_writes_nothing(copied):
    text = call(copied, "--dry-run", out=copied.parent / "new")
    assert text.exit_code == 0 and "40 of 40 runs to do, 60 measures" in text.stdout and "disk" in text.stdout
    assert not (copied.parent / "new").exists()
    before = state(copied.parent / "o")
    found = json.loads(call(copied, "--dry-run", "--json", "--seeds", "0-3").stdout)
    assert found["claims"]["F1"]["runs"] == 4 and found["claims"]["F2"]["runs"] == 8
    assert found["all"]["runs"] == 8 and found["all"]["runs_to_do"] == 2
    assert state(copied.parent / "o") == before


def test_what_finished_runs_took_replaces_the_estimate(copied):
    for file in (copied.parent / "o" / "runs").glob("*.json"):
        file.write_text(json.dumps(with_digest(json.loads(file.read_text()) | {"cpu_seconds": 100.0})))
    found = json.loads(call(copied, "--dry-run", "--json", "--seeds", "0-2").stdout)
    assert found["claims"]["F1"]["cpu_seconds"] == pytest.approx(3 * 101)
    assert found["all"]["cpu_seconds_to_do"] == 0


def test_json_is_alone_on_stdout_and_a_table_says_the_verdicts(copied):
    assert call(copied, "--quick", "--json").stdout == (copied.parent / "o" / "claims.json").read_text()
    lines = call(copied, "--quick").stdout.splitlines()
    assert lines[1].split()[0] == "F1" and "not shown" in lines[1]


def test_the_figures_of_a_study_are_found_again_through_its_report(copied, monkeypatch):
    out = copied.parent / "o"
    assert call(copied, "--quick", "--figures").exit_code == 0
    names = {"figure_1.pdf", "figure_1.png", "figure_1.csv"}
    assert {p.name for p in (out / "figures").iterdir()} == names
    shutil.rmtree(out / "figures")
    monkeypatch.chdir(copied.parent)
    drawn = small.spikewhen("figures", "o", "--format", "svg")
    assert drawn.exit_code == 0, drawn.stderr
    assert "Rates of 3 seeds." in (out / "figures" / "figure_1.csv").read_text()
    shutil.rmtree(copied)
    fake_study.forget("my_paper")
    refused(small.spikewhen("figures", out, "--format", "svg"), "my_paper", "study.py")


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.links, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href")]

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_escapes_what_it_shows_and_needs_nothing_from_outside(done):
    page = (done[0] / "claims.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert not {"i", "link", "img", "in"} & set(tags.tags) and tags.tags.count("script") == 1
    assert not re.search(r"fetch|import\b|XMLHttp|https?:", page[page.index("<script>") :])
    assert '<tr data-verdict="open">' in page and '<input type="checkbox" value="open" checked>' in page
    assert '<svg viewBox="0 0 120 16"' in page
    assert all(link.startswith("#") for link in tags.links) and "url(" not in page and "@import" not in page
    text = "".join(tags.text)
    for shown in ("A paper <in> a test", "First <script>", "rate <i>", "a note & more"):
        assert shown in text
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_markdown_tables_stay_tables(done):
    lines = (done[0] / "claims.md").read_text().splitlines()
    widths = [line.replace("\\|", "").count("|") for line in lines]
    for above, line, width, wide in zip(lines, lines[1:], widths, widths[1:], strict=False):
        if above.startswith("|") and line.startswith("|"):
            assert width == wide, line
    assert any("published \\| as such" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("f11",), ("CLAIM = 'f11'", "one of F1, F2", "did you mean F1")),
        (("--seeds", "2-1"), ("--seeds", "2-1")),
        (("--seeds", "1", "--quick"), ("--seeds", "--quick")),
        (("--threads", "0"), ("--threads", ">= 1")),
        (("--backend", "tpu"), ("--backend", "cpu, gpu")),
    ],
)
def test_words_that_are_refused(study, words, parts):
    refused(call(study, *words), *parts)
    assert not (study.parent / "o").exists()


@pytest.mark.parametrize(("name", "meant"), [("C99", "C9"), ("c9c", "C9"), ("c8m", "C8"), ("X", None)])
def test_the_nearest_claim_of_the_article_is_suggested_as_it_is_written(name, meant):
    result = small.spikewhen("claims", name)
    refused(result, f"CLAIM = '{name}'", "one of C1, C2")
    assert result.stderr.rstrip().rpartition("did you mean ")[2] == f"{meant}?" or meant is None


def test_a_folder_that_cannot_be_written_is_refused(study):
    (study.parent / "file").write_text("in the way")
    refused(call(study, out=study.parent / "file" / "o"), "--out", "writable folder")


def test_claims_are_named_in_any_case_and_reported_in_their_order(copied):
    found = json.loads(call(copied, "f2", "F1", "--quick", "--json").stdout)
    assert [c["id"] for c in found["claims"]] == ["F1", "F2"]


def test_a_measure_that_differs_from_its_digest_is_measured_again(copied):
    out = copied.parent / "o"
    report, entry = (out / "claims.json").read_bytes(), sorted((out / "measures").rglob("*.json"))[0]
    whole = entry.read_bytes()
    values = whole.index(b'"values"')
    place = next(i for i in range(values, len(whole)) if chr(whole[i]).isdigit())
    other = b"2" if whole[place] == ord("1") else b"1"
    entry.write_bytes(whole[:place] + other + whole[place + 1 :])
    assert call(copied, "--quick").exit_code == 0
    assert entry.read_bytes() == whole and (out / "claims.json").read_bytes() == report


@pytest.mark.parametrize("harm", ["digit", "no digest", "deep"])
def test_a_damaged_report_is_refused_in_one_line(done, tmp_path, harm):
    text = (done[0] / "claims.json").read_text()
    table = json.loads(text)
    del table["sha256"]
    damaged = {
        "digit": text.replace('"n": 3', '"n": 9', 1),
        "no digest": json.dumps(table),
        "deep": "[" * 10**5,
    }
    (tmp_path / "claims.json").write_text(damaged[harm])
    refused(small.spikewhen("figures", tmp_path), "claims.json", "a file that spikewhen study wrote")

"""`spikewhen claims`: what it runs, repeats, writes and refuses, on small claims of the tests' own."""

from __future__ import annotations

import importlib
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import fake_claims
import pytest
import small
from host_kernel import needs_compiler
from test_bad_input import refused

import spikewhen.gpu.backend
from spikewhen.experiments.study import command, run
from spikewhen.experiments.study.protocol import Protocol
from spikewhen.experiments.study.report import verdict
from spikewhen.gpu.device import why_not
from spikewhen.gpu.host import HostDevice

REPORTS = ("claims.json", "claims.md", "claims.html", "claims-cost.json")


@pytest.fixture
def claims(tmp_path, monkeypatch):
    """Call the command on the small claims; its folder is `o`."""
    monkeypatch.setattr(command, "CLAIMS", fake_claims.make(small.write(tmp_path)))

    def call(*words: object, out: Path = tmp_path / "o"):
        return small.spikewhen("claims", *words, "--out", out)

    return call


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder in which both claims are finished on three seeds, and what the command said."""
    folder = tmp_path_factory.mktemp("claims")
    config = small.write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "CLAIMS", fake_claims.make(config))
        result = small.spikewhen("claims", "--quick", "--threads", "2", "--out", folder / "o")
    assert result.exit_code == 0, result.stderr
    return folder, config, result


@pytest.fixture
def copied(done, tmp_path, monkeypatch):
    """The same as a copy of its own: call it again there."""
    folder, config, _ = done
    out = tmp_path / "o"
    shutil.copytree(folder / "o", out)
    monkeypatch.setattr(command, "CLAIMS", fake_claims.make(config))
    return lambda *words: small.spikewhen("claims", *words, "--out", out), out


@pytest.fixture
def counted(monkeypatch):
    """Every run that is carried out in this process, and every measure."""
    counts = {"runs": [], "measures": []}
    real_run, real_keep = run.carry_out_one, run.keep

    def carry_out_one(*words):
        counts["runs"].append(words[3].run_id)
        return real_run(*words)

    def keep(wanted, recording):
        counts["measures"].append((wanted.claim, wanted.protocol, wanted.seed))
        return real_keep(wanted, recording)

    monkeypatch.setattr(run, "carry_out_one", carry_out_one)
    monkeypatch.setattr(run, "keep", keep)
    return counts


def state(folder: Path) -> dict[str, int]:
    """When every result and every measure was written."""
    paths = [p for d in ("runs", "measures") for p in (folder / d).rglob("*") if p.is_file()]
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in paths}


def test_claims_share_runs_and_every_claim_measures_them(done):
    folder, _, result = done
    report = json.loads((folder / "o" / "claims.json").read_text())
    runs = [r for p in report["protocols"].values() for r in p["runs"].values()]
    assert len(set(runs)) == 6 == len(list((folder / "o" / "runs").glob("*.h5")))
    assert len(list((folder / "o" / "measures").rglob("*.json"))) == 9
    assert "6 of 6" in result.stderr and " left: " in result.stderr
    assert set(small.files(folder / "o")) >= {*REPORTS}


def test_the_report_names_what_decides_it(done):
    folder, *_ = done
    report = json.loads((folder / "o" / "claims.json").read_text())
    assert report["command"] == "spikewhen claims F1 F2 --seeds 0-2" and report["seeds"] == [0, 1, 2]
    assert report["software"]["commit"]
    assert report["protocols"]["weak"]["overrides"] == ["network.cue_pa=10.0"]
    first, second = report["claims"]
    assert first["verdict"] == "not shown"  # three seeds are too few
    assert [f["verdict"] for f in first["findings"]] == ["not shown", "reported", "not shown"]
    assert first["findings"][0]["n"] == 3 and first["findings"][2]["mean"] is None
    assert first["p"] is None and second["p"] == second["p_holm"] == 0.25  # all three pairs on one side
    assert (
        first["series"]["rates"] == pytest.approx(first["series"]["rates"])
        and len(first["series"]["rates"]) == 3
    )
    cost = json.loads((folder / "o" / "claims-cost.json").read_text())
    assert cost["claims"]["F1"]["shared"] == 3 and cost["all"]["runs"] == 6
    assert 0 < cost["claims"]["F1"]["cpu_seconds"] < cost["all"]["cpu_seconds"]


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
    findings = [fake_claims.finding("x", [1.0])._replace(verdict=names[c]) for c in of_findings]
    assert verdict(findings) == of_claim


def test_nothing_is_repeated_and_reports_have_the_same_bytes(copied, counted):
    call, out = copied
    before, texts = state(out), {name: (out / name).read_bytes() for name in REPORTS}
    for name in REPORTS:
        (out / name).unlink()
    result = call("--seeds", "0,1,2", "--threads", "1")
    assert result.exit_code == 0, result.stderr
    assert counted == {"runs": [], "measures": []} and state(out) == before
    assert {name: (out / name).read_bytes() for name in REPORTS} == texts


def test_runs_made_anew_give_the_same_report(done, claims, tmp_path):
    folder, config, _ = done
    command.CLAIMS.update(fake_claims.make(config))
    assert claims("--quick", "--threads", "1").exit_code == 0
    for name in ("claims.json", "claims.md"):
        assert (tmp_path / "o" / name).read_bytes() == (folder / "o" / name).read_bytes()


def test_more_seeds_run_only_what_is_new(copied, counted):
    call, _ = copied
    assert call("F1", "--seeds", "0-3", "--threads", "1").exit_code == 0
    assert len(counted["runs"]) == 1 and counted["measures"] == [("F1", "base", 3)]


def test_a_missing_measure_is_taken_again_without_a_run(copied, counted):
    call, out = copied
    victim = next((out / "measures" / "F2").glob("weak.*.json"))
    text = victim.read_text()
    for damaged in (None, "{", text.replace('"F2"', '"F1"')):
        victim.unlink() if damaged is None else victim.write_text(damaged)
        assert call("--quick", "--threads", "1").exit_code == 0
        assert json.loads(victim.read_text())["values"] == json.loads(text)["values"]
    assert counted["runs"] == [] and len(counted["measures"]) == 3


def test_an_edited_measure_is_taken_again_without_a_run(tmp_path, monkeypatch, counted):
    monkeypatch.syspath_prepend(tmp_path)
    source = Path(fake_claims.__file__).read_text()
    config, found = small.write(tmp_path), []
    for factor in ("1.0", "1.0", "2.0"):
        file = tmp_path / "edited_claims.py"
        file.write_text(source.replace("FACTOR = 1.0", f"FACTOR = {factor}"))
        monkeypatch.delitem(sys.modules, "edited_claims", raising=False)
        importlib.invalidate_caches()
        shutil.rmtree(tmp_path / "__pycache__", ignore_errors=True)
        module = importlib.import_module("edited_claims")
        monkeypatch.setattr(command, "CLAIMS", module.make(config))
        result = small.spikewhen(
            "claims", "F1", "--seeds", "0-1", "--json", "--threads", "1", "--out", tmp_path / "o"
        )
        assert result.exit_code == 0, result.stderr
        found.append(json.loads(result.stdout)["claims"][0]["findings"][0]["mean"])
    assert found[0] == found[1] and found[2] == pytest.approx(2 * found[0])
    assert len(counted["runs"]) == 2 and len(counted["measures"]) == 4


def test_a_killed_command_goes_on_where_it_stopped(done, tmp_path, monkeypatch):
    _, config, _ = done
    out = tmp_path / "o"
    words = ["--seeds", "0-5", "--threads", "2", "--out", str(out)]
    script = [sys.executable, fake_claims.__file__, str(config), "claims", *words]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while len(list(out.glob("measures/*/*.json"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)  # its processes have ended as well
    assert not (out / "claims.json").exists()
    kept = {k: v for k, v in state(out).items() if k.endswith((".h5", ".json"))}
    monkeypatch.setattr(command, "CLAIMS", fake_claims.make(config))
    result = small.spikewhen("claims", *words)
    assert result.exit_code == 0, result.stderr
    after = state(out)
    assert {k: after[k] for k in kept} == kept and len(after) > len(kept)
    assert {Path(k).suffix for k in after} == {".h5", ".json"}


def test_a_measure_that_fails_spoils_no_other_claim(done, tmp_path, monkeypatch):
    _, config, _ = done
    fakes = fake_claims.make(config, fake_claims.refuses_a_seed)
    monkeypatch.setattr(command, "CLAIMS", {"F1": fakes["F1"], "F2": fake_claims.make(config)["F2"]})
    result = small.spikewhen("claims", "--seeds", "0-1", "--threads", "1", "--out", tmp_path / "o")
    assert result.exit_code == 2
    last = result.stderr.splitlines()[-1]
    assert (
        last.startswith("error: base seed 1")
        and "claim F1" in last
        and "ZeroDivisionError: no event came" in last
    )
    assert [c["id"] for c in json.loads((tmp_path / "o" / "claims.json").read_text())["claims"]] == ["F2"]


def test_a_run_that_blows_up_spoils_no_other_claim(done, tmp_path, monkeypatch):
    _, config, _ = done
    wild = Protocol("wild", ("network.weight=1e305",), config=str(config))
    fakes = fake_claims.make(config)
    monkeypatch.setattr(command, "CLAIMS", {"W": replace(fakes["F1"], id="W", protocols=(wild,)), **fakes})
    result = small.spikewhen("claims", "W", "F1", "--seeds", "0", "--threads", "1", "--out", tmp_path / "o")
    assert result.exit_code == 2 and "error: wild seed 0" in result.stderr and "blew up" in result.stderr
    assert [c["id"] for c in json.loads((tmp_path / "o" / "claims.json").read_text())["claims"]] == ["F1"]


def test_warnings_of_runs_reach_the_terminal_and_the_reports(done, tmp_path, monkeypatch):
    _, config, _ = done
    quiet = Protocol("quiet", ("health.silent_max=0.0", "network.bias_pa=0.0"), config=str(config))
    claim = replace(fake_claims.make(config)["F1"], protocols=(quiet,))
    monkeypatch.setattr(command, "CLAIMS", {"F1": claim})
    result = small.spikewhen("claims", "--seeds", "0", "--out", tmp_path / "o")
    assert result.exit_code == 0 and "warning: quiet seed 0" in result.stderr
    found = json.loads((tmp_path / "o" / "claims.json").read_text())["protocols"]["quiet"]["warnings"]
    assert list(found) == ["0"] and "silent" in found["0"][0]
    for name in ("claims.md", "claims.html"):
        text = (tmp_path / "o" / name).read_text()
        assert "1 with warnings" in text


def test_two_protocols_cannot_share_a_name(done, tmp_path, monkeypatch):
    _, config, _ = done
    fakes = fake_claims.make(config)
    other = replace(
        fakes["F1"], id="O", protocols=(Protocol("base", ("network.n_neurons=50",), config=str(config)),)
    )
    with pytest.raises(ValueError, match="two protocols are called base"):
        run.make_plan([fakes["F1"], other], [0], tmp_path)


@pytest.mark.skipif(not why_not(), reason="there is a GPU")
def test_without_a_gpu_the_command_says_what_is_missing(claims, tmp_path):
    refused(claims("--backend", "gpu"), why_not().split(";")[0])
    assert not (tmp_path / "o").exists()


@needs_compiler
def test_a_gpu_takes_the_same_path_to_the_same_report(done, tmp_path, monkeypatch):
    folder, config, _ = done
    monkeypatch.setattr(spikewhen.gpu.backend, "CudaDevice", HostDevice)
    monkeypatch.setattr(command, "CLAIMS", fake_claims.make(config))
    result = small.spikewhen(
        "claims", "--quick", "--backend", "gpu", "--threads", "4", "--out", tmp_path / "o"
    )
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "o" / "claims.json").read_bytes() == (folder / "o" / "claims.json").read_bytes()


def test_dry_run_counts_shared_runs_once_and_writes_nothing(done, claims, tmp_path):
    folder, config, _ = done
    text = claims("--dry-run")
    assert text.exit_code == 0 and "40 of 40 runs to do, 60 measures" in text.stdout and "disk" in text.stdout
    command.CLAIMS.update(fake_claims.make(config))
    found = json.loads(claims("--dry-run", "--json", "--seeds", "0-3", out=folder / "o").stdout)
    assert found["claims"]["F1"]["runs"] == 4 and found["claims"]["F2"]["runs"] == 8
    assert found["all"]["runs"] == 8 and found["all"]["runs_to_do"] == 2
    assert not (tmp_path / "o").exists()


def test_json_is_alone_on_stdout_and_a_table_says_the_verdicts(copied):
    call, out = copied
    assert call("--quick", "--json").stdout == (out / "claims.json").read_text()
    lines = call("--quick").stdout.splitlines()
    assert lines[1].split()[0] == "F1" and "not shown" in lines[1]


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
    folder, *_ = done
    page = (folder / "o" / "claims.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert (
        "script" not in tags.tags
        and "i" not in tags.tags
        and "link" not in tags.tags
        and "img" not in tags.tags
    )
    assert all(link.startswith("#") for link in tags.links) and "url(" not in page and "@import" not in page
    text = "".join(tags.text)
    assert "First <script>" in text and "rate <i>" in text and "a note & more" in text
    assert "prefers-color-scheme: dark" in page and "@media print" in page


def test_markdown_tables_stay_tables(done):
    folder, *_ = done
    lines = (folder / "o" / "claims.md").read_text().splitlines()
    widths = [line.replace("\\|", "").count("|") for line in lines]
    for above, line, width, wide in zip(lines, lines[1:], widths, widths[1:], strict=False):
        if above.startswith("|") and line.startswith("|"):
            assert width == wide, line
    assert any("published \\| as such" in line for line in lines)


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("F3",), ("CLAIM = 'F3'", "F1, F2", "did you mean")),
        (("--seeds", "2-1"), ("--seeds", "2-1")),
        (("--seeds", "1", "--quick"), ("--seeds", "--quick")),
        (("--threads", "0"), ("--threads", ">= 1")),
        (("--backend", "tpu"), ("--backend", "cpu, gpu")),
    ],
)
def test_words_that_are_refused(claims, tmp_path, words, parts):
    refused(claims(*words), *parts)
    assert not (tmp_path / "o").exists()


def test_a_folder_that_cannot_be_written_is_refused(claims, tmp_path):
    (tmp_path / "file").write_text("in the way")
    refused(claims(out=tmp_path / "file" / "o"), "--out", "writable folder")


def test_claims_are_named_in_any_case_and_reported_in_their_order(copied):
    call, _ = copied
    found = json.loads(call("f2", "F1", "--quick", "--json").stdout)
    assert [c["id"] for c in found["claims"]] == ["F1", "F2"]
